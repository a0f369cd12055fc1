import { fileURLToPath } from 'node:url'
import { Arbiter, Feed, json, Loop } from 'tickwire'
import { Conversation } from './hub/conversation.ts'
import { type Bench, median, quantile } from './report.ts'

const rate = 4_000
const decode = json.oneOf('/e', {
  trades: json(
    { symbol: json.symbol('/s'), id: json.int64('/a', { as: 'number' }), at: json.int64('/t', { as: 'number' }) },
    { sequence: { contiguous: 'id' } },
  ),
})

/** Latencies in nanoseconds from a trade's making to its delivery in JavaScript, over the feeds of these ports. */
async function measure(server: Conversation, ports: readonly number[], messages: number, seed: number) {
  const loop = new Loop({ mode: 'park' })
  const arbiter = new Arbiter({ decode, paths: ports.length, loop })
  const latencies = new Float64Array(messages)
  let count = 0
  arbiter.on('rows:trades', (rows) => {
    const now = Number(process.hrtime.bigint())
    for (const { at } of rows) latencies[count++] = now - at
  })
  const feeds = ports.map((port, path) => new Feed({ url: `ws://127.0.0.1:${port}`, decode, arbiter, path }))
  await Promise.all(feeds.map((feed) => feed.open()))
  await server.ask(JSON.stringify({ rate, messages, seed }))
  const end = performance.now() + 10_000
  while (count < messages && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 5))
  const { paths } = arbiter.stats()
  await Promise.all(feeds.map((feed) => feed.close()))
  await arbiter.close()
  await loop.close()
  if (count !== messages) throw new Error(`${count} of ${messages} trades were delivered`)
  latencies.sort()
  return { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), wins: paths.map(({ winRate }) => winRate) }
}

/**
 * The same trades over two paths, each with random delays of its own and stalls: latency until delivery over both by the arbiter, against each path
 * alone, with the same delays. The servers run in a process of their own.
 */
const arbitration: Bench = async ({ quick, emit, log }) => {
  const messages = quick ? 12_000 : 40_000
  const rounds = quick ? 1 : 5
  await using server = new Conversation({
    name: 'two paths',
    command: process.execPath,
    args: [fileURLToPath(new URL('./arbitration/server.ts', import.meta.url))],
  })
  const { ports } = await server.answer<{ ports: [number, number] }>()
  const sides = { both: [ports[0], ports[1]], first: [ports[0]], second: [ports[1]] } as const
  const p50: Record<string, number[]> = {}
  const p99: Record<string, number[]> = {}
  for (let round = 0; round < rounds; round++) {
    for (const [name, some] of Object.entries(sides)) {
      const result = await measure(server, some, messages, round + 1)
      p50[name] = [...(p50[name] ?? []), result.p50]
      p99[name] = [...(p99[name] ?? []), result.p99]
      const wins = name === 'both' ? `, win rates ${result.wins.map((each) => each.toFixed(2)).join(' and ')}` : ''
      log(`${name}: p50 ${(result.p50 / 1e3).toFixed(0)} µs, p99 ${(result.p99 / 1e3).toFixed(0)} µs${wins}`)
    }
  }
  for (const [metric, all] of [
    ['latency p99', p99],
    ['latency p50', p50],
  ] as const) {
    const of = (name: string): number => median(all[name] ?? []) / 1e3
    emit(
      {
        metric,
        unit: 'µs',
        ours: of('both'),
        peers: { 'first path alone': of('first'), 'second path alone': of('second') },
        runs: rounds,
        note: 'delays per message: exponential, mean 0.5 ms, and stalls of 5 to 25 ms; trade made to JavaScript',
      },
      'less',
    )
  }
}

export default arbitration
