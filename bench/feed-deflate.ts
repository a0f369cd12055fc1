import { compareThroughput } from './compare.ts'
import type { Bench } from './report.ts'

/** The same book tickers with permessage-deflate and context takeover. */
const bench: Bench = async (context) => {
  await compareThroughput(context, {
    workload: 'ticker',
    peers: ['ws', 'node'],
    deflate: true,
    rounds: context.quick ? 3 : 7,
    measureMs: context.quick ? 1000 : 3000,
  })
}

export default bench
