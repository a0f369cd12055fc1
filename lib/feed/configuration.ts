import type { NativeFeedOptions } from '../native/addon.js'
import { configFault, parseConfig } from '../runtime/config.js'
import type { ConflateMemory } from '../runtime/conflation.js'
import { nativeSocket, nativeTls } from '../runtime/connect-options.js'
import { parseProxy } from '../runtime/connect-url.js'
import { core } from '../runtime/core.js'
import type { StatsMemory } from '../runtime/stats.js'
import { arbiterInternals } from './arbiter.js'
import { bringsOrders, isBookEvent } from './book-role.js'
import { type CoreConfiguration, configureCore } from './core-configuration.js'
import { type Decoder, RowDecoder, rowInternals, SbeDecoder } from './decoder.js'
import { feedBooksTarget } from './feed-books.js'
import { deflateDefaults, feedOptionsSchema, type ParsedOptions } from './options-schema.js'
import { type Endpoint, parseEndpoint } from './url.js'

const subject = 'feed options'
const mib = 1_048_576

/** A feed's options, checked also against each other: what a connection is opened with. */
export interface FeedConfiguration extends Omit<CoreConfiguration, 'native'> {
  readonly options: ParsedOptions
  readonly name: string
  readonly endpoint: Endpoint
  readonly decoder: Decoder
  /** What the core is told. */
  native(stats: StatsMemory, conflate: ConflateMemory | null, tap?: ArrayBuffer | null): NativeFeedOptions
}

/**
 * Checks everything about a feed that can be known before it connects.
 * @throws ConfigError naming every field at fault.
 */
export function configure(source: unknown): FeedConfiguration {
  const options = withArbiter(parseConfig(subject, feedOptionsSchema, source), source)
  const endpoint = parseEndpoint(options.url)
  if (options.tls !== undefined && !endpoint.secure) throw configFault(subject, ['tls'], 'needs a wss: URL')
  const proxy = options.proxy === undefined ? null : parseProxy(options.proxy, subject)
  const decoder = options.decode
  const keepsBooks = options.books !== undefined && !options.bookRows
  const shared = configureCore(
    options,
    decoder,
    subject,
    (description) =>
      decoder instanceof SbeDecoder ? core().checkSbeSchema(description) : core().checkSchema(description),
    ({ description }) => keepsBooks && isBookEvent(description),
  )
  const books = options.books === undefined ? null : feedBooksTarget(options.books)
  if (books !== null && (books.loop !== shared.loop() || books.wake !== options.wake)) {
    throw configFault(subject, ['books'], 'are on another loop, or have another `wake`')
  }
  if (books !== null && decoder instanceof RowDecoder) {
    for (const { description, layout } of rowInternals(decoder).compiled) {
      if (!isBookEvent(description) || bringsOrders(description) === books.orders) continue
      const [are, brings] = books.orders ? ['books of orders', 'levels'] : ['books of levels', 'orders']
      throw configFault(subject, ['books'], `are ${are}, and the shape '${layout.name}' brings ${brings}`)
    }
  }
  const maxMessage = messageLimit(options, decoder, shared.rawLimit)
  const deflate = options.deflate === true ? deflateDefaults : options.deflate === false ? null : options.deflate
  const { trigger, ...socket } = options.socket
  return {
    ...shared,
    // The slots are the arbiter's.
    conflateMemory: () => (options.arbiter === undefined ? shared.conflateMemory() : null),
    options,
    name: options.name ?? endpoint.origin,
    endpoint,
    decoder,
    native: (stats, conflate, tap) => ({
      ...shared.native(stats, conflate),
      host: endpoint.host,
      port: endpoint.port,
      path: endpoint.path,
      hostHeader: endpoint.hostHeader,
      tls: endpoint.secure ? nativeTls(options.tls) : null,
      proxy,
      socket: nativeSocket(socket),
      subprotocols: options.subprotocols,
      headers: Object.entries(options.headers),
      origin: options.origin ?? '',
      deflate,
      greeting: options.subscribe,
      tap: tap ?? null,
      arbiter: null, // joined when the feed opens
      arbiterPath: options.path,
      connectTimeout: options.timeouts.connect,
      handshakeTimeout: options.timeouts.handshake,
      closeTimeout: options.timeouts.close,
      heartbeat: {
        ping: options.heartbeat.ping,
        pongTimeout: options.heartbeat.pongTimeout,
        idle: options.heartbeat.idle,
        appPing: options.heartbeat.app?.text ?? '',
        appPingInterval: options.heartbeat.app?.interval ?? 0,
      },
      limits: { ...options.limits, maxMessage },
      recvBuffer: shared.recvBuffer,
      readChunk: shared.readChunk,
      schema: decoder instanceof RowDecoder ? rowInternals(decoder).description : null,
      format: decoder instanceof SbeDecoder ? 'sbe' : 'json',
      books: books?.native ?? null,
      bookRows: options.bookRows,
      trigger,
    }),
  }
}

/** Rows that an arbiter takes go its way: loop, wake and overflow are its own. */
function withArbiter(options: ParsedOptions, source: unknown): ParsedOptions {
  const { arbiter, path } = options
  if (arbiter === undefined) {
    if (path !== 0) throw configFault(subject, ['path'], 'needs an `arbiter`')
    return options
  }
  const { decoder, loop, wake, overflow, paths } = arbiterInternals(arbiter)
  if (options.decode !== decoder) throw configFault(subject, ['decode'], "must be the arbiter's")
  if (path >= paths) throw configFault(subject, ['path'], `must be below the arbiter's paths: ${paths}`)
  for (const name of ['loop', 'wake', 'overflow'] as const) {
    const given = (source as { readonly [name: string]: unknown })[name]
    if (given !== undefined && given !== { loop, wake, overflow }[name]) {
      throw configFault(subject, [name], "is the arbiter's to say")
    }
  }
  return { ...options, loop, wake, overflow }
}

/** A raw message has to pass as one record. */
function messageLimit({ limits }: ParsedOptions, decoder: Decoder, most: number): number {
  if (decoder.kind !== 'raw') return limits.maxMessage ?? 16 * mib
  if (limits.maxMessage !== undefined && limits.maxMessage > most) {
    throw configFault(
      subject,
      ['limits', 'maxMessage'],
      `must be at most ${most} for undecoded messages: what the queue passes at once`,
    )
  }
  return limits.maxMessage ?? Math.min(16 * mib, most)
}
