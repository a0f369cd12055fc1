import type { Encoding, IntegerInput, LevelInput } from './encoding.js'
import { noSymbol } from './encoding.js'
import {
  bookValues,
  contentKinds,
  executionValues,
  type OrderStatus,
  quoteValues,
  rawValues,
  type Side,
  sides,
  signalValues,
  statuses,
  tradeValues,
} from './kinds.js'
import { MessageType } from './message-type.js'
import type { DecimalInput, Scaled } from './scaled.js'

const marketData = 1
const signals = 2
const executions = 3

/** What all of them may carry of the venue's own. */
export interface ExchangeInput {
  /** The venue's time, nanoseconds since the Unix epoch. */
  readonly exchangeTime?: IntegerInput | null | undefined
  /** The venue's sequence number, 0…2^63 − 1. */
  readonly exchangeSequence?: IntegerInput | null | undefined
}

export interface QuoteInput extends ExchangeInput {
  readonly symbol: string
  /** Null: nobody bids; its size is then left out. */
  readonly bid: DecimalInput | null
  readonly ask: DecimalInput | null
  readonly bidSize?: DecimalInput | null | undefined
  readonly askSize?: DecimalInput | null | undefined
}

export interface TradeInput extends ExchangeInput {
  readonly symbol: string
  readonly price: DecimalInput
  readonly size: DecimalInput
  /** The aggressor's. Default `'unknown'`. */
  readonly side?: Side | undefined
  /** 1…2^63 − 1. */
  readonly tradeId?: IntegerInput | null | undefined
}

export interface BookInput extends ExchangeInput {
  readonly symbol: string
  /** Best first. In a delta size 0 removes the level. */
  readonly bids?: readonly LevelInput[] | undefined
  readonly asks?: readonly LevelInput[] | undefined
  /** The venue's, 1…2^63 − 1. */
  readonly firstUpdateId?: IntegerInput | null | undefined
  readonly lastUpdateId?: IntegerInput | null | undefined
}

export interface SignalInput extends ExchangeInput {
  /** What the signal is called. */
  readonly name: string
  readonly symbol?: string | null | undefined
  readonly value: number
  readonly confidence?: number | null | undefined
  /** Nanoseconds since the Unix epoch. */
  readonly validUntil?: IntegerInput | null | undefined
  /** At most 65,536 bytes. */
  readonly note?: string | null | undefined
}

export interface ExecutionInput extends ExchangeInput {
  readonly symbol: string
  readonly side: Side
  readonly status: Exclude<OrderStatus, 'unknown'>
  readonly lastPrice?: DecimalInput | undefined
  readonly lastSize?: DecimalInput | undefined
  /** In all. */
  readonly filledSize: DecimalInput
  /** What is left. */
  readonly openSize: DecimalInput
  /** 1…255 bytes, as the other ids. */
  readonly orderId: string
  readonly clientOrderId?: string | null | undefined
  readonly executionId?: string | null | undefined
  readonly averagePrice?: DecimalInput | null | undefined
  /** Negative: a rebate. */
  readonly fee?: DecimalInput | null | undefined
  readonly feeCurrency?: string | null | undefined
  /** At most 1,024 bytes. */
  readonly reason?: string | null | undefined
}

export interface RawInput {
  /** Text (also JSON), or bytes. */
  readonly content: string | Uint8Array
  /** What it is. Default: text for strings, bytes for bytes. */
  readonly kind?: (typeof contentKinds)[number] | undefined
  readonly symbol?: string | null | undefined
}

const maxId = 255
const maxReason = 1_024
const maxNote = 65_536
const maxContent = 16_777_216

/** The best bid and ask of an instrument. */
export const Quote = new MessageType<'quote', typeof quoteValues, QuoteInput>(
  { name: 'quote', id: 1, domain: marketData },
  quoteValues,
  null,
  { encode: encodeQuote },
)

/** A trade. */
export const Trade = new MessageType<'trade', typeof tradeValues, TradeInput>(
  { name: 'trade', id: 2, domain: marketData },
  tradeValues,
  null,
  {
    encode(e, m) {
      const { a, b, writer } = e
      e.key = e.symbol('symbol', m.symbol)
      e.scaled('price', m.price, a)
      e.scaled('size', m.size, b)
      const at = e.open(1, 30)
      writer.u32(at, e.key)
      writer.u8(at + 4, a.scale)
      writer.u8(at + 5, b.scale + 64 * word(e, 'side', sides, m.side ?? 'unknown'))
      writer.mantissa(at + 6, a)
      writer.mantissa(at + 14, b)
      e.integer(at + 22, 'tradeId', m.tradeId ?? 0, 0n)
      e.exchange(m.exchangeTime, m.exchangeSequence)
    },
  },
)

