import { json } from '../../feed/json.js'
import type { VenueBookPlan } from '../book/plan.js'
import { VenueBooks, type VenueBooksOptions } from '../book/venue-books.js'

const { symbol, decimal, int64 } = json

/** Of every message: numbers count over all channels of a connection. */
export const coinbaseSequence = int64('/sequence_num', { from: 'root' })

/**
 * Levels come one by one, each with its side, in one or several events of a message. An event without levels tells a book without any.
 * https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels
 */
export const coinbaseBookShapes = {
  book: json(
    {
      symbol: symbol('/product_id', { from: 'within' }),
      type: symbol('/type', { from: 'within' }),
      side: symbol('/side'),
      price: decimal('/price_level'),
      size: decimal('/new_quantity'),
      sequence: coinbaseSequence,
    },
    {
      within: '/events',
      each: '/updates',
      eachAbsent: 'empty',
      book: {
        symbol: 'symbol',
        side: { field: 'side', bid: 'bid', price: 'price', size: 'size' },
        snapshot: { field: 'type', is: 'snapshot' },
        sequence: 'sequence',
      },
    },
  ),
  /** Messages that only count. */
  sequence: json({ sequence: int64('/sequence_num') }, { book: { sequence: 'sequence' } }),
}

export const coinbaseBookMatch = {
  book: ['l2_data'],
  sequence: ['heartbeats', 'subscriptions', 'status', 'candles'],
} as const

/** Levels of a whole book, of which this venue sends all. */
export const coinbaseMaxRows = 200_000

export function coinbaseBookPlan(): VenueBookPlan {
  return {
    title: 'Coinbase',
    books: { rules: 'coinbase' },
    names: (name) => [name],
    seed: {
      by: 'resubscribe',
      resubscribe: (names) =>
        ['unsubscribe', 'subscribe'].map((type) => JSON.stringify({ type, product_ids: names, channel: 'level2' })),
      symbolsPerMessage: 200,
      // Eight without a key, of which the feed may need some itself.
      messagesPerSecond: 6,
    },
  }
}

/** @throws ConfigError */
export function coinbaseBooks(options: VenueBooksOptions = {}): VenueBooks {
  return new VenueBooks(coinbaseBookPlan(), options)
}
