/** tickwire's own hub. */
import { Hub } from 'tickwire'
import { messageBytes } from '../message.ts'
import { type Publisher, serve, task } from './server.ts'

const hub = await Hub.listen({
  ws: 'ws://127.0.0.1:0',
  // A policy there must be; where nothing may be lost, publishing pauses long before it would be applied.
  slow: {
    pendingBytes: task.slow === 'keep' ? 64 << 20 : task.pendingBytes,
    // biome-ignore lint/suspicious/noThenProperty: the option's name
    then: task.slow === 'keep' ? 'skip' : task.slow,
  },
  ring: { bytes: task.slow === 'keep' ? 256 << 20 : 8 << 20 },
  // All of them come from one address, at once.
  limits: {
    connections: 20_000,
    connectionsPerAddress: 20_000,
    pendingHandshakes: 20_000,
    acceptRate: { perSecond: 100_000 },
    acceptRatePerAddress: { perSecond: 100_000 },
  },
})
const ticks = hub.topic('ticks')
const frameBytes = messageBytes + 4

let batch: string[] = []

const publisher: Publisher = {
  port: Number(new URL(hub.url).port),
  publish: (message) => batch.push(message.toString('latin1')),
  flush() {
    let left = batch
    batch = []
    while (left.length > 0) left = left.slice(ticks.publishAll(left))
  },
  // A hub waits for nobody: whoever wants everything to arrive looks at what has been delivered.
  hasRoom(goOn) {
    const { published, subscribers, deliveries, blocked } = hub.stats()
    const waiting = (published * subscribers - deliveries) * frameBytes
    if (blocked === 0 && waiting <= task.pendingBytes * subscribers) return true
    setTimeout(goOn, 1)
    return false
  },
  subscribers: () => hub.stats().subscribers,
  counters: () => {
    const { refusedBy: _, ...numbers } = hub.stats()
    return numbers
  },
}
serve(publisher)
