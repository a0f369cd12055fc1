import type { NativeFeed } from '../native/addon.js'
import { core } from '../runtime/core.js'
import { arbiterInternals } from './arbiter.js'
import { configure, type FeedConfiguration } from './configuration.js'
import type { Decoder } from './decoder.js'
import type { ConnectionInfo, FeedEvents, FeedItem } from './events.js'
import { FeedBase } from './feed-base.js'
import type { FeedOptions } from './options.js'
import { Recording } from './recording.js'

const normalClosure = 1_000

/**
 * A market-data source on a WebSocket: connected, kept alive, read and decoded on a native loop, handed to JS as typed rows.
 *
 * ```ts
 * const feed = new Feed({ url: 'wss://…', decode: json({ symbol: json.symbol('/s'), bid: json.number('/b') }) })
 * feed.on('rows', (rows) => {
 *   for (const tick of rows) strategy(tick.symbol, tick.bid)
 * })
 * await feed.open()
 * ```
 */
export class Feed<const D extends Decoder = Decoder> extends FeedBase<
  FeedEvents<D>,
  FeedItem<D>,
  ConnectionInfo,
  NativeFeed
> {
  readonly #configuration: FeedConfiguration
  readonly #recording: Recording | null
  #greetings = 0

  /**
   * Checks the options; connects to nothing yet.
   * @throws ConfigError naming every option at fault. Error when the native part cannot be loaded.
   */
  constructor(options: FeedOptions<D>) {
    const configuration = configure(options)
    const { options: parsed, endpoint } = configuration
    const recording = parsed.record === undefined ? null : new Recording(parsed.record, endpoint.href)
    super({
      name: configuration.name,
      decoder: configuration.decoder,
      batchRows: parsed.batch.rows,
      wake: parsed.wake,
      signal: parsed.signal,
      defaultCa: endpoint.secure && parsed.tls?.ca === undefined,
      closedByUser: 'ERR_WS_CLOSED_BY_USER',
      connectionOf: (text) => JSON.parse(text) as ConnectionInfo,
      loop: () => configuration.loop(),
      conflateMemory: () => configuration.conflateMemory(),
      create: (channel, stats, conflate) => {
        const native = configuration.native(stats, conflate, recording?.begin() ?? null)
        const { arbiter } = parsed
        return new (core().Feed)(
          channel,
          arbiter === undefined ? native : { ...native, arbiter: arbiterInternals(arbiter).join() },
        )
      },
      released: () => recording?.end(),
      endedWell: (reason, detail) => reason === 'ERR_WS_CLOSED' && detail === normalClosure,
    })
    this.#configuration = configuration
    this.#recording = recording
  }

  /** The URL, normalized. May hold secrets of the user's in its query. */
  get url(): string {
    return this.#configuration.endpoint.href
  }

  /**
   * Closes with a closing handshake (at most `timeouts.close`). Resolves when the feed has ended; at once when it was not open.
   * Rows that are still underway go to listeners; async iteration ends.
   * @param code 1000…4999 as RFC 6455 section 7.4 allows a client to send. @param reason at most 123 bytes of UTF-8.
   */
  override close(code: number = normalClosure, reason = ''): Promise<void> {
    if (this.native !== null && !this.isClosing) {
      if (!Number.isInteger(code) || code < 1_000 || code > 4_999) {
        return Promise.reject(new RangeError('a close code is an integer from 1000 to 4999'))
      }
      if (Buffer.byteLength(reason) > 123) return Promise.reject(new RangeError('a close reason has at most 123 bytes'))
    }
    return this.closeWith(code, reason)
  }

  /**
   * What is sent first on later connections, in place of the option `subscribe` (at most 1,024 messages); a connection that is open does not
   * hear of it. A feed that is opened again starts with the option.
   * @returns a number for `subscribeNumber`.
   */
  setSubscribe(messages: readonly (string | Uint8Array)[]): number {
    if (messages.length > 1_024) throw new RangeError('at most 1,024 messages are sent when a connection opens')
    this.#greetings += 1
    this.native?.setGreeting(messages, this.#greetings)
    return this.#greetings
  }

  /** Which messages the connection was opened with: 0, those of the option, or a number that `setSubscribe` gave. */
  get subscribeNumber(): number {
    return this.statsMemory.greeting
  }

  /**
   * What an arbiter made of its rows, as of now: those that were the first, copies, and what the copies came behind, summed. And all bytes that have
   * come.
   */
  arbitration(): {
    readonly rows: number
    readonly duplicates: number
    readonly copyLagNs: number
    readonly bytes: number
  } {
    return this.statsMemory.arbitration()
  }

  /**
   * Sends a text (string) or binary message, from this thread when nothing is queued.
   * @throws FeedError `ERR_NOT_OPEN`, `ERR_SEND_QUEUE_FULL` (nothing was queued), `ERR_WS_MESSAGE_TOO_LARGE`.
   */
  send(data: string | Uint8Array): void {
    const { native } = this
    this.check(native === null ? -1 : native.send(data))
    this.#recording?.sent(data)
  }

  /** Sends several messages with one write. @throws FeedError as `send`; then none of them is sent. */
  sendBatch(data: readonly (string | Uint8Array)[]): void {
    const { native } = this
    this.check(native === null ? -1 : native.sendBatch(data))
    if (this.#recording !== null) for (const each of data) this.#recording.sent(each)
  }
}
