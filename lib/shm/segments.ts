import { nativeShm } from '../native/shm.js'
import { parseConfig } from '../runtime/config.js'
import { toShmError } from './errors.js'
import { shmListSchema, shmUnlinkSchema } from './options.js'

/** A segment of this machine. */
export interface ShmSegmentInfo {
  readonly name: string
  /** Bytes of the file. */
  readonly bytes: number
  /** Whether it is a segment that this version reads; what follows is 0 otherwise. */
  readonly valid: boolean
  /** Whether a writer has it. */
  readonly alive: boolean
  /** Bytes of the ring. */
  readonly ring: number
  readonly epoch: number
  readonly writerPid: number
  /** Milliseconds since 1970. */
  readonly createdMs: number
}

/** Segments of this machine, by name. */
export const Shm = {
  /**
   * The segments of one user.
   * @param options `owner`: user id, default the effective user's; `directory` as for writers.
   * @throws ConfigError, ShmError.
   */
  list(
    options: { readonly owner?: number | undefined; readonly directory?: string | undefined } = {},
  ): ShmSegmentInfo[] {
    const { owner, directory } = parseConfig('options of Shm.list', shmListSchema, options)
    try {
      return nativeShm().shmList(directory ?? '', owner ?? -1)
    } catch (error) {
      throw toShmError(error, 'Shm.list')
    }
  },

  /**
   * Removes segments of the effective user that no writer has: what processes left that were killed. Readers that have one open keep
   * its memory until they close. Returns the names.
   * @param options `name`: only this one; `directory` as for writers.
   * @throws ConfigError, ShmError.
   */
  unlinkStale(options: { readonly name?: string | undefined; readonly directory?: string | undefined } = {}): string[] {
    const { name, directory } = parseConfig('options of Shm.unlinkStale', shmUnlinkSchema, options)
    try {
      return nativeShm().shmUnlinkStale(directory ?? '', name ?? '')
    } catch (error) {
      throw toShmError(error, 'Shm.unlinkStale')
    }
  },
} as const
