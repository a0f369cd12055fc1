import { compareThroughput, tlsFiles } from './compare.ts'
import type { Bench } from './report.ts'

/** The same book tickers over TLS 1.3. */
const bench: Bench = async (context) => {
  await compareThroughput(context, {
    workload: 'ticker',
    peers: context.quick ? ['ws', 'node'] : ['ws', 'ws-skip-utf8', 'node'],
    tls: tlsFiles(),
    rounds: context.quick ? 5 : 7,
    measureMs: context.quick ? 1000 : 2000,
  })
}

export default bench
