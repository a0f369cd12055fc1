/** What messages consist of, as types and as data: `docs/schema-format.md` has the same list. */

/** How a value stands in a message. `word`: one of a few words. */
export type ValueKind = 'number' | 'int64' | 'decimal' | 'symbol' | 'text' | 'bool' | 'levels' | 'word'

/** A value of a message. */
export interface ValueSpec {
  readonly kind: ValueKind
  /** Messages may be without it. */
  readonly optional?: boolean
  /** `word` only. */
  readonly words?: readonly string[]
}

/** The values of a message, by name. */
export type Values = { readonly [name: string]: ValueSpec }

export const sides = ['unknown', 'buy', 'sell'] as const
export const statuses = [
  'unknown',
  'new',
  'partiallyFilled',
  'filled',
  'cancelled',
  'rejected',
  'expired',
  'replaced',
  'pending',
] as const
export const contentKinds = ['json', 'text', 'bytes'] as const

/** Who took the initiative: in a trade the aggressor's side, in an execution the order's. */
export type Side = (typeof sides)[number]
/** Where an order stands. Received: `unknown` is a status of a later version of the format. */
export type OrderStatus = (typeof statuses)[number]

const decimal = { kind: 'decimal' } as const
const symbol = { kind: 'symbol' } as const
const text = { kind: 'text' } as const
const levels = { kind: 'levels' } as const
const int64 = { kind: 'int64' } as const
const bool = { kind: 'bool' } as const
const maybe = <const S extends ValueSpec>(spec: S) => ({ ...spec, optional: true }) as S & { readonly optional: true }

/** Of every message. */
export const headerValues = {
  /** Per topic, from 1. */
  sequence: int64,
  /** Nanoseconds since the Unix epoch; 0: not told. */
  sendTime: int64,
  topic: symbol,
  /** Part of a state, not a change of it. */
  snapshot: bool,
  /** Sent again because it was asked for. */
  resent: bool,
  /** Messages of the topic directly in front of it were left out for this receiver. */
  conflated: bool,
} as const satisfies Values

const exchangeValues = {
  /** The venue's, nanoseconds since the Unix epoch. */
  exchangeTime: maybe(int64),
  /** The venue's. */
  exchangeSequence: maybe(int64),
} as const satisfies Values

export const quoteValues = {
  symbol,
  bid: decimal,
  ask: decimal,
  bidSize: decimal,
  askSize: decimal,
  ...exchangeValues,
} as const satisfies Values

export const tradeValues = {
  symbol,
  price: decimal,
  size: decimal,
  side: { kind: 'word', words: sides },
  tradeId: maybe(int64),
  ...exchangeValues,
} as const satisfies Values

export const bookValues = {
  symbol,
  firstUpdateId: maybe(int64),
  lastUpdateId: maybe(int64),
  bids: levels,
  asks: levels,
  ...exchangeValues,
} as const satisfies Values

export const signalValues = {
  symbol: maybe(symbol),
  name: symbol,
  value: { kind: 'number' },
  confidence: maybe({ kind: 'number' }),
  validUntil: maybe(int64),
  note: maybe(text),
  ...exchangeValues,
} as const satisfies Values

export const executionValues = {
  symbol,
  side: { kind: 'word', words: sides },
  status: { kind: 'word', words: statuses },
  lastPrice: decimal,
  lastSize: decimal,
  filledSize: decimal,
  openSize: decimal,
  orderId: text,
  clientOrderId: maybe(text),
  executionId: maybe(text),
  averagePrice: maybe(decimal),
  fee: maybe(decimal),
  feeCurrency: maybe(symbol),
  reason: maybe(text),
  ...exchangeValues,
} as const satisfies Values

export const rawValues = {
  symbol: maybe(symbol),
  kind: { kind: 'word', words: contentKinds },
  content: text,
} as const satisfies Values
