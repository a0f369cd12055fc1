/** The hub's process of the demo: publishes a simulated market and reports to the screen. */
import { Hub } from 'tickwire'
import type { Policy } from './kinds.ts'
import { MarketMessages } from './market-messages.ts'
import type { HubMessage, SlowDeed } from './track.ts'

interface PublisherTask {
  readonly rate: number
  readonly seed: number
  readonly subscribers: number
}

const task = JSON.parse(process.argv[2] ?? '{}') as PublisherTask
const tickMs = 2
const reportEveryMs = 250
/** Little, so that something is to be seen within seconds. */
const pendingBytes = 256 * 1024
/** Beyond this a hub that cannot keep the rate is not given more. */
const mostBehindMs = 200

const policies: readonly Policy[] = ['skip', 'conflate', 'disconnect']

const hub = await Hub.listen({
  ws: 'ws://127.0.0.1:0',
  // biome-ignore lint/suspicious/noThenProperty: the option's name
  slow: { pendingBytes, then: 'skip' },
  limits: { connections: task.subscribers + 16, connectionsPerAddress: task.subscribers + 16 },
  // Subscribers of the demo choose how they are treated; elsewhere that would hang on who they are.
  authorize: ({ query }) => {
    const asked = query.get('slow')
    const slow = policies.find((policy) => policy === asked)
    return slow === undefined ? true : { slow }
  },
})
const ticks = hub.topic('ticks')

function tell(message: HubMessage): void {
  if (process.connected) process.send?.(message)
}

/** What the policies did since the last report. */
const deeds = new Map<string, { policy: Policy; phase: SlowDeed['phase']; clients: Set<number>; missed: number }>()

function note(policy: Policy, phase: SlowDeed['phase'], client: number, missed: number): void {
  const key = `${policy} ${phase}`
  const deed = deeds.get(key) ?? { policy, phase, clients: new Set<number>(), missed: 0 }
  deed.clients.add(client)
  deed.missed += missed
  deeds.set(key, deed)
}

hub.on('slow', ({ subscriber, policy }) => note(policy, 'began', subscriber.id, 0))
hub.on('caughtUp', ({ subscriber, policy, missed }) => note(policy, 'ended', subscriber.id, missed))

function report(): void {
  const { published, deliveries, bytes, writes, skipped, conflated, slowDisconnects } = hub.stats()
  const { user, system } = process.cpuUsage()
  tell({
    snapshot: {
      atMs: performance.now(),
      published,
      deliveries,
      bytes,
      writes,
      skipped,
      conflated,
      disconnects: slowDisconnects,
      cpuMs: (user + system) / 1000,
      rssBytes: process.memoryUsage.rss(),
    },
    deeds: [...deeds.values()].map(({ policy, phase, clients, missed }) => ({
      policy,
      phase,
      subscribers: clients.size,
      missed,
    })),
  })
  deeds.clear()
}

function publish(): void {
  const messages = new MarketMessages(task.seed)
  let due = 0
  let last = performance.now()
  setInterval(() => {
    const now = performance.now()
    due += (Math.min(now - last, mostBehindMs) / 1000) * task.rate
    last = now
    const count = Math.floor(due)
    due -= count
    for (let i = 0; i < count; i++) {
      const { symbol, text } = messages.next()
      ticks.publish(text, { key: symbol, text: true })
    }
  }, tickMs)
}

// Ctrl-C goes to the parent, whose end is ours.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit(0))
process.once('message', publish)
setInterval(report, reportEveryMs)
tell({ url: hub.url })
