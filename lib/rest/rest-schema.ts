import { z } from 'zod'
import { ClockOffset } from '../policy/clock-offset.js'
import { Limiter } from '../policy/limit/limiter.js'
import { RemoteLimiter } from '../policy/limit/remote-limiter.js'
import { PolicySet } from '../policy/policy-set.js'
import type { VenuePolicy } from '../policy/venue/venue.js'
import { configFault, parseConfig } from '../runtime/config.js'
import type { Auth } from '../sign/auth.js'
import type { Lookup, RestChanges, RestEndpoint, RestOptions, RestServerTime } from './rest-options.js'

const subject = 'Rest options'

const url = z.union([z.string(), z.instanceof(URL)], { error: 'must be a string or a URL' })
const endpoint = z
  .union([url, z.strictObject({ url, weight: z.number().min(0.01).max(1_000).default(1) })], {
    error: 'must be a URL or an endpoint',
  })
  .transform((given) => (typeof given === 'string' || given instanceof URL ? { url: given, weight: 1 } : given))

const isFunction = (value: unknown): boolean => typeof value === 'function'
const path = z.string().regex(/^\/[^\s#]*$/, 'must start with a slash')
const timeout = z.number().min(1).max(60_000).default(2_000)
const weight = z.number().min(0).max(1e12).default(1)

/** What `Rest.use` takes. */
const changes = {
  endpoints: z.array(endpoint).min(1).max(64).optional(),
  auth: z
    .custom<Auth | null>((value) => value === null || isFunction((value as Auth | null)?.sign), 'must have `sign`')
    .optional(),
  venue: z
    .custom<VenuePolicy | null>(
      (value) => value === null || isFunction((value as VenuePolicy | null)?.error),
      'must be a venue, as `binance`',
    )
    .optional(),
  lookup: z.custom<Lookup | null>((value) => value === null || isFunction(value), 'must be a function').optional(),
  limits: z.unknown().optional(),
  retry: z.unknown().optional(),
  breaker: z.unknown().optional(),
  balance: z.unknown().optional(),
}

const changesSchema = z.strictObject(changes)

const optionsSchema = z
  .strictObject({
    ...changes,
    endpoints: z.array(endpoint).min(1).max(64),
    warm: z.int().min(0).max(256).default(0),
    http: z.custom<object>((value) => typeof value === 'object' && value !== null, 'must be an object').default({}),
    limiter: z
      .custom<Limiter | RemoteLimiter>(
        (value) => value instanceof Limiter || value instanceof RemoteLimiter,
        'must be a Limiter or a RemoteLimiter',
      )
      .optional(),
    store: z.unknown().optional(),
    queue: z.unknown().optional(),
    account: z.string().max(256).default(''),
    probe: z.strictObject({ path, method: z.string().min(1).max(32).default('GET'), timeout, weight }).optional(),
    serverTime: z
      .strictObject({
        path,
        read: z.custom<RestServerTime['read']>(isFunction, 'must be a function'),
        timeout,
        weight,
      })
      .optional(),
    clock: z.instanceof(ClockOffset, { error: 'must be a ClockOffset' }).optional(),
    silence: z.number().min(0).max(3_600_000).default(1_000),
    signal: z.instanceof(AbortSignal, { error: 'must be an AbortSignal' }).optional(),
  })
  .refine(({ limiter, limits, store, queue }) => limiter === undefined || (limits ?? store ?? queue) === undefined, {
    path: ['limiter'],
    message: 'brings its own limits, store and queue',
  })

export type ParsedRestOptions = z.output<typeof optionsSchema>
export type ParsedProbe = NonNullable<ParsedRestOptions['probe']>
export type ParsedServerTime = NonNullable<ParsedRestOptions['serverTime']>

/** @throws ConfigError naming every field that is wrong. */
export function checkRestOptions(options: RestOptions): ParsedRestOptions {
  return parseConfig(subject, optionsSchema, options)
}

/** @throws ConfigError naming every field that is wrong. */
export function checkRestChanges(options: RestChanges): z.output<typeof changesSchema> {
  return parseConfig(subject, changesSchema, options)
}

/** How requests are treated: checked once, never changed. A request keeps the one that it began with. */
export interface RestSet {
  readonly policies: PolicySet
  readonly endpoints: readonly Required<RestEndpoint>[]
  readonly auth: Auth | null
  readonly venue: VenuePolicy | null
  readonly lookup: Lookup | null
}

/** @throws ConfigError naming what is wrong. */
export function firstSet(options: RestOptions, parsed: ParsedRestOptions): RestSet {
  const { venue = null, auth = null, lookup = null } = parsed
  const { retry, breaker, balance } = options
  const limits = options.limits ?? (options.limiter === undefined ? venue?.limits() : undefined)
  const policies = new PolicySet({ limits, retry, breaker, balance })
  if (parsed.probe !== undefined && policies.balance.health.interval === 0) {
    throw configFault(subject, ['probe'], 'needs `balance.health.interval`')
  }
  return Object.freeze({ policies, endpoints: parsed.endpoints as Required<RestEndpoint>[], auth, venue, lookup })
}

/** @throws ConfigError naming what is wrong. */
export function nextSet(set: RestSet, options: RestChanges): RestSet {
  const { endpoints, auth, venue, lookup } = checkRestChanges(options)
  const { limits, retry, breaker, balance } = options
  return Object.freeze({
    policies: set.policies.with({ limits, retry, breaker, balance }),
    endpoints: (endpoints as Required<RestEndpoint>[] | undefined) ?? set.endpoints,
    auth: auth === undefined ? set.auth : auth,
    venue: venue === undefined ? set.venue : venue,
    lookup: lookup === undefined ? set.lookup : lookup,
  })
}