/** Changes of an order book: each price's new size, 0 where the level is gone. */
export const BookDelta = new MessageType<'bookDelta', typeof bookValues, BookInput>(
  { name: 'bookDelta', id: 3, domain: marketData },
  bookValues,
  null,
  { encode: encodeBook },
)

/** A whole order book. */
export const BookSnapshot = new MessageType<'bookSnapshot', typeof bookValues, BookInput>(
  { name: 'bookSnapshot', id: 4, domain: marketData },
  bookValues,
  null,
  { encode: encodeBook },
)

/** What a strategy has concluded. */
export const Signal = new MessageType<'signal', typeof signalValues, SignalInput>(
  { name: 'signal', id: 5, domain: signals },
  signalValues,
  null,
  {
    encode(e, m) {
      const { writer } = e
      if (typeof m.value !== 'number') e.fail('value', 'is not a number')
      if (m.symbol !== undefined && m.symbol !== null) e.key = e.symbol('symbol', m.symbol)
      const name = e.symbol('name', m.name)
      const at = e.open(1, 16)
      writer.u32(at, e.key ?? noSymbol)
      writer.u32(at + 4, name)
      writer.f64(at + 8, m.value)
      if (given(m.confidence)) e.numberField(2, 'confidence', m.confidence)
      if (given(m.validUntil)) e.integerField(3, 'validUntil', m.validUntil)
      if (given(m.note)) e.textField(4, 'note', m.note, 0, maxNote)
      e.exchange(m.exchangeTime, m.exchangeSequence)
    },
  },
)

/** What became of an order. */
export const Execution = new MessageType<'execution', typeof executionValues, ExecutionInput>(
  { name: 'execution', id: 6, domain: executions },
  executionValues,
  null,
  { encode: encodeExecution },
)

/** Content that the format does not know: JSON, text, bytes. */
export const Raw = new MessageType<'raw', typeof rawValues, RawInput>(
  { name: 'raw', id: 21, domain: marketData },
  rawValues,
  null,
  {
    encode(e, m) {
      const { content } = m
      if (typeof content !== 'string' && !(content instanceof Uint8Array))
        e.fail('content', 'is neither text nor bytes')
      const kind = m.kind ?? (typeof content === 'string' ? 'text' : 'bytes')
      const index = word(e, 'kind', contentKinds, kind)
      e.writer.u8(e.open(1, 1), index + 1)
      if (given(m.symbol)) {
        e.key = e.symbol('symbol', m.symbol)
        e.writer.u32(e.open(3, 4), e.key)
      }
      if (typeof content === 'string') e.textField(2, 'content', content, 0, maxContent)
      else e.bytesField(2, content)
    },
  },
)

function given<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null
}

function word(e: Encoding, field: string, words: readonly string[], value: string): number {
  const index = words.indexOf(value)
  if (index < 0) e.fail(field, `is none of ${words.join(', ')}`)
  return index
}

function encodeQuote(e: Encoding, m: QuoteInput): void {
  const { a: bid, b: ask, c: bidSize, d: askSize, writer } = e
  e.key = e.symbol('symbol', m.symbol)
  const hasBid = m.bid !== null
  const hasAsk = m.ask !== null
  e.scaled('bid', m.bid ?? 0, bid)
  e.scaled('ask', m.ask ?? 0, ask)
  e.scaled('bidSize', m.bidSize ?? 0, bidSize)
  e.scaled('askSize', m.askSize ?? 0, askSize)
  if (!hasBid && bidSize.mantissa !== 0) e.fail('bidSize', 'is the size of no bid')
  if (!hasAsk && askSize.mantissa !== 0) e.fail('askSize', 'is the size of no ask')
  e.align('bid', bid, 'ask', ask)
  e.align('bidSize', bidSize, 'askSize', askSize)
  const spread = ask.mantissa - bid.mantissa
  // Comparisons with NaN, which stands for mantissas beyond 2^53, are false.
  const compact =
    hasBid &&
    hasAsk &&
    bid.big === null &&
    ask.big === null &&
    spread >= -2_147_483_648 &&
    spread <= 2_147_483_647 &&
    isU48(bidSize) &&
    isU48(askSize)
  const at = compact ? e.open(1, 30) : e.open(2, 38)
  writer.u32(at, e.key)
  writer.u8(at + 4, bid.scale)
  writer.u8(at + 5, bidSize.scale)
  if (compact) {
    writer.mantissa(at + 6, bid)
    writer.i32(at + 14, spread)
    writer.u48(at + 18, bidSize.mantissa)
    writer.u48(at + 24, askSize.mantissa)
  } else {
    if (hasBid) writer.mantissa(at + 6, bid)
    else writer.none(at + 6)
    if (hasAsk) writer.mantissa(at + 14, ask)
    else writer.none(at + 14)
    writer.mantissa(at + 22, bidSize)
    writer.mantissa(at + 30, askSize)
  }
  e.exchange(m.exchangeTime, m.exchangeSequence)
}

