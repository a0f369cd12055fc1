import type { JsonDecoder } from '../../feed/decoder.js'
import type { HeartbeatOptions } from '../../feed/options.js'
import type { MarketLimits, MarketStream } from '../market/market-feeds.js'

/** One stream of one instrument. */
export interface Topic {
  readonly symbol: string
  readonly stream: MarketStream
}

export const topicKey = ({ symbol, stream }: Topic): string => `${stream} ${symbol}`

/**
 * Numbers of requests: first those that a connection is opened with; from these on those by which books are subscribed anew, and those that are
 * sent on an open connection.
 */
export const firstAnewId = 500_000
export const firstLiveId = 1_000_000

/** Whether a request subscribes a book anew, by its number. */
export const isAnew = (id: number | null): boolean => id !== null && id >= firstAnewId && id < firstLiveId

/** A message that asks for topics, or gives them up. */
export interface MarketRequest {
  readonly id: number
  readonly text: string
  readonly topics: readonly Topic[]
}

/** What an answer of the venue, or an announcement, says. */
export type MarketAnswer =
  /** Everything that the request asked for, or this one topic of it; its stream may be left out where the request is known. */
  | { readonly kind: 'accepted'; readonly id: number | null; readonly topic: Partial<Topic> | null }
  /** Of the request: this topic when it is named; one of them when none is. Without `id`: the oldest that subscribes. */
  | {
      readonly kind: 'refused'
      readonly id: number | null
      readonly topic: Partial<Topic> | null
      readonly code: string
      readonly message: string
    }
  /** The venue will end the connection: another is wanted. */
  | { readonly kind: 'ending'; readonly code: string; readonly message: string }
  /** Nothing is wrong with what was asked for, but it was not taken now: it is prepared and asked for again. */
  | { readonly kind: 'again'; readonly id: number | null; readonly message: string }

/** Streams that go over one socket, and where it leads. */
export interface MarketSocketKind {
  readonly path: string
  readonly streams: readonly MarketStream[]
  /** By the address of the profile: another that these streams have. An address that the user gave stays. */
  readonly origins?: Readonly<Record<string, string>> | undefined
  /** What holds for these sockets instead. */
  readonly limits?: MarketLimits | undefined
  readonly prepare?: MarketProtocol['prepare']
}

/** How a venue's market data is spoken. */
export interface MarketProtocol<D extends JsonDecoder = JsonDecoder> {
  readonly title: string
  readonly limits: MarketLimits
  readonly profiles: Readonly<Record<string, string>>
  /** Of shapes with sequences, and the notices of shape `answer`. */
  readonly decode: D
  readonly heartbeat?: HeartbeatOptions | undefined
  readonly sockets: readonly MarketSocketKind[]
  /** What must be there before a connection may subscribe, such as a token for its requests. Tried again when it fails. */
  readonly prepare?: (() => Promise<unknown>) | undefined
  /** Whether the venue confirms what it accepts. */
  readonly confirms: boolean
  /** Whether answers give the number of their request. Default: they do. */
  readonly numbered?: boolean | undefined
  /** Messages of at most `limits.topicsPerMessage` topics, numbered from `id` on. */
  requests(op: 'subscribe' | 'unsubscribe', topics: readonly Topic[], id: number): readonly MarketRequest[]
  /** What a row of the shape `answer` says. */
  answers(row: AnswerRow): readonly MarketAnswer[]
}

/** A row of the shape `answer`, by value. */
export type AnswerRow = { readonly [field: string]: unknown }
