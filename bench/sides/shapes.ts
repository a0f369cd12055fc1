import { type Feed, json } from 'tickwire'
import type { Tally } from './tally.ts'

export const depthFields = {
  symbol: json.symbol('/s'),
  firstId: json.int64('/U', { as: 'number' }),
  lastId: json.int64('/u', { as: 'number' }),
  bids: json.levels('/b', { max: 20 }),
  asks: json.levels('/a', { max: 20 }),
}

/** The four shapes of the workload `shapes`. */
export const shapes = json.oneOf('/e', {
  bookTicker: {
    symbol: json.symbol('/s'),
    bid: json.number('/b'),
    bidSize: json.number('/B'),
    ask: json.number('/a'),
    askSize: json.number('/A'),
    id: json.int64('/u', { as: 'number' }),
  },
  aggTrade: {
    symbol: json.symbol('/s'),
    price: json.number('/p'),
    size: json.number('/q'),
    id: json.int64('/a', { as: 'number' }),
    isSell: json.bool('/m'),
  },
  depthUpdate: depthFields,
  kline: {
    symbol: json.symbol('/s'),
    open: json.number('/k/o'),
    high: json.number('/k/h'),
    low: json.number('/k/l'),
    close: json.number('/k/c'),
    volume: json.number('/k/v'),
    trades: json.int64('/k/n', { as: 'number' }),
  },
})

type ShapesFeed = Pick<Feed<typeof shapes>, 'on'>

/** One listener that looks at the shape of every batch. */
export function listenToAll(feed: ShapesFeed, tally: Tally): void {
  feed.on('rows', (rows) => {
    switch (rows.shape) {
      case 'bookTicker':
        for (const t of rows) tally.ticker(t.symbol, t.bid, t.bidSize, t.ask, t.askSize, t.id)
        break
      case 'aggTrade':
        for (const t of rows) tally.trade(t.symbol, t.price, t.size, t.id, t.isSell)
        break
      case 'depthUpdate':
        for (const t of rows) tally.depth(t.symbol, t.firstId, t.lastId, t.bids, t.asks)
        break
      case 'kline':
        for (const t of rows) tally.kline(t.symbol, t.open, t.high, t.low, t.close, t.volume, t.trades)
        break
    }
  })
}

/** A listener for each shape. */
export function listenToEach(feed: ShapesFeed, tally: Tally): void {
  feed.on('rows:bookTicker', (rows) => {
    for (const t of rows) tally.ticker(t.symbol, t.bid, t.bidSize, t.ask, t.askSize, t.id)
  })
  feed.on('rows:aggTrade', (rows) => {
    for (const t of rows) tally.trade(t.symbol, t.price, t.size, t.id, t.isSell)
  })
  feed.on('rows:depthUpdate', (rows) => {
    for (const t of rows) tally.depth(t.symbol, t.firstId, t.lastId, t.bids, t.asks)
  })
  feed.on('rows:kline', (rows) => {
    for (const t of rows) tally.kline(t.symbol, t.open, t.high, t.low, t.close, t.volume, t.trades)
  })
}
