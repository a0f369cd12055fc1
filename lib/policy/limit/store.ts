import { LimitError } from './errors.js'
import type { Cells } from './meter.js'
import type { MeterSpec } from './meter-spec.js'

/**
 * Where the counts are kept as memory that can be read and written at once: this context's own ({@link localLimits}) or shared with
 * other threads and processes ({@link SharedLimitStore}).
 */
export interface MemoryLimitStore {
  readonly kind: 'memory'
  /** The clock that bucket and sliding meters are kept in: what its 0 is on the machine's clock. NaN: the limiter's own. */
  readonly machineOrigin: number
  /**
   * So many numbers under this key, all 0 when it is new; the same for everybody who shares the store.
   * @throws LimitError `ERR_RATE_LIMIT_KEYS` when there is no memory for another key.
   */
  cells(key: string, words: number): Cells
  /** Nobody else touches any cells until {@link unlock}. Held for microseconds; never twice by one holder. */
  lock(): void
  unlock(): void
  /** The key is not used any more by this user. A store that others share may keep it. */
  forget(key: string): void
}

/** One meter of a {@link RemoteCharge}. */
export interface RemoteMeter {
  readonly key: string
  readonly spec: MeterSpec
  readonly weight: number
  readonly share: number
}

/** What a request uses of a remote store. */
export interface RemoteCharge {
  readonly meters: readonly RemoteMeter[]
  /** Keys of what may be blocked: see `Limiter.block`. */
  readonly gates: readonly string[]
  /** The venue's clock, Unix milliseconds, for aligned windows. */
  readonly venueNow: number
}

/** What a remote store says to a charge. Times are milliseconds from now. */
export interface RemoteGrant {
  /** Everything was taken; otherwise nothing was. */
  readonly granted: boolean
  /** How long a gate is still closed; 0: all are open. */
  readonly blockedFor: number
  /** Per meter, how long until it has room, 0: it has; Infinity: it never will. */
  readonly waits: readonly number[]
  /** When granted, a mark per meter, for {@link RemoteLimitStore.observe}. */
  readonly marks: readonly number[]
}

/** What the venue told about one meter. */
export interface RemoteObservation {
  readonly key: string
  readonly spec: MeterSpec
  /** Level at the venue, NaN: not told. */
  readonly level: number
  /** The venue's limit, 0: not told. */
  readonly limit: number
  /** Of the grant that the venue answers, NaN: not known. */
  readonly mark: number
}

/** Where the counts are kept by somebody else, who takes each charge as a whole or not at all: {@link RedisLimitStore}. */
export interface RemoteLimitStore {
  readonly kind: 'remote'
  acquire(charge: RemoteCharge): Promise<RemoteGrant>
  observe(observations: readonly RemoteObservation[], venueNow: number): Promise<void>
  /** Closes a gate for so many milliseconds from now, unless it is closed for longer already; 0 opens it. */
  block(gate: string, forMs: number): Promise<void>
}

/** Keeps counts in this JS context's own memory. */
export class LocalLimitStore implements MemoryLimitStore {
  readonly kind = 'memory'
  readonly machineOrigin = Number.NaN
  readonly #cells = new Map<string, Cells>()
  readonly #maxKeys: number

  /** @param maxKeys different keys at a time. */
  constructor(maxKeys = 100_000) {
    this.#maxKeys = maxKeys
  }

  get size(): number {
    return this.#cells.size
  }

  cells(key: string, words: number): Cells {
    let cells = this.#cells.get(key)
    if (cells !== undefined && cells.numbers.length === words) return cells
    if (this.#cells.size >= this.#maxKeys) throw tooManyKeys(this.#maxKeys)
    cells = { numbers: new Float64Array(words), at: 0 }
    this.#cells.set(key, cells)
    return cells
  }

  // Nobody else runs meanwhile.
  lock(): void {}
  unlock(): void {}

  forget(key: string): void {
    this.#cells.delete(key)
  }
}

export function tooManyKeys(limit: number): LimitError {
  return new LimitError('ERR_RATE_LIMIT_KEYS', `more than ${limit} different rate limit keys`, Number.NaN)
}
