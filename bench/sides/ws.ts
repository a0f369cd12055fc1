import WebSocket from 'ws'
import { measureAllocations } from './allocations.ts'
import { Meter } from './meter.ts'
import { countParsed, type Parsed } from './parsed.ts'
import { Ages, type BlockedResult, blocker, type FinalState, Worker5Ms } from './strategies.ts'
import { Tally } from './tally.ts'
import type { Task } from './task.ts'

function connect(task: Task, onMessage: (message: Parsed) => void): WebSocket {
  const socket = new WebSocket(task.url, {
    perMessageDeflate: task.deflate ?? false,
    skipUTF8Validation: task.side === 'ws-skip-utf8',
    ...(task.ca === undefined ? {} : { ca: task.ca }),
  })
  socket.on('message', (data: Buffer) => onMessage(JSON.parse(data.toString()) as Parsed))
  return socket
}

function failOnClose(socket: WebSocket): void {
  socket.on('error', (error) => {
    throw error
  })
  socket.on('close', (code) => {
    throw new Error(`closed with ${code}`)
  })
}

/** `ws` with JSON.parse, with the options that are best for it. */
export async function run(task: Task, report: (result: unknown) => void): Promise<void> {
  const count = task.count ?? 0
  switch (task.kind) {
    case 'throughput': {
      const { tally } = new Meter(task.cycle, task.warmUpMs ?? 0, task.measureMs ?? 0, report)
      failOnClose(connect(task, (message) => countParsed(tally, message)))
      break
    }
    case 'latency': {
      const ages = new Ages(count, task.cycle, report)
      failOnClose(connect(task, (message) => message.e === 'bookTicker' && ages.see(message.T)))
      break
    }
    case 'freshness': {
      const strategy = new Worker5Ms(new Ages(count, 10, report))
      failOnClose(connect(task, (message) => message.e === 'bookTicker' && strategy.see(message.s, message.T)))
      break
    }
    case 'alloc': {
      const meter = measureAllocations(task, report)
      const tally = new Tally(task.cycle, meter)
      failOnClose(connect(task, (message) => countParsed(tally, message)))
      break
    }
    case 'blocked':
      blocked(task, report)
      break
    case 'reconnect':
      reconnect(task, report)
      break
  }
}

function blocked(task: Task, report: (result: BlockedResult) => void): void {
  const state: FinalState = {}
  let messages = 0
  let reason = ''
  const socket = connect(task, (message) => {
    messages += 1
    if (message.e === 'bookTicker') state[message.s] = { bid: +message.b, ask: +message.a, id: message.u }
  })
  socket.on('error', (error) => {
    reason = error.message
  })
  socket.on('close', (code) => {
    reason ||= `closed with ${code}`
  })
  socket.on('open', () => {
    setTimeout(() => {
      const before = process.memoryUsage.rss()
      Atomics.wait(blocker, 0, 0, task.measureMs)
      setTimeout(() => {
        const rssGrowth = process.memoryUsage.rss() - before
        report({ connected: socket.readyState === WebSocket.OPEN, reason, state, rssGrowth, messages })
      }, task.warmUpMs)
    }, 500)
  })
}

/** Connects again as soon as a connection has ended. */
function reconnect(task: Task, report: (result: unknown) => void): void {
  const ages = new Ages(task.count ?? 0, task.cycle, report)
  let first = true
  const open = (): void => {
    const socket = connect(task, (message) => {
      // The first connection had none before it.
      if (!first && message.e === 'bookTicker') ages.see(message.T)
      first = false
    })
    socket.on('error', () => {})
    socket.on('close', open)
  }
  open()
}
