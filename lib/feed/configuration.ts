import type { NativeFeedOptions } from '../native/addon.js'
import { configFault, parseConfig } from '../runtime/config.js'
import { type ConflateMemory, conflateRegionBytes, createConflateMemory } from '../runtime/conflation.js'
import { nativeSocket, nativeTls } from '../runtime/connect-options.js'
import { parseProxy } from '../runtime/connect-url.js'
import { core } from '../runtime/core.js'
import { defaultRingBytes, Loop, loopInternals } from '../runtime/loop.js'
import { messageHeaderBytes } from '../runtime/message-view.js'
import type { StatsMemory } from '../runtime/stats.js'
import { type Decoder, rowInternals } from './decoder.js'
import { deflateDefaults, feedOptionsSchema, type ParsedOptions } from './options-schema.js'
import type { CompiledShape } from './row-layout.js'
import { type Endpoint, parseEndpoint } from './url.js'

const subject = 'feed options'
const mib = 1_048_576

/** A feed's options, checked also against each other: what a connection is opened with. */
export interface FeedConfiguration {
  readonly options: ParsedOptions
  readonly name: string
  readonly endpoint: Endpoint
  readonly decoder: Decoder
  /** The loop; a shared one is made when first asked for. */
  loop(): Loop
  /** Fresh conflation slots, or null when nothing is conflated. */
  conflateMemory(): ConflateMemory | null
  /** What the core is told. */
  native(stats: StatsMemory, conflate: ConflateMemory | null): NativeFeedOptions
}

/**
 * Checks everything about a feed that can be known before it connects.
 * @throws ConfigError naming every field at fault.
 */
export function configure(source: unknown): FeedConfiguration {
  const options = parseConfig(subject, feedOptionsSchema, source)
  const endpoint = parseEndpoint(options.url)
  if (options.tls !== undefined && !endpoint.secure) throw configFault(subject, ['tls'], 'needs a wss: URL')
  const proxy = options.proxy === undefined ? null : parseProxy(options.proxy, subject)
  const decoder = options.decode
  const given = options.loop
  const ringBytes = given instanceof Loop ? loopInternals(given).ringBytes : defaultRingBytes
  const ringWindow = options.queue.bytes ?? ringBytes / 2
  if (ringWindow > ringBytes / 2) {
    throw configFault(subject, ['queue', 'bytes'], `must be at most half of the loop's ring: ${ringBytes / 2}`)
  }
  const shapes = decoder.kind === 'json' ? rowInternals(decoder) : null
  const room = recordRoom(options, ringWindow)
  if (shapes !== null) checkShapes(shapes.description, shapes.compiled, options.overflow === 'conflate' ? null : room)
  const maxMessage = messageLimit(options, decoder, room)
  const slots = options.overflow === 'conflate' && shapes !== null ? conflateSlots(options, shapes.compiled) : null
  const tls = options.tls
  const deflate = options.deflate === true ? deflateDefaults : options.deflate === false ? null : options.deflate
  const { retries, storm, ...reconnect } = options.reconnect
  const { trigger, ...socket } = options.socket
  return {
    options,
    name: options.name ?? endpoint.origin,
    endpoint,
    decoder,
    loop: () => (given instanceof Loop ? given : Loop.of(given)),
    conflateMemory: () => (slots === null ? null : createConflateMemory(slots)),
    native: (stats, conflate) => ({
      host: endpoint.host,
      port: endpoint.port,
      path: endpoint.path,
      hostHeader: endpoint.hostHeader,
      tls: endpoint.secure ? nativeTls(tls) : null,
      proxy,
      socket: nativeSocket(socket),
      subprotocols: options.subprotocols,
      headers: Object.entries(options.headers),
      origin: options.origin ?? '',
      deflate,
      greeting: options.subscribe,
      connectTimeout: options.timeouts.connect,
      handshakeTimeout: options.timeouts.handshake,
      closeTimeout: options.timeouts.close,
      reconnect: {
        ...reconnect,
        retries: retries === Number.POSITIVE_INFINITY ? -1 : retries,
        stormFloor: storm.floor,
        stormAttempts: storm.attempts,
        stormWindow: storm.window,
      },
      heartbeat: {
        ping: options.heartbeat.ping,
        pongTimeout: options.heartbeat.pongTimeout,
        idle: options.heartbeat.idle,
        appPing: options.heartbeat.app?.text ?? '',
        appPingInterval: options.heartbeat.app?.interval ?? 0,
      },
      limits: { ...options.limits, maxMessage },
      recvBuffer: recvBufferBytes(options),
      readChunk: Math.min(512 * 1_024, recvBufferBytes(options)),
      overflow: options.overflow,
      ringWindow,
      pendingBytes: options.queue.pendingBytes,
      flushRows: options.batch.rows,
      flushInterval: options.batch.flushIntervalUs,
      schema: shapes?.description ?? null,
      conflateMemory: conflate?.memory ?? null,
      conflateRegions: conflate?.regions ?? [],
      stats: stats.memory,
      sampleBytes: options.samples.bytes,
      sampleInterval: options.samples.interval,
      trigger,
    }),
  }
}

/** Bytes of the largest record that can ever pass: a larger one would be dropped, so nothing larger is allowed for. */
function recordRoom({ overflow, queue }: ParsedOptions, ringWindow: number): number {
  const room = overflow === 'dropOldest' ? Math.min(ringWindow, queue.pendingBytes) : ringWindow
  return room - (room % 8)
}

/** @param room null when rows do not pass through the ring. */
function checkShapes(description: string, shapes: readonly CompiledShape[], room: number | null): void {
  for (const { layout, widest } of shapes) {
    if (room === null || layout.maxRowBytes <= room) continue
    throw configFault(
      subject,
      ['decode', layout.name, ...(widest.name === '' ? [] : [widest.name])],
      `rows could take ${layout.maxRowBytes} bytes, and the queue passes ${room} at once: lower the field's maximum, or enlarge the queue or the loop's ring`,
    )
  }
  try {
    core().checkSchema(description)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_SCHEMA') throw error
    throw configFault(subject, ['decode'], (error as Error).message)
  }
}

/** A raw message has to pass as one record. */
function messageLimit({ limits }: ParsedOptions, decoder: Decoder, room: number): number {
  if (decoder.kind === 'json') return limits.maxMessage ?? 16 * mib
  const most = room - messageHeaderBytes
  if (limits.maxMessage !== undefined && limits.maxMessage > most) {
    throw configFault(
      subject,
      ['limits', 'maxMessage'],
      `must be at most ${most} for undecoded messages: what the queue passes at once`,
    )
  }
  return limits.maxMessage ?? Math.min(16 * mib, most)
}

function conflateSlots(
  { conflate }: ParsedOptions,
  shapes: readonly CompiledShape[],
): { rowBytes: number; keys: number }[] {
  const slots = shapes.map(({ layout }) => ({ rowBytes: layout.maxRowBytes, keys: layout.keyed ? conflate.keys : 1 }))
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

/** A power of two, as the receive ring is mapped. */
function recvBufferBytes({ recvBuffer, expect }: ParsedOptions): number {
  if (expect === undefined) return 2 ** Math.ceil(Math.log2(recvBuffer ?? mib))
  const burst = (expect.rate * expect.burstMs * expect.messageBytes) / 1_000
  return 2 ** Math.ceil(Math.log2(Math.min(256 * mib, Math.max(65_536, burst))))
}
