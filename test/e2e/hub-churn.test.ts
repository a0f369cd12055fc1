import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Hub } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { HubClient } from '../peers/hub-client.ts'
import { until } from './waiting.ts'

const program = fileURLToPath(new URL('./programs/hub-churn.ts', import.meta.url))
/** What is not JavaScript's heap, whose size is the collector's business. */
const outside = (): number => process.memoryUsage().rss - process.memoryUsage().heapTotal
const descriptors = (): number => (existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0)

async function churn(port: number, count: number): Promise<{ readonly upgraded: number; readonly closed: number }> {
  const child = spawn(process.execPath, [program, String(port), String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  const [code] = await once(child, 'close')
  expect(code).toBe(0)
  return JSON.parse(out)
}

describe('coming and going', () => {
  it('100,000 times leaves nothing behind, and disturbs nobody who stays', { timeout: 180_000 }, async () => {
    const unlimited = { perSecond: 0 }
    await using hub = await Hub.listen({
      ws: 'ws://127.0.0.1:0',
      limits: { acceptRate: unlimited, acceptRatePerAddress: unlimited },
    })
    await using stays = await HubClient.connect(`${hub.url}/?topics=t`)
    await until(() => hub.subscribers.size === 1, 'it is there')
    const port = hub.address()[0]?.port ?? 0
    let sent = 0
    const publishing = setInterval(() => hub.publish('t', `message ${sent++}`), 5)

    // What the first ones make is kept for those who follow.
    const first = await churn(port, 20_000)
    const before = { descriptors: descriptors(), memory: outside() }
    const rest = await churn(port, 80_000)
    clearInterval(publishing)
    await until(() => hub.stats().subscribers === 1 && hub.subscribers.size === 1, 'all others are gone')

    expect(first.upgraded + rest.upgraded).toBe(50_000)
    expect(first.closed + rest.closed).toBe(25_000)
    const stats = hub.stats()
    expect(stats.connected).toBe(50_001)
    expect(stats.disconnected).toBe(50_000)
    // Whoever reset the connection before the hub came to it was never seen; everybody else is accounted for.
    expect(stats.accepted).toBe(stats.admitted + stats.refusedConnections)
    expect(stats.accepted + stats.aborted).toBeLessThanOrEqual(100_001)
    expect(stats.admitted).toBe(50_001)
    expect(descriptors()).toBeLessThanOrEqual(before.descriptors + 4)
    expect(outside() - before.memory).toBeLessThan(32 << 20)
    await until(() => stays.messages.length === sent, 'all has come')
    expect(stays.messages).toEqual(Array.from({ length: sent }, (_, i) => `message ${i}`))
  })
})
