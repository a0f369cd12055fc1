import { z } from 'zod'
import { text } from '../feed/decoder.js'
import type { FeedOptions } from '../feed/options.js'
import type { ClockOffset } from '../policy/clock-offset.js'
import { Limiter } from '../policy/limit/limiter.js'
import { RemoteLimiter } from '../policy/limit/remote-limiter.js'
import type { RequestKind } from '../policy/limit/rule.js'
import { Rest } from '../rest/rest.js'
import { parseConfig } from '../runtime/config.js'
import type { SessionProtocol } from './protocol.js'

/** The connection: everything that a `Feed` takes but for what a session decides itself. */
export type SessionConnection = Omit<
  FeedOptions,
  'url' | 'decode' | 'name' | 'subscribe' | 'overflow' | 'conflate' | 'wake' | 'signal'
>

/** Options of a {@link RequestSession}. */
export interface SessionOptions {
  /** `ws:` or `wss:`. */
  readonly url: string | URL
  /** How messages look: `binanceSession({ auth })`, `bybitSession({ auth })`, `okxSession({ auth })`, or one's own. */
  readonly protocol: SessionProtocol
  /** TLS, proxy, loop, reconnect, heartbeat, …. */
  readonly connection?: SessionConnection | undefined
  /** Whose limits and clock it shares. Default: none. */
  readonly rest?: Rest | undefined
  /** Limits, where there is no `rest`. Default: none. */
  readonly limiter?: Limiter | RemoteLimiter | undefined
  /** The venue's clock, where there is no `rest`. Default: ours. */
  readonly clock?: ClockOffset | undefined
  /** Account that requests are counted for unless they say otherwise. Default `''`. */
  readonly account?: string | undefined
  readonly timeouts?:
    | {
        /** Milliseconds from sending to the answer, 1…3,600,000. Default 10,000. */
        readonly answer?: number | undefined
        /** The same of a login. Default 10,000. */
        readonly login?: number | undefined
      }
    | undefined
  /** Requests under way at once, 1…1,000,000; one more is refused. Default 1,024. */
  readonly inFlight?: number | undefined
  /** Milliseconds of silence for a venue that does not say how long it wants some, 0…3,600,000. Default 1,000. */
  readonly silence?: number | undefined
  /** Name in errors. Default: scheme, host and port. */
  readonly name?: string | undefined
  /** Cuts the session. */
  readonly signal?: AbortSignal | undefined
}

/** One request over a session. */
export interface SessionRequest {
  /** What it weighs on the limits, 0…1e12. Default 1. */
  readonly weight?: number | undefined
  /** Orders in it. Default 1. */
  readonly count?: number | undefined
  /** Default `'order'`: what is taken for an order is never counted too little. */
  readonly kind?: RequestKind | undefined
  /** Lower goes first. Default: by `kind`. */
  readonly priority?: number | undefined
  readonly account?: string | undefined
  readonly instrument?: string | undefined
  /** Name of the endpoint for limits that count by it. Default: the method. */
  readonly route?: string | undefined
  /** Milliseconds that it may wait for the limits, 0…86,400,000. Default: the queue's `wait`. */
  readonly wait?: number | undefined
  /** Milliseconds from sending to the answer. Default: `timeouts.answer`. */
  readonly timeout?: number | undefined
  /** Whether it is signed. Default true. */
  readonly auth?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

const isProtocol = (value: unknown): boolean =>
  ['request', 'login', 'answer'].every(
    (name) => typeof (value as Record<string, unknown> | null)?.[name] === 'function',
  )

const ms = z.number().min(1).max(3_600_000)
const schema = z
  .strictObject({
    url: z.unknown(),
    protocol: z.custom<SessionProtocol>(isProtocol, 'must be a session protocol'),
    connection: z.record(z.string(), z.unknown()).default({}),
    rest: z.instanceof(Rest, { error: 'must be a Rest' }).optional(),
    limiter: z
      .custom<Limiter | RemoteLimiter>(
        (value) => value instanceof Limiter || value instanceof RemoteLimiter,
        'must be a Limiter or a RemoteLimiter',
      )
      .optional(),
    clock: z.custom<ClockOffset>((value) => typeof (value as ClockOffset | null)?.timestamp === 'function').optional(),
    account: z.string().max(256).default(''),
    timeouts: z.strictObject({ answer: ms.default(10_000), login: ms.default(10_000) }).prefault({}),
    inFlight: z.int().min(1).max(1_000_000).default(1_024),
    silence: z.number().min(0).max(3_600_000).default(1_000),
    name: z.string().min(1).max(256).optional(),
    signal: z.instanceof(AbortSignal, { error: 'must be an AbortSignal' }).optional(),
  })
  .refine(({ rest, limiter, clock }) => rest === undefined || (limiter ?? clock) === undefined, {
    path: ['rest'],
    message: 'brings limiter and clock',
  })

export type ParsedSessionOptions = z.output<typeof schema>

/** @throws ConfigError naming every field that is wrong. */
export function checkSessionOptions(options: SessionOptions): ParsedSessionOptions {
  return parseConfig('session options', schema, options)
}

/** What the feed under a session is made with. */
export function feedOptions(options: SessionOptions): FeedOptions<ReturnType<typeof text>> {
  const { url, connection, name, signal } = options
  return { ...connection, url, decode: text(), ...(name === undefined ? {} : { name }), signal }
}
