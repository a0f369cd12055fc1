import { cycleTexts } from '../examples/venue/cycle.ts'
import { startVenue } from '../examples/venue/start.ts'
import { runSide } from './child.ts'
import { cycleMessages } from './compare.ts'
import type { Bench } from './report.ts'
import type { Parsed } from './sides/parsed.ts'
import type { BlockedResult, FinalState } from './sides/strategies.ts'
import type { SideName, Task } from './sides/task.ts'

const rate = 5000
const blockedMs = 20_000

/** Newest ticker per symbol when all `messages` have been seen. */
function finalState(messages: number): FinalState {
  const texts = cycleTexts({ workload: 'ticker', messages: cycleMessages, seed: 1, stamped: false })
  const state: FinalState = {}
  for (let i = Math.max(0, messages - cycleMessages); i < messages; i++) {
    const ticker = JSON.parse(texts[i % cycleMessages] ?? '') as Parsed
    if (ticker.e === 'bookTicker') state[ticker.s] = { bid: +ticker.b, ask: +ticker.a, id: ticker.u }
  }
  return state
}

function sameState(a: FinalState, b: FinalState): boolean {
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => a[name]?.id === b[name]?.id && a[name]?.bid === b[name]?.bid && a[name]?.ask === b[name]?.ask)
  )
}

/** The JS thread is blocked for 20 s; the server sends on, and cuts off who leaves its pings unanswered. */
const bench: Bench = async (context) => {
  await using venue = await startVenue({ cpu: 0 })
  // The stream ends a second before the block does: then everybody can know the final state.
  const messages = (rate * (blockedMs - 500)) / 1000
  const ask = (side: SideName): Promise<BlockedResult> => {
    const task: Task = {
      kind: 'blocked',
      side,
      url: `${venue.url}/replay?workload=ticker&cycle=${cycleMessages}&messages=${messages}&rate=${rate}&burst=50&ping=1000&pong=3000`,
      workload: 'ticker',
      cycle: cycleMessages,
      overflow: 'conflate',
      measureMs: blockedMs,
      warmUpMs: 2000,
    }
    return runSide<BlockedResult>(task)
  }
  // Both sides do nothing most of the time, so they may wait together.
  const [ours, ws] = await Promise.all([ask('ours'), ask('ws')])
  const expected = finalState(messages)
  context.log(`ours: ${ours.connected ? 'connected' : `lost (${ours.reason})`}, ${ours.messages} messages`)
  context.log(`ws: ${ws.connected ? 'connected' : `lost (${ws.reason})`}, ${ws.messages} messages`)
  const figures: [metric: string, unit: string, of: (result: BlockedResult) => number][] = [
    ['stays-connected', 'of 1', (result) => Number(result.connected)],
    ['state-correct', 'of 1', (result) => Number(sameState(result.state, expected))],
  ]
  const note = `${blockedMs / 1000} s blocked, ${rate} messages/s, a ping each second`
  for (const [metric, unit, of] of figures) {
    context.emit({ metric, unit, ours: of(ours), peers: { ws: of(ws) }, resolution: 0.1, note }, 'more')
  }
  context.emit(
    { metric: 'memory-growth', unit: 'bytes', ours: ours.rssGrowth, peers: { ws: ws.rssGrowth }, resolution: 1, note },
    'less',
  )
}

export default bench