function isU48(size: Scaled): boolean {
  return size.big === null && size.mantissa >= 0 && size.mantissa < 281_474_976_710_656
}

function encodeBook(e: Encoding, m: BookInput): void {
  const { prices, sizes, writer } = e
  e.key = e.symbol('symbol', m.symbol)
  prices.clear()
  sizes.clear()
  if (m.bids !== undefined) e.collect('bids', m.bids)
  const bids = prices.length
  if (m.asks !== undefined) e.collect('asks', m.asks)
  const asks = prices.length - bids
  const first = m.firstUpdateId ?? 0
  const last = m.lastUpdateId ?? 0
  if (first > last) e.fail('firstUpdateId', 'is above lastUpdateId')
  const at = e.open(1, 22)
  writer.u32(at, e.key)
  writer.u8(at + 4, prices.scale)
  writer.u8(at + 5, sizes.scale)
  e.integer(at + 6, 'firstUpdateId', first, 0n)
  e.integer(at + 14, 'lastUpdateId', last, 0n)
  if (bids !== 0) e.levels(e.open(2, bids * 16), 'bids', 0, bids)
  if (asks !== 0) e.levels(e.open(3, asks * 16), 'asks', bids, asks)
  e.exchange(m.exchangeTime, m.exchangeSequence)
}

function encodeExecution(e: Encoding, m: ExecutionInput): void {
  const { a: price, sizes, writer } = e
  e.key = e.symbol('symbol', m.symbol)
  const side = word(e, 'side', sides, m.side)
  const status = word(e, 'status', statuses, m.status)
  if (status === 0) e.fail('status', 'must be known')
  sizes.clear()
  e.scaled('lastSize', m.lastSize ?? 0, price)
  sizes.push(price)
  e.scaled('filledSize', m.filledSize, price)
  sizes.push(price)
  e.scaled('openSize', m.openSize, price)
  sizes.push(price)
  e.scaled('lastPrice', m.lastPrice ?? 0, price)
  const at = e.open(1, 40)
  writer.u32(at, e.key)
  writer.u8(at + 4, price.scale)
  writer.u8(at + 5, sizes.scale)
  writer.u8(at + 6, side)
  writer.u8(at + 7, status)
  writer.mantissa(at + 8, price)
  for (let i = 0; i < 3; i++) {
    const size = sizes.at(i)
    if (size === null)
      e.fail(sizeFields[i] as string, 'has more digits than 64 bits hold with the decimals of the other sizes')
    writer.mantissa(at + 16 + i * 8, size)
  }
  e.textField(2, 'orderId', m.orderId, 1, maxId)
  if (given(m.clientOrderId)) e.textField(3, 'clientOrderId', m.clientOrderId, 1, maxId)
  if (given(m.executionId)) e.textField(4, 'executionId', m.executionId, 1, maxId)
  if (given(m.averagePrice)) e.decimalField(5, 'averagePrice', m.averagePrice)
  if (given(m.fee)) e.decimalField(6, 'fee', m.fee)
  if (given(m.feeCurrency)) e.symbolField(7, 'feeCurrency', m.feeCurrency)
  if (given(m.reason)) e.textField(8, 'reason', m.reason, 0, maxReason)
  e.exchange(m.exchangeTime, m.exchangeSequence)
}

const sizeFields = ['lastSize', 'filledSize', 'openSize'] as const
