import { RecordKind } from '../native/addon.js'
import type { Channel } from '../runtime/channel.js'
import { ControlSink } from '../runtime/control-sink.js'
import { errorCode } from '../runtime/core.js'
import type { Emitter } from '../runtime/emitter.js'
import type { MemoryViews } from '../runtime/row-window.js'
import type { Exchange } from './exchange.js'
import { Exchanges } from './exchanges.js'
import { ResponseRecord, readConnection, readFailed, readPiece, requestOf } from './records.js'

/** A connection that opened. */
export interface HttpConnection {
  readonly address: string
  readonly port: number
  /** `'1'` or `'2'`. */
  readonly version: string
  /** '' when it is not TLS. */
  readonly tlsVersion: string
  readonly tlsCipher: string
  readonly alpn: string
  /** A TLS session was resumed. */
  readonly tlsResumed: boolean
}

/** Why a connection closed, or could not be opened. */
export interface HttpDisconnect {
  /** Whether it had been open. */
  readonly opened: boolean
  /** Stable code; null for an orderly end. */
  readonly code: string | null
  readonly detail: number
  readonly message: string
}

export interface HttpClientEvents {
  connect: HttpConnection
  disconnect: HttpDisconnect
}

/** Takes the pool's records to the requests that they belong to. */
export class PoolSink extends ControlSink {
  readonly exchanges = new Exchanges()
  readonly #emitter: Emitter<HttpClientEvents>
  readonly #settled: () => void
  readonly #channel: () => Channel

  constructor(emitter: Emitter<HttpClientEvents>, channel: () => Channel, settled: () => void) {
    super()
    this.#emitter = emitter
    this.#channel = channel
    this.#settled = settled
  }

  override onOther(type: number, word: number, views: MemoryViews): void {
    if (type === RecordKind.httpResponse) {
      const record = new ResponseRecord(views, word)
      const exchange = this.exchanges.get(record.id)
      if (exchange?.onResponse(record) === true) this.#forget(exchange)
      return
    }
    if (type === RecordKind.httpConnection) {
      this.#onConnection(word, views)
      return
    }
    const exchange = this.exchanges.get(requestOf(views, word))
    if (exchange === null) return
    if (type === RecordKind.httpPiece) {
      exchange.onPiece(readPiece(views, word))
    } else if (type === RecordKind.httpEnd) {
      exchange.onEnd()
      this.#forget(exchange)
    } else if (type === RecordKind.httpFailed) {
      exchange.onFailed(readFailed(views, word))
      this.#forget(exchange)
    }
  }

  #forget(exchange: Exchange): void {
    this.exchanges.remove(exchange)
    this.#settled()
  }

  #onConnection(word: number, views: MemoryViews): void {
    const { open, major, error, detail, text } = readConnection(views, word)
    const { fail } = this.#channel()
    if (!open) {
      const code = errorCode(error)
      this.#emitter.slot('disconnect').emit({ opened: major !== 0, code, detail, message: text }, fail)
      return
    }
    const [address = '', port = '0', tlsVersion = '', tlsCipher = '', alpn = '', resumed = ''] = text.split('\n')
    this.#emitter.slot('connect').emit(
      {
        address,
        port: Number(port),
        version: String(major),
        tlsVersion,
        tlsCipher,
        alpn,
        tlsResumed: resumed === '1',
      },
      fail,
    )
  }
}
