import type { IncomingHttpHeaders } from 'node:http'
import type { CaptureRecord } from '../capture/record.js'
import type { Account } from './engine/account.js'
import type { Engine } from './engine/engine.js'
import type { OrderEvent } from './engine/order.js'
import type { Instrument } from './market/instrument.js'
import type { Market } from './market/market.js'
import type { LevelText, Side } from './market/market-book.js'
import type { AppliedChange, OrderQueues } from './market/order-queues.js'
import type { CheckedOptions } from './options.js'
import type { Peer, PeerHandler, SocketRules } from './server/peer.js'

/** What a recorded message says of the market. */
export type MarketEffect =
  | {
      readonly kind: 'levels'
      readonly symbol: string
      /** Replaces the book instead of changing it. */
      readonly snapshot: boolean
      /** Levels beyond as many as the last snapshot had are forgotten without a word. */
      readonly truncates?: boolean
      /** How many levels the venue keeps on it; the deepest of several is the book. Default: all. */
      readonly depth?: number
      readonly bids: readonly LevelText[]
      readonly asks: readonly LevelText[]
      /** First and last update that it stands for; NaN where the venue numbers nothing. */
      readonly first: number
      readonly last: number
    }
  | { readonly kind: 'top'; readonly symbol: string; readonly bid: LevelText; readonly ask: LevelText }
  | {
      readonly kind: 'trade'
      readonly symbol: string
      /** Who took. */
      readonly side: Side
      readonly price: string
      readonly size: string
    }

/** A recorded message as a venue would send it again. */
export interface TapeMessage {
  /** What has to be subscribed to be sent it. */
  readonly topic: string
  /** The message without what depends on the socket. */
  readonly payload: string
}

/** A snapshot of a book that was asked for by REST. */
export interface TapeSnapshot {
  readonly symbol: string
  readonly updateId: number
  readonly bids: readonly LevelText[]
  readonly asks: readonly LevelText[]
}

/** A request that has come over HTTP. */
export interface MockRequest {
  readonly method: string
  readonly path: string
  /** Encoded, without `?`. */
  readonly query: string
  readonly body: string
  readonly headers: IncomingHttpHeaders
}

/** What is answered. */
export interface MockReply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string
}

/** How one venue's recordings are read. */
export interface TapeDialect {
  /** Of a recorded connection to this URL, or null when it is none of this venue. */
  tape(url: string): ((text: string) => TapeMessage | null) | null
  snapshot(record: CaptureRecord & { readonly type: 'answer' }): TapeSnapshot | null
  effects(message: TapeMessage): readonly MarketEffect[]
}

/** What a dialect works with. */
export interface DialectContext {
  readonly options: CheckedOptions
  readonly engine: Engine
  readonly market: Market
  readonly instruments: ReadonlyMap<string, Instrument>
  /** Topics of the tape. */
  readonly topics: ReadonlySet<string>
  account(apiKey: string): Account | undefined
  /** The venue's clock, whole Unix milliseconds. */
  now(): number
  /** Calls back unless the venue is closed before, or what this gives back is called. Real milliseconds. */
  later(ms: number, act: () => void): () => void
  /** Something was subscribed: the tape may begin. */
  subscribed(): void
}

/** How one venue speaks. Made for one mock venue; keeps what that venue's sockets have subscribed and who has logged in. */
export interface Dialect {
  /** Sends a message to whom has subscribed it. */
  publish(message: TapeMessage, effects: readonly MarketEffect[]): void
  /** Tells everybody who listens what levels have become, when they were set by hand. */
  levelsSet(symbol: string, bids: readonly LevelText[], asks: readonly LevelText[]): void
  /** Tells everybody who listens what has become of the market's orders, when they were changed by hand. Not all venues tell that. */
  ordersChanged?(symbol: string, queues: OrderQueues, changes: readonly AppliedChange[]): void
  /** Tells the owner of an order. */
  orderEvent(event: OrderEvent): void
  /** Money has come or gone otherwise than by trading; `delta` in 10^-18. */
  balanceChanged(account: Account, asset: string, delta: bigint): void
  /** The rules for a socket at this address; null when there is nothing. */
  rules(url: URL): SocketRules | null
  connect(peer: Peer): PeerHandler
  /** Whether a request changes something, so that its fate matters. */
  changes(request: MockRequest): boolean
  http(request: MockRequest): MockReply
  /** Whether what was signed is still valid. */
  stale(request: MockRequest): boolean
  /** The answer while requests are banned (418, 429, 403) or the venue is down (503). */
  refused(status: number, retryAfterMs: number): MockReply
  /** Tells all sockets, where the venue does, that its engine stands still (true) or is back. */
  maintenance?(on: boolean): void
  /** Tells sockets that they will be closed. */
  shutdown(isTold: (peer: Peer) => boolean): void
  /** Topics that were asked for though the capture has nothing of them. */
  unserved(): string[]
  /** Addresses for clients. */
  urls(httpOrigin: string, wsOrigin: string): Readonly<Record<string, string>>
}
