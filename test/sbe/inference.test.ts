import { describe, expectTypeOf, it } from 'vitest'
import type { Decimal, ExactLevels, Feed, FeedItem, Level, Levels } from '../../lib/index.js'
import { sbe } from '../../lib/sbe/index.js'

// Types only: nothing is called.
const one = (xml: string) =>
  sbe(xml, {
    message: 'Quote',
    fields: {
      symbol: sbe.symbol('symbol'),
      bid: sbe.number('bid', { exponent: 'priceExponent' }),
      exact: sbe.decimal('bid'),
      id: sbe.int64('id'),
      small: sbe.int64('id', { as: 'number' }),
      note: sbe.text('note', { optional: true }),
      maker: sbe.bool('flags.maker'),
      bids: sbe.levels('bids', { price: 'price', size: 'qty' }),
      asks: sbe.levels('asks', { price: 'price', size: 'qty', exact: true, optional: true }),
    },
  })
const several = (xml: string) =>
  sbe.oneOf(xml, {
    quote: { message: 'Quote', fields: { bid: sbe.number('bid') } },
    trade: { message: 'Trades', each: 'trades', fields: { price: sbe.decimal('price') }, key: null },
  })

describe('rows of SBE', () => {
  it('have the types of their fields', () => {
    type Rows = FeedItem<ReturnType<typeof one>>
    type Row = NonNullable<ReturnType<Rows['last']>>
    expectTypeOf<Rows['shape']>().toEqualTypeOf<'row'>()
    expectTypeOf<Row['symbol']>().toEqualTypeOf<string>()
    expectTypeOf<Row['bid']>().toEqualTypeOf<number>()
    expectTypeOf<Row['exact']>().toEqualTypeOf<Decimal>()
    expectTypeOf<Row['id']>().toEqualTypeOf<bigint>()
    expectTypeOf<Row['small']>().toEqualTypeOf<number>()
    expectTypeOf<Row['note']>().toEqualTypeOf<string | null>()
    expectTypeOf<Row['maker']>().toEqualTypeOf<boolean>()
    expectTypeOf<Row['bids']>().toEqualTypeOf<Levels>()
    expectTypeOf<Row['asks']>().toEqualTypeOf<ExactLevels | null>()
    expectTypeOf<ReturnType<Row['toObject']>['asks']>().toEqualTypeOf<Level<Decimal>[] | null>()
  })

  it('are told apart by their shapes', () => {
    type Several = ReturnType<typeof several>
    expectTypeOf<FeedItem<Several>['shape']>().toEqualTypeOf<'quote' | 'trade'>()
    const listen = (feed: Feed<Several>): void => {
      feed.on('rows:trade', (rows) => {
        for (const row of rows) expectTypeOf(row.price).toEqualTypeOf<Decimal>()
      })
    }
    expectTypeOf(listen).toBeFunction()
  })
})
