import { describe, expectTypeOf, it } from 'vitest'
import {
  type bytes,
  type ConnectionInfo,
  type Decimal,
  type ExactLevels,
  type Feed,
  type FeedError,
  type FeedItem,
  json,
  type Level,
  type Levels,
  type Message,
  type text,
} from '../../lib/index.js'

const one = json(
  {
    symbol: json.symbol('/s'),
    bid: json.number('/b'),
    bidText: json.decimal('/b'),
    id: json.int64('/u'),
    small: json.int64('/u', { as: 'number' }),
    ok: json.bool('/x'),
    note: json.text('/n', { optional: true }),
    maybe: json.decimal('/m', { optional: true }),
    maybeSmall: json.int64('/m', { optional: true, as: 'number' }),
    bids: json.levels('/bids', { max: 20 }),
    asks: json.levels('/asks', { exact: true }),
    maybeAsks: json.levels('/asks', { exact: true, optional: true }),
  },
  { key: 'symbol' },
)

const several = json.oneOf('/e', {
  trade: { price: json.number('/p') },
  quote: json({ symbol: json.symbol('/s'), bid: json.decimal('/b') }, { key: 'symbol' }),
})

// Types only: nothing is called.
declare const oneFeed: Feed<typeof one>
declare const severalFeed: Feed<typeof several>
declare const textFeed: Feed<ReturnType<typeof text>>
declare const bytesFeed: Feed<ReturnType<typeof bytes>>
const only = (_: () => unknown): void => {}

describe('inferred types', () => {
  it('are those of the fields', () => {
    only(() =>
      oneFeed.on('rows', (rows) => {
        expectTypeOf(rows.shape).toEqualTypeOf<'row'>()
        expectTypeOf(rows.length).toEqualTypeOf<number>()
        for (const row of rows) {
          expectTypeOf(row.symbol).toEqualTypeOf<string>()
          expectTypeOf(row.bid).toEqualTypeOf<number>()
          expectTypeOf(row.bidText).toEqualTypeOf<Decimal>()
          expectTypeOf(row.id).toEqualTypeOf<bigint>()
          expectTypeOf(row.small).toEqualTypeOf<number>()
          expectTypeOf(row.ok).toEqualTypeOf<boolean>()
          expectTypeOf(row.note).toEqualTypeOf<string | null>()
          expectTypeOf(row.maybe).toEqualTypeOf<Decimal | null>()
          expectTypeOf(row.maybeSmall).toEqualTypeOf<number | null>()
          expectTypeOf(row.bids).toEqualTypeOf<Levels>()
          expectTypeOf(row.asks).toEqualTypeOf<ExactLevels>()
          expectTypeOf(row.maybeAsks).toEqualTypeOf<ExactLevels | null>()
          expectTypeOf(row.rxTimeNs).toEqualTypeOf<number>()
          expectTypeOf(row.toObject().bids).toEqualTypeOf<Level[]>()
          expectTypeOf(row.toObject().maybeAsks).toEqualTypeOf<Level<Decimal>[] | null>()
          expectTypeOf(row.toObject().id).toEqualTypeOf<bigint>()
          // @ts-expect-error no such field
          void row.nothing
          // @ts-expect-error rows are read-only
          row.bid = 1
        }
        expectTypeOf(rows.last()?.bid).toEqualTypeOf<number | undefined>()
      }),
    )
  })

  it('are told apart by the shape', () => {
    only(() =>
      severalFeed.on('rows', (rows) => {
        expectTypeOf(rows.shape).toEqualTypeOf<'trade' | 'quote'>()
        if (rows.shape === 'trade') {
          for (const row of rows) expectTypeOf(row.price).toEqualTypeOf<number>()
        } else {
          for (const row of rows) {
            expectTypeOf(row.bid).toEqualTypeOf<Decimal>()
            expectTypeOf(row.shape).toEqualTypeOf<'quote'>()
          }
        }
      }),
    )
    only(() => severalFeed.on('rows:trade', (rows) => expectTypeOf(rows.shape).toEqualTypeOf<'trade'>()))
    only(() =>
      severalFeed.once('rows:quote', (rows) => expectTypeOf(rows.last()?.symbol).toEqualTypeOf<string | undefined>()),
    )
    // @ts-expect-error no such shape
    only(() => severalFeed.on('rows:nothing', () => {}))
    // @ts-expect-error rows come without a message event
    only(() => severalFeed.on('message', () => {}))
  })

  it('name symbol fields only as keys', () => {
    // @ts-expect-error a number is no key
    only(() => json({ a: json.number('/a'), s: json.symbol('/s') }, { key: 'a' }))
    // @ts-expect-error not a shape
    only(() => json.oneOf('/e', { a: { x: json.number('/x') } }, { absent: 'b' }))
    // @ts-expect-error an option of another kind of field
    only(() => json.number('/a', { max: 1 }))
  })

  it('are those of messages when nothing is decoded', () => {
    only(() => textFeed.on('message', (message) => expectTypeOf(message.data).toEqualTypeOf<string>()))
    only(() => bytesFeed.on('message', (message) => expectTypeOf(message.data).toEqualTypeOf<Uint8Array>()))
    // @ts-expect-error messages come without rows
    only(() => textFeed.on('rows', () => {}))
    expectTypeOf<FeedItem<ReturnType<typeof text>>>().toEqualTypeOf<Message<string>>()
  })

  it('are those of the life events for every feed', () => {
    only(() => textFeed.on('open', (info) => expectTypeOf(info).toEqualTypeOf<ConnectionInfo>()))
    only(() => oneFeed.on('error', (error) => expectTypeOf(error).toEqualTypeOf<FeedError>()))
    only(() => oneFeed.on('close', (error) => expectTypeOf(error).toEqualTypeOf<FeedError | null>()))
    only(() => oneFeed.on('state', ({ to }) => expectTypeOf(to).extract<'connected'>().toEqualTypeOf<'connected'>()))
  })

  it('hold in iteration', () => {
    only(async () => {
      for await (const rows of severalFeed) {
        if (rows.shape === 'quote') for (const row of rows) expectTypeOf(row.symbol).toEqualTypeOf<string>()
      }
      for await (const message of bytesFeed) expectTypeOf(message.data).toEqualTypeOf<Uint8Array>()
    })
  })
})
