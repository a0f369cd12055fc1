/** The demo's own side: one Feed, decoded on a native thread. */
import { exponential, Feed, json } from 'tickwire'
import { Side } from './side.ts'

const side = new Side()
const { strategy } = side

const stamp = json.int64('/data/T', { as: 'number', optional: true })

const feed = new Feed({
  url: side.task.url,
  decode: json.oneOf(
    '/stream',
    {
      ticker: {
        symbol: json.symbol('/data/s'),
        bid: json.number('/data/b'),
        bidSize: json.number('/data/B'),
        ask: json.number('/data/a'),
        askSize: json.number('/data/A'),
        stamp,
      },
      trade: { symbol: json.symbol('/data/s'), price: json.number('/data/p'), stamp },
      depth: {
        symbol: json.symbol('/data/s'),
        bids: json.levels('/data/b', { max: 100 }),
        asks: json.levels('/data/a', { max: 100 }),
        stamp,
      },
      kline: { symbol: json.symbol('/data/s'), stamp },
    },
    {
      match: {
        ticker: '*@bookTicker',
        trade: ['*@aggTrade', '*@trade'],
        depth: ['*@depth', '*@depth@100ms', '*@depth@500ms'],
        kline: '*@kline_1m',
      },
      otherwise: 'ignore',
    },
  ),
  heartbeat: { ping: 5_000, idle: side.task.idleMs },
  // The venue is our own: we may knock more often than strangers would bear.
  reconnect: exponential({ storm: { floor: 100 } }),
})

feed.on('rows', (rows) => {
  switch (rows.shape) {
    case 'ticker':
      for (const t of rows) {
        strategy.onTicker(t.symbol, t.bid, t.bidSize, t.ask, t.askSize)
        side.onMessage(t.stamp, t.kernelTimeNs, t.rxTimeNs)
      }
      break
    case 'trade':
      for (const t of rows) {
        strategy.onTrade(t.symbol, t.price)
        side.onMessage(t.stamp, t.kernelTimeNs, t.rxTimeNs)
      }
      break
    case 'depth':
      for (const d of rows) {
        let bids = 0
        let asks = 0
        for (let i = 0; i < d.bids.length; i++) bids += d.bids.size(i)
        for (let i = 0; i < d.asks.length; i++) asks += d.asks.size(i)
        strategy.onDepth(d.symbol, { bids, asks })
        side.onMessage(d.stamp, d.kernelTimeNs, d.rxTimeNs)
      }
      break
    case 'kline':
      for (const k of rows) side.onMessage(k.stamp, k.kernelTimeNs, k.rxTimeNs)
      break
  }
})

let lostAt = Number.NaN
feed.on('state', ({ from, to, reason, message, detail }) => {
  if (to === 'connected') {
    const away = performance.now() - lostAt
    side.happened(Number.isNaN(away) ? 'connected' : `back after ${away.toFixed(1)} ms`, 'good')
  } else if (from === 'connected') {
    lostAt = performance.now()
    side.happened(`lost: ${reason ?? ''}${detail ? ` ${detail}` : ''}${message ? ` (${message})` : ''}`, 'bad')
  } else if (reason !== null) {
    side.happened(`no connection: ${reason}${detail ? ` ${detail}` : ''}`, 'bad')
  }
})
feed.on('malformed', ({ why, field, sample, suppressed }) => {
  const more = suppressed > 0 ? `, and ${suppressed} more` : ''
  const what = field === null ? why : `${why} in '${field}'`
  side.happened(`skipped a message: ${what}${more}: ${Buffer.from(sample).toString().slice(0, 40)}`, 'bad')
})

side.report(() => {
  const { state, reconnects, malformed, dropped, conflated } = feed.stats()
  return { state, reconnects, malformed, lost: dropped + conflated }
}, true)

await feed.open()
