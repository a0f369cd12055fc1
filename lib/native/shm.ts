import { loadAddon } from './loader.js'

/** Everything is given. The last four are a writer's. */
export interface NativeShmOptions {
  readonly role: 'writer' | 'reader'
  readonly name: string
  /** '': the system's usual one. */
  readonly directory: string
  /** User id; −1: the effective user. */
  readonly owner: number
  readonly ring: number
  readonly table: number
  readonly mode: number
  readonly firstPosition: number
}

/** A mapped segment. The ring in it is read and written in `memory` (`lib/shm/layout.ts`), by no call of these. */
export interface NativeShmSegment {
  /** Valid for as long as anybody has it. A reader's must not be written: the process would be ended by the system. */
  readonly memory: ArrayBuffer
  readonly ring: number
  readonly table: number
  readonly dataOffset: number
  readonly epoch: number
  readonly writerPid: number
  readonly path: string
  /** Wakes the readers that sleep. */
  wake(): void
  /** A writer's sign of life. */
  beat(): void
  /** Whether a writer's process has it open. One system call. */
  writerAlive(): boolean
  /** Starts the thread that sleeps for this reader. `onMore` is called once per arm(). */
  watch(onMore: () => void): void
  /** `onMore` when the published position is another than this one. */
  arm(low: number, high: number): void
  /** Whether the watching keeps the process alive. */
  ref(): void
  unref(): void
  /** A writer's gives up the name, a reader's its descriptor. */
  close(): void
}

export interface NativeShmListed {
  readonly name: string
  readonly bytes: number
  readonly valid: boolean
  readonly alive: boolean
  readonly ring: number
  readonly epoch: number
  readonly writerPid: number
  readonly createdMs: number
}

/** What the addon exports for shared memory. */
export interface NativeShm {
  readonly ShmSegment: new (options: NativeShmOptions) => NativeShmSegment
  shmList(directory: string, owner: number): NativeShmListed[]
  /** Returns the names that were removed. `name` '': of all. */
  shmUnlinkStale(directory: string, name: string): string[]
}

export function nativeShm(): NativeShm {
  return loadAddon() as NativeShm
}
