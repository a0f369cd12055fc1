import { describe, expectTypeOf, it } from 'vitest'
import type { AnyRows, Row } from '../../lib/feed/row.js'
import type { Decimal, ExactLevels, Level, Levels } from '../../lib/index.js'
import type { ShapesOf, WireDecoder } from '../../lib/wire/decoder.js'
import type { WireEncoder } from '../../lib/wire/encoder.js'
import type { Side } from '../../lib/wire/kinds.js'
import { BookDelta, Quote, type QuoteInput, Signal, Trade } from '../../lib/wire/messages.js'
import { wire } from '../../lib/wire/wire.js'

const funding = wire.type({
  id: 64,
  name: 'funding',
  fields: {
    symbol: { tag: 1, kind: 'symbol' },
    rate: { tag: 2, kind: 'decimal' },
    next: { tag: 3, kind: 'int64', optional: true },
    ladder: { tag: 4, kind: 'levels' },
  },
})

const decoder = wire.rows([
  Quote,
  Trade.select({
    price: wire.decimal('price'),
    approximately: 'price',
    side: 'side',
    id: wire.int64('tradeId', { as: 'number', optional: true }),
    at: 'sendTime',
  }),
  BookDelta.select({ bids: 'bids', asks: wire.levels('asks', { exact: true }) }),
  funding,
])

type ShapesIn<D> = D extends WireDecoder<infer S> ? S : never
type RowOf<Name extends keyof ShapesIn<typeof decoder> & string> = Row<ShapesIn<typeof decoder>[Name], Name>

declare const encoder: WireEncoder
const only = (_: () => unknown): void => {}

describe('inferred types', () => {
  it('are those of all values when a type is given', () => {
    only((row: RowOf<'quote'> = undefined as never) => {
      expectTypeOf(row.symbol).toEqualTypeOf<string>()
      expectTypeOf(row.bid).toEqualTypeOf<number>()
      expectTypeOf(row.askSize).toEqualTypeOf<number>()
      expectTypeOf(row.exchangeTime).toEqualTypeOf<bigint | null>()
      expectTypeOf(row.topic).toEqualTypeOf<string>()
      expectTypeOf(row.sequence).toEqualTypeOf<bigint>()
      expectTypeOf(row.sendTime).toEqualTypeOf<bigint>()
      expectTypeOf(row.rxTimeNs).toEqualTypeOf<number>()
      expectTypeOf(row.shape).toEqualTypeOf<'quote'>()
      // @ts-expect-error no such field
      void row.price
    })
    only((row: RowOf<'funding'> = undefined as never) => {
      expectTypeOf(row.rate).toEqualTypeOf<number>()
      expectTypeOf(row.next).toEqualTypeOf<bigint | null>()
      expectTypeOf(row.ladder).toEqualTypeOf<Levels>()
    })
  })

  it('are those of a selection', () => {
    only((row: RowOf<'trade'> = undefined as never) => {
      expectTypeOf(row.price).toEqualTypeOf<Decimal>()
      expectTypeOf(row.approximately).toEqualTypeOf<number>()
      expectTypeOf(row.side).toEqualTypeOf<Side>()
      expectTypeOf(row.id).toEqualTypeOf<number | null>()
      expectTypeOf(row.at).toEqualTypeOf<bigint>()
    })
    only((row: RowOf<'bookDelta'> = undefined as never) => {
      expectTypeOf(row.bids).toEqualTypeOf<Levels>()
      expectTypeOf(row.asks).toEqualTypeOf<ExactLevels>()
      expectTypeOf(row.toObject().asks).toEqualTypeOf<Level<Decimal>[]>()
    })
  })

  it('are told apart by the shape', () => {
    only((rows: AnyRows<ShapesIn<typeof decoder>> = undefined as never) => {
      expectTypeOf(rows.shape).toEqualTypeOf<'quote' | 'trade' | 'bookDelta' | 'funding'>()
      if (rows.shape === 'trade') for (const row of rows) expectTypeOf(row.side).toEqualTypeOf<Side>()
    })
    expectTypeOf<keyof ShapesOf<readonly [typeof Quote]>>().toEqualTypeOf<'quote'>()
  })

  it('refuse values that a message does not have, and what they cannot become', () => {
    // @ts-expect-error quotes have no price
    only(() => Quote.select({ a: 'price' }))
    // @ts-expect-error quotes have no price
    only(() => Quote.select({ a: wire.number('price') }))
    // @ts-expect-error a price is no text
    only(() => Quote.select({ a: wire.text('bid') }))
    // @ts-expect-error a sequence number is no decimal
    only(() => Quote.select({ a: wire.decimal('sequence') }))
    // @ts-expect-error no such field
    only(() => Quote.select({ a: 'bid' }, { key: 'b' }))
    only(() => Signal.select({ a: wire.number('value'), b: wire.number('validUntil', { optional: true }) }))
  })

  it('are those of what is published', () => {
    expectTypeOf<Parameters<typeof Quote.message>[0]>().toEqualTypeOf<QuoteInput>()
    only(() => encoder.encode(Quote, { symbol: 'a', bid: '1', ask: null, bidSize: 2n }))
    // @ts-expect-error no symbol
    only(() => encoder.encode(Quote, { bid: '1', ask: '2' }))
    // @ts-expect-error no such side
    only(() => encoder.encode(Trade, { symbol: 'a', price: 1, size: 1, side: 'both' }))
    only(() => encoder.encode(funding, { symbol: 'a', rate: '0.1', ladder: [['1', 2]] }))
    only(() => encoder.encode(funding, { symbol: 'a', rate: '0.1', ladder: [{ price: 1, size: 2 }], next: 5 }))
    // @ts-expect-error no rate
    only(() => encoder.encode(funding, { symbol: 'a', ladder: [] }))
    // @ts-expect-error a rate is no boolean
    only(() => encoder.encode(funding, { symbol: 'a', rate: true, ladder: [] }))
  })
})
