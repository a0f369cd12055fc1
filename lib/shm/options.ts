import { z } from 'zod'
import type { ShmFrom } from './ring-reader.js'

/** Options of {@link ShmWriter.create}. */
export interface ShmWriterOptions {
  /** Bytes of the ring, rounded up to a power of two: 64 KiB…1 GiB. Default 16 MiB. A message has at most a quarter of it. */
  readonly bytes?: number | undefined
  /** Bytes of the table, which keeps its entries for readers that come late: 0…64 MiB. Default 64 KiB. */
  readonly table?: number | undefined
  /** Permissions of the segment, at least 0o600, whatever the umask is. Default 0o600: processes of the same user. */
  readonly mode?: number | undefined
  /** Directory of segments. Default `/dev/shm` on Linux, the user's temporary directory on macOS. */
  readonly directory?: string | undefined
  /** Milliseconds between signs of life, while this thread's event loop turns; 0 = none. Default 100. */
  readonly heartbeat?: number | undefined
  /** Closes the writer when it is aborted. */
  readonly signal?: AbortSignal | undefined
}

/**
 * How a reader with listeners or an iteration waits.
 * - `park`: a thread sleeps until the writer wakes it. The default: costs nothing while nothing comes.
 * - `backoff`: looks on every turn of the event loop for a millisecond after the last message, then every millisecond.
 * - `spin`: looks all the time, and lets the event loop turn every 50 µs: for those who have a core to spare.
 */
export type ShmWait = 'park' | 'backoff' | 'spin'

/** Options of {@link ShmReader.open}. */
export interface ShmReaderOptions {
  /** How it waits. Default `'park'`. Has no effect on `poll()`. */
  readonly wait?: ShmWait | undefined
  /** Where to begin. Default `'newest'`. */
  readonly start?: ShmFrom | undefined
  /** Where to go on after messages were lost. Default `'newest'`: what comes then is fresh. */
  readonly resume?: 'newest' | 'oldest' | undefined
  /** Milliseconds to wait for a writer that is not there yet; `Infinity` = until `signal`. Default 0: fail at once. */
  readonly timeout?: number | undefined
  /** Milliseconds between looks after the writer. Default 100. */
  readonly checkInterval?: number | undefined
  /** User id that the segment must belong to. Default: the effective user's. */
  readonly owner?: number | undefined
  /** Directory of segments. Default as for writers. */
  readonly directory?: string | undefined
  /** Ends the waiting in `open()`, closes the reader. */
  readonly signal?: AbortSignal | undefined
}

const mib = 1_048_576
const hour = 3_600_000

const directory = z.string().regex(/^\//, 'must be an absolute path').optional()
const owner = z.int().min(0).max(0xffff_ffff).optional()
const signal = z.instanceof(AbortSignal, { error: 'must be an AbortSignal' }).optional()

export const shmNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/, 'must be 1 to 64 of A-Z a-z 0-9 . _ - and not start with a dot')

export const shmWriterSchema = z.strictObject({
  bytes: z
    .int()
    .min(1)
    .max(1_024 * mib)
    .default(16 * mib),
  table: z
    .int()
    .min(0)
    .max(64 * mib)
    .default(65_536),
  mode: z
    .int()
    .refine((mode) => (mode & ~0o666) === 0 && (mode & 0o600) === 0o600, 'must have 0o600 and nothing but 0o666')
    .default(0o600),
  directory,
  heartbeat: z.number().min(0).max(hour).default(100),
  signal,
})

export const shmReaderSchema = z.strictObject({
  wait: z.enum(['park', 'backoff', 'spin']).default('park'),
  start: z.enum(['newest', 'oldest', 'start']).default('newest'),
  resume: z.enum(['newest', 'oldest']).default('newest'),
  timeout: z.union([z.number().min(0).max(hour), z.literal(Number.POSITIVE_INFINITY)]).default(0),
  checkInterval: z.number().min(1).max(hour).default(100),
  owner,
  directory,
  signal,
})

export const shmListSchema = z.strictObject({ directory, owner })
export const shmUnlinkSchema = z.strictObject({ directory, name: shmNameSchema.optional() })
