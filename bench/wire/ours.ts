import { Loop, Quote, WireFeed, wire } from '../../dist/esm/index.js'
import type { Meter } from '../sides/meter.ts'
import { topic, type WireTask } from './task.ts'

const quotes = wire.rows([
  Quote.select({
    symbol: 'symbol',
    bid: 'bid',
    bidSize: 'bidSize',
    ask: 'ask',
    askSize: 'askSize',
    n: wire.int64('sequence', { as: 'number' }),
  }),
])

/** A feed as it is by default: a parked loop, rows in batches, nothing lost. */
export async function run({ port }: WireTask, meter: Meter): Promise<void> {
  const loop = new Loop({ mode: 'park' })
  const feed = new WireFeed({ url: `tcp://127.0.0.1:${port}`, topics: [topic], decode: quotes, loop })
  meter.loopCpuNs = () => loop.cpuTimeNs()
  const { tally } = meter
  let next = 1
  feed.on('rows', (rows) => {
    for (const row of rows) {
      if (row.n !== next) throw new Error(`quote ${row.n} instead of ${next}`)
      next += 1
      tally.ticker(row.symbol, row.bid, row.bidSize, row.ask, row.askSize, 0)
    }
  })
  feed.on('malformed', ({ why }) => {
    throw new Error(`malformed: ${why}`)
  })
  feed.on('close', (error) => {
    throw new Error('the feed has ended', { cause: error })
  })
  await feed.open()
}
