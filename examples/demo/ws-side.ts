/** The other side: `ws` and JSON.parse, with the reconnection that one writes around them. */
import WebSocket from 'ws'
import { Side } from './side.ts'

interface Combined {
  stream?: string
  data?: {
    s: string
    b: string | [string, string][]
    a: string | [string, string][]
    B: string
    A: string
    p: string
    T?: number
  }
}

const side = new Side()
const { strategy } = side
let reconnects = -1
let malformed = 0
let state = 'connecting'
let delayMs = 0
let lostAt = Number.NaN

function sizes(levels: [string, string][]): number {
  let sum = 0
  for (const level of levels) sum += +level[1]
  return sum
}

function onMessage(text: string): void {
  let message: Combined
  try {
    message = JSON.parse(text) as Combined
  } catch {
    malformed += 1
    return
  }
  const { stream, data } = message
  if (stream === undefined || data === undefined) return
  if (stream.endsWith('@bookTicker')) {
    const bid = +data.b
    if (typeof data.s !== 'string' || Number.isNaN(bid) || Array.isArray(data.b)) {
      malformed += 1
      return
    }
    strategy.onTicker(data.s, bid, +data.B, +data.a, +data.A)
  } else if (stream.endsWith('@aggTrade') || stream.endsWith('@trade')) {
    strategy.onTrade(data.s, +data.p)
  } else if (stream.includes('@depth') && Array.isArray(data.b) && Array.isArray(data.a)) {
    strategy.onDepth(data.s, { bids: sizes(data.b), asks: sizes(data.a) })
  } else if (!stream.endsWith('@kline_1m')) return
  side.onMessage(data.T ?? null)
}

function connect(): void {
  state = 'connecting'
  let reason = ''
  const socket = new WebSocket(side.task.url, { perMessageDeflate: false, handshakeTimeout: 5_000 })
  let lastMs = performance.now()
  // Without such a watch a half-dead connection stays for ever.
  const watch = setInterval(() => {
    if (performance.now() - lastMs > side.task.idleMs) {
      reason = 'idle'
      socket.terminate()
    }
  }, side.task.idleMs / 4)
  socket.on('open', () => {
    state = 'connected'
    reconnects += 1
    const away = performance.now() - lostAt
    side.happened(Number.isNaN(away) ? 'connected' : `back after ${away.toFixed(1)} ms`, 'good')
  })
  socket.on('message', (data: Buffer) => {
    lastMs = performance.now()
    delayMs = 0
    onMessage(data.toString())
  })
  socket.on('error', (error) => {
    reason ||= error.message
  })
  socket.on('close', (code) => {
    clearInterval(watch)
    if (state === 'connected') lostAt = performance.now()
    side.happened(`${state === 'connected' ? 'lost' : 'no connection'}: ${reason || `close code ${code}`}`, 'bad')
    state = 'reconnecting'
    setTimeout(connect, delayMs)
    delayMs = Math.min(5_000, Math.max(100, delayMs * 2))
  })
}

side.report(() => ({ state, reconnects: Math.max(0, reconnects), malformed, lost: 0 }), false)
connect()
