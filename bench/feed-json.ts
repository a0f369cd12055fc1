import { compareThroughput } from './compare.ts'
import type { Bench } from './report.ts'

/** One socket, plain: book tickers of about 150 bytes, a mix of four shapes, depth updates with 20 levels on each side. */
const bench: Bench = async (context) => {
  const rounds = context.quick ? 3 : 7
  const measureMs = context.quick ? 500 : 2000
  await compareThroughput(context, {
    workload: 'ticker',
    peers: context.quick ? ['ws', 'node'] : ['ws', 'ws-skip-utf8', 'node'],
    rounds,
    measureMs,
  })
  await compareThroughput(context, {
    workload: 'shapes',
    peers: ['ws', 'node'],
    suffix: '-4-shapes',
    rounds,
    measureMs,
  })
  await compareThroughput(context, { workload: 'depth', peers: ['ws', 'node'], suffix: '-depth-20', rounds, measureMs })
}

export default bench
