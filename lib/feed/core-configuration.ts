import type { NativeCoreOptions } from '../native/addon.js'
import { configFault } from '../runtime/config.js'
import { type ConflateMemory, conflateRegionBytes, createConflateMemory } from '../runtime/conflation.js'
import { defaultRingBytes, Loop, loopInternals } from '../runtime/loop.js'
import { messageHeaderBytes } from '../runtime/message-view.js'
import { rowHeaderWords } from '../runtime/shape-layout.js'
import type { StatsMemory } from '../runtime/stats.js'
import type { CoreParsed } from './core-schema.js'
import { type RawDecoder, RowDecoder, rowInternals } from './decoder.js'
import type { CompiledShape } from './row-layout.js'

const mib = 1_048_576

/** What the core is told by every kind of feed but its heartbeat. */
type NativeShared = Omit<NativeCoreOptions, 'heartbeat'>

/** The part of a feed's configuration that all kinds share. */
export interface CoreConfiguration {
  /** The loop; a shared one is made when first asked for. */
  loop(): Loop
  /** Fresh conflation slots, or null when nothing is conflated. */
  conflateMemory(): ConflateMemory | null
  /** Bytes of the longest message that can pass undecoded. */
  readonly rawLimit: number
  /** A power of two, as the receive ring is mapped. */
  readonly recvBuffer: number
  readonly readChunk: number
  native(stats: StatsMemory, conflate: ConflateMemory | null): NativeShared
}

/**
 * Checks how rows or messages pass to JS: queue, ring, conflation.
 * @param kept whether rows of a shape stay in the core.
 * @param checkSchema throws with code `ERR_SCHEMA` when the core does not take the decoder's description.
 * @throws ConfigError naming the field at fault.
 */
export function configureCore(
  options: CoreParsed,
  decoder: RowDecoder | RawDecoder,
  subject: string,
  checkSchema: (description: string) => void,
  kept: (shape: CompiledShape) => boolean = () => false,
): CoreConfiguration {
  const given = options.loop
  const ringBytes = given instanceof Loop ? loopInternals(given).ringBytes : defaultRingBytes
  const ringWindow = options.queue.bytes ?? ringBytes / 2
  if (ringWindow > ringBytes / 2) {
    throw configFault(subject, ['queue', 'bytes'], `must be at most half of the loop's ring: ${ringBytes / 2}`)
  }
  const room = recordRoom(options, ringWindow)
  const shapes = decoder instanceof RowDecoder ? rowInternals(decoder) : null
  const conflates = options.overflow === 'conflate'
  if (shapes !== null) {
    checkShapes(
      shapes.compiled.filter((shape) => !kept(shape)),
      conflates ? null : room,
      subject,
    )
    try {
      checkSchema(shapes.description)
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ERR_SCHEMA') throw error
      throw configFault(subject, ['decode'], (error as Error).message)
    }
  }
  const slots = conflates && shapes !== null ? conflateSlots(options, shapes.compiled, kept, subject) : null
  const recvBuffer = recvBufferBytes(options)
  const { retries, storm, ...reconnect } = options.reconnect
  return {
    loop: () => (given instanceof Loop ? given : Loop.of(given)),
    conflateMemory: () => (slots === null ? null : createConflateMemory(slots)),
    rawLimit: room - messageHeaderBytes,
    recvBuffer,
    readChunk: Math.min(512 * 1_024, recvBuffer),
    native: (stats, conflate) => ({
      reconnect: {
        ...reconnect,
        retries: retries === Number.POSITIVE_INFINITY ? -1 : retries,
        stormFloor: storm.floor,
        stormAttempts: storm.attempts,
        stormWindow: storm.window,
      },
      overflow: options.overflow,
      ringWindow,
      pendingBytes: options.queue.pendingBytes,
      flushRows: options.batch.rows,
      flushInterval: options.batch.flushIntervalUs,
      conflateMemory: conflate?.memory ?? null,
      conflateRegions: conflate?.regions ?? [],
      connectLimit:
        options.connectLimit === undefined
          ? null
          : {
              name: options.connectLimit.name,
              count: options.connectLimit.count,
              per: options.connectLimit.perMs,
              bans: Object.entries(options.connectLimit.bans).map(([status, ms]) => ({
                status: Number(status),
                for: ms,
              })),
            },
      stats: stats.memory,
      sampleBytes: options.samples.bytes,
      sampleInterval: options.samples.interval,
    }),
  }
}

/** Bytes of the largest record that can ever pass: a larger one would be dropped, so nothing larger is allowed for. */
function recordRoom({ overflow, queue }: CoreParsed, ringWindow: number): number {
  const room = overflow === 'dropOldest' ? Math.min(ringWindow, queue.pendingBytes) : ringWindow
  return room - (room % 8)
}

/** @param room null when rows do not pass through the ring. */
function checkShapes(shapes: readonly CompiledShape[], room: number | null, subject: string): void {
  for (const { layout, widest } of shapes) {
    if (room === null || layout.maxRowBytes <= room) continue
    throw configFault(
      subject,
      ['decode', layout.name, ...(widest.name === '' ? [] : [widest.name])],
      `rows could take ${layout.maxRowBytes} bytes, and the queue passes ${room} at once: lower the field's maximum, or enlarge the queue or the loop's ring`,
    )
  }
}

function conflateSlots(
  { conflate }: CoreParsed,
  shapes: readonly CompiledShape[],
  kept: (shape: CompiledShape) => boolean,
  subject: string,
): { rowBytes: number; keys: number }[] {
  const slots = shapes.map((shape) => {
    const { layout } = shape
    // Regions are found by the shape's number: those of which no row comes have one all the same.
    if (kept(shape)) return { rowBytes: rowHeaderWords * 8, keys: 1 }
    return { rowBytes: layout.maxRowBytes, keys: layout.keyed ? conflate.keys : 1 }
  })
  const sizes = slots.map(({ rowBytes, keys }) => conflateRegionBytes(rowBytes, keys))
  const total = sizes.reduce((sum, size) => sum + size, 0)
  if (total > conflate.bytes) {
    const largest = shapes[sizes.indexOf(Math.max(...sizes))] as CompiledShape
    const field =
      largest.widest.name === '' ? '' : `, lower the maximum of ${largest.layout.name}.${largest.widest.name}`
    throw configFault(
      subject,
      ['conflate', 'bytes'],
      `the slots would take ${total} bytes: raise it${field} or lower conflate.keys`,
    )
  }
  return slots
}

function recvBufferBytes({ recvBuffer, expect }: CoreParsed): number {
  if (expect === undefined) return 2 ** Math.ceil(Math.log2(recvBuffer ?? mib))
  const burst = (expect.rate * expect.burstMs * expect.messageBytes) / 1_000
  return 2 ** Math.ceil(Math.log2(Math.min(256 * mib, Math.max(65_536, burst))))
}
