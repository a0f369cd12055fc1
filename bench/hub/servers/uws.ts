/** uWebSockets, as Bun has it: `server.publish`. Runs under Bun. */
import { type Publisher, serve, task } from './server.ts'

interface Subscriber {
  subscribe(topic: string): void
  cork(callback: () => void): void
  sendText(message: string, compress: boolean): number
  getBufferedAmount(): number
}

/** The part of Bun's API that is used here. */
declare const Bun: {
  serve(options: {
    hostname: string
    port: number
    fetch(request: Request, server: Server): Response | undefined
    websocket: {
      open(socket: Subscriber): void
      message(): void
      close(socket: Subscriber): void
      drain(socket: Subscriber): void
      perMessageDeflate: boolean
      backpressureLimit: number
      closeOnBackpressureLimit: boolean
      idleTimeout: number
      sendPings: boolean
    }
  }): Server
}
interface Server {
  readonly port: number
  upgrade(request: Request): boolean
  publish(topic: string, message: string | Uint8Array, compress: boolean): number
}

/** Bun's process.hrtime starts with the process: the machine's clock is asked once, and performance.now() runs on from there. */
async function machineClock(): Promise<() => number> {
  const name = 'bun:ffi'
  const { dlopen } = (await import(name)) as {
    dlopen(
      path: string,
      symbols: { clock_gettime: { args: string[]; returns: string } },
    ): { symbols: { clock_gettime(clock: number, time: BigInt64Array): number } }
  }
  const { symbols } = dlopen('libc.so.6', { clock_gettime: { args: ['i32', 'ptr'], returns: 'i32' } })
  const time = new BigInt64Array(2)
  let offset = Number.POSITIVE_INFINITY
  for (let i = 0; i < 16; i++) {
    const before = performance.now() * 1e6
    if (symbols.clock_gettime(1, time) !== 0) throw new Error('there is no monotonic clock')
    offset = Math.min(offset, Number(time[0]) * 1e9 + Number(time[1]) - before)
  }
  return () => performance.now() * 1e6 + offset
}

const subscribers = new Set<Subscriber>()
/** The first that was found to have too much, and what to do when its socket has taken it all. */
let waitedFor: Subscriber | null = null
let onDrain = (): void => {}

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch(request, self) {
    return self.upgrade(request) ? undefined : new Response('WebSocket only', { status: 426 })
  },
  websocket: {
    open(socket) {
      subscribers.add(socket)
      socket.subscribe('ticks')
    },
    message() {},
    close(socket) {
      subscribers.delete(socket)
      if (socket === waitedFor) onDrain()
    },
    drain(socket) {
      if (socket === waitedFor) onDrain()
    },
    perMessageDeflate: false,
    // Publishing pauses long before, so that nothing is ever dropped.
    backpressureLimit: 64 << 20,
    closeOnBackpressureLimit: false,
    idleTimeout: 0,
    sendPings: false,
  },
})

let order: Subscriber[] = []
let asked = 0

let batch: string[] = []

/** How a batch of messages reaches the subscribers. Text frames, as from the others, are made from strings only. */
const ways: Readonly<Record<string, Pick<Publisher, 'publish' | 'flush'>>> = {
  /** By topic: up to 32 messages leave together by themselves. */
  publish: {
    publish(message) {
      server.publish('ticks', message.toString('latin1'), false)
    },
    flush() {},
  },
  /** By hand: each subscriber gets a batch through its cork buffer of 16 KiB. */
  cork: {
    publish(message) {
      batch.push(message.toString('latin1'))
    },
    flush() {
      for (const subscriber of subscribers) {
        subscriber.cork(() => {
          for (const message of batch) subscriber.sendText(message, false)
        })
      }
      batch = []
    },
  },
}

const way = ways[task.mode ?? 'publish']
if (way === undefined) throw new RangeError(`no such way: ${task.mode}`)

const publisher: Publisher = {
  port: server.port,
  clock: await machineClock(),
  ...way,
  // Asked of each in turn; the first that has too much ends the round, and the next round begins with it.
  hasRoom(goOn) {
    if (order.length !== subscribers.size) order = [...subscribers]
    for (let i = 0; i < order.length; i++) {
      const at = (asked + i) % order.length
      const subscriber = order[at]
      if (subscriber === undefined || subscriber.getBufferedAmount() <= task.pendingBytes) continue
      asked = at
      waitedFor = subscriber
      onDrain = goOn
      return false
    }
    waitedFor = null
    return true
  },
  subscribers: () => subscribers.size,
}
serve(publisher)
