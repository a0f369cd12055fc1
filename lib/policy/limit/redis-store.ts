import { createHash } from 'node:crypto'
import { z } from 'zod'
import { parseConfig } from '../../runtime/config.js'
import { LimitError } from './errors.js'
import type { MeterSpec } from './meter-spec.js'
import { acquireScript, blockScript, observeScript } from './redis-script.js'
import type { RemoteCharge, RemoteGrant, RemoteLimitStore, RemoteObservation } from './store.js'

/** What is needed of a Redis client: that of the npm package `redis` has it. */
export interface RedisCommands {
  sendCommand(args: string[]): Promise<unknown>
}

/** Options of a {@link RedisLimitStore}. */
export interface RedisLimitStoreOptions {
  /** A connected client of the package `redis`, or anything with its `sendCommand`. */
  readonly client: RedisCommands
  /** Who has the same counts: everybody with the same text. Up to 128 characters, without braces. Default `'tickwire'`. */
  readonly namespace?: string | undefined
  /** Milliseconds on a clock that all users of the counts agree on. Default: that of the Redis server. */
  readonly now?: (() => number) | undefined
}

const isClient = (value: unknown): boolean => typeof (value as RedisCommands | null)?.sendCommand === 'function'

const optionsSchema = z.strictObject({
  client: z.custom<RedisCommands>(isClient, 'must have `sendCommand`'),
  namespace: z
    .string()
    .max(128)
    .regex(/^[^{}]*$/, 'must not contain braces')
    .default('tickwire'),
  now: z.custom<() => number>((value) => typeof value === 'function', 'must be a function').optional(),
})

interface Script {
  readonly text: string
  readonly sha: string
}

function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

const scripts = { acquire: script(acquireScript), observe: script(observeScript), block: script(blockScript) }

/**
 * Keeps counts in Redis (6 and newer), for processes on several machines. Each charge is one script, which Redis runs as a whole: one
 * round trip. All keys carry the same hash tag, so that a cluster keeps them together.
 */
export class RedisLimitStore implements RemoteLimitStore {
  readonly kind = 'remote'
  readonly #client: RedisCommands
  readonly #prefix: string
  readonly #now: () => string

  /** @throws ConfigError naming every field that is wrong. */
  constructor(options: RedisLimitStoreOptions) {
    const { client, namespace, now } = parseConfig('Redis limit store', optionsSchema, options)
    this.#client = client
    this.#prefix = `{${namespace}}:limit:`
    this.#now = now === undefined ? () => '' : () => String(now())
  }

  async acquire({ meters, gates, venueNow }: RemoteCharge): Promise<RemoteGrant> {
    const keys = [...gates, ...meters.map((meter) => meter.key)]
    const args = meters.flatMap((meter) => [...specArgs(meter.spec), String(meter.weight), String(meter.share)])
    const answer = await this.#run(scripts.acquire, keys, [
      this.#now(),
      String(venueNow),
      String(gates.length),
      ...args,
    ])
    const [granted, blockedFor, ...pairs] = numbersOf(answer, 2 + 2 * meters.length)
    return {
      granted: granted === 1,
      blockedFor: blockedFor ?? 0,
      waits: pairs.filter((_, i) => i % 2 === 0),
      marks: pairs.filter((_, i) => i % 2 === 1),
    }
  }

  async observe(observations: readonly RemoteObservation[], venueNow: number): Promise<void> {
    const args = observations.flatMap(({ spec, level, limit, mark }) => [
      ...specArgs(spec),
      Number.isNaN(level) ? 'nan' : String(level),
      String(limit),
      Number.isNaN(mark) ? 'nan' : String(mark),
    ])
    const keys = observations.map(({ key }) => key)
    await this.#run(scripts.observe, keys, [this.#now(), String(venueNow), ...args])
  }

  async block(gate: string, forMs: number): Promise<void> {
    await this.#run(scripts.block, [gate], [this.#now(), String(Math.max(0, forMs))])
  }

  async #run({ sha, text }: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const rest = [String(keys.length), ...keys.map((key) => this.#prefix + key), ...args]
    try {
      return await this.#client.sendCommand(['EVALSHA', sha, ...rest])
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw storeFailure(error)
    }
    try {
      return await this.#client.sendCommand(['EVAL', text, ...rest])
    } catch (error) {
      throw storeFailure(error)
    }
  }
}

/** The order in which the scripts read a spec. */
function specArgs(spec: MeterSpec): string[] {
  const per = spec.kind === 'bucket' ? spec.rate : spec.window
  const clockError = spec.kind === 'fixed' ? spec.clockError : 0
  const entries = spec.kind === 'sliding' ? spec.entries : 0
  return [spec.kind, String(spec.limit), String(per), String(spec.margin), String(clockError), String(entries)]
}

function numbersOf(answer: unknown, count: number): number[] {
  if (!Array.isArray(answer) || answer.length !== count) throw storeFailure(new Error('unexpected answer of Redis'))
  const numbers = answer.map((part: unknown) => (String(part) === 'inf' ? Number.POSITIVE_INFINITY : Number(part)))
  if (numbers.some((number) => Number.isNaN(number))) throw storeFailure(new Error('unexpected answer of Redis'))
  return numbers
}

function storeFailure(cause: unknown): LimitError {
  return new LimitError('ERR_RATE_LIMIT_STORE', 'the store of rate limit counts failed', Number.NaN, cause)
}
