/**
 * Two ports on which the same numbered trades are sent, each message late by a delay of its own: exponential, mean 0.5 ms, and now and then a stall of
 * 5 to 25 ms, of which a connection's order makes everything behind it wait. The line that starts it: {"rate","messages","seed"}.
 */
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { type WebSocket, WebSocketServer } from 'ws'

interface Task {
  readonly rate: number
  readonly messages: number
  readonly seed: number
}

const servers = [0, 1].map(() => new WebSocketServer({ port: 0, host: '127.0.0.1' }))
const sockets: (WebSocket | null)[] = [null, null]
for (const [path, server] of servers.entries()) {
  server.on('connection', (socket) => {
    sockets[path] = socket
    socket.on('error', () => {})
  })
}

/** Uniform in [0, 1), the same each time. */
function random(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 4_294_967_296
  }
}

const nowNs = (): bigint => process.hrtime.bigint()

function run({ rate, messages, seed }: Task): Promise<void> {
  const begin = nowNs() + 50_000_000n
  // Per path: when each message goes, in ns from the begin; never before the one in front of it.
  const plans = sockets.map((_, path) => {
    const draw = random(seed * 7 + path + 1)
    let before = 0
    return Float64Array.from({ length: messages }, (_, i) => {
      const born = (i / rate) * 1e9
      const late = -Math.log(1 - draw()) * 500_000 + (draw() < 0.0005 ? 5e6 + draw() * 20e6 : 0)
      before = Math.max(before, born + late)
      return before
    })
  })
  const next = [0, 0]
  return new Promise((resolve) => {
    const turn = (): void => {
      const now = Number(nowNs() - begin)
      for (const [path, plan] of plans.entries()) {
        for (let i = next[path] as number; i < messages && (plan[i] as number) <= now; i = ++(next[path] as number)) {
          const born = Number(begin) + (i / rate) * 1e9
          sockets[path]?.send(`{"e":"trades","s":"BTCUSDT","a":${i},"t":${Math.round(born)}}`)
        }
      }
      if (next.every((n) => n === messages)) resolve()
      else setImmediate(turn)
    }
    turn()
  })
}

await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))))
console.log(JSON.stringify({ ports: servers.map((server) => (server.address() as AddressInfo).port) }))
for await (const line of createInterface(process.stdin)) {
  await run(JSON.parse(line) as Task)
  console.log('{}')
}
