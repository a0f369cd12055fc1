/** `ws`, broadcasting in the ways that its users have found. */
import type { Socket } from 'node:net'
import * as ws from 'ws'
import { type Publisher, serve, task } from './server.ts'

/** Documented by its source alone, and missing from the types. */
const { Sender } = ws as unknown as {
  Sender: { frame(data: Buffer, options: Readonly<Record<string, unknown>>): Buffer[] }
}
const frameOptions = { fin: true, rsv1: false, mask: false, opcode: 1, readOnly: true }

/** A complete frame in one piece: one write per subscriber needs one buffer, and the message's own memory is used again. */
function framed(message: Buffer): Buffer {
  return Buffer.concat(Sender.frame(message, frameOptions))
}

interface Subscriber {
  readonly socket: Socket
  readonly connection: ws.WebSocket
}

const subscribers = new Set<Subscriber>()
/** Those whose socket has said that it has enough. */
const blocked = new Set<Subscriber>()
let onDrain = (): void => {}

const server = new ws.WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, backlog: 4096 })
server.on('connection', (connection, request) => {
  const { socket } = request
  socket.setNoDelay(true)
  const subscriber = { socket, connection }
  subscribers.add(subscriber)
  const unblocked = (): void => {
    if (blocked.delete(subscriber) && blocked.size === 0) onDrain()
  }
  socket.on('drain', unblocked)
  connection.on('error', () => {})
  connection.on('close', () => {
    subscribers.delete(subscriber)
    unblocked()
  })
})
await new Promise((resolve) => server.once('listening', resolve))

let batch: Buffer[] = []
let skipped = 0

/** ws has no policy for slow subscribers: a careful user looks at what is buffered before each send. */
function takesMore({ socket, connection }: Subscriber): boolean {
  if (task.slow === 'keep' || socket.writableLength <= task.pendingBytes) return true
  skipped += 1
  if (task.slow === 'disconnect') connection.terminate()
  return false
}

/** How a batch of framed messages reaches a subscriber. */
const ways: Readonly<Record<string, { publish(message: Buffer): void; flush(): void }>> = {
  /** `send` for each, as the manual says: each subscriber has the message framed for itself. */
  send: {
    publish(message) {
      const text = Buffer.from(message)
      for (const subscriber of subscribers) {
        if (!takesMore(subscriber)) continue
        subscriber.connection.send(text, { binary: false })
        if (subscriber.socket.writableNeedDrain) blocked.add(subscriber)
      }
    },
    flush() {},
  },
  /** Framed once, one write per subscriber and message. */
  frame: {
    publish(message) {
      const frame = framed(message)
      for (const subscriber of subscribers) {
        if (takesMore(subscriber) && !subscriber.socket.write(frame)) blocked.add(subscriber)
      }
    },
    flush() {},
  },
  /** Framed once; the messages of a batch leave in one `writev` per subscriber. */
  cork: {
    publish: (message) => batch.push(framed(message)),
    flush() {
      for (const subscriber of subscribers) {
        if (!takesMore(subscriber)) continue
        subscriber.socket.cork()
        for (const frame of batch) if (!subscriber.socket.write(frame)) blocked.add(subscriber)
        subscriber.socket.uncork()
      }
      batch = []
    },
  },
  /** Framed once and joined by hand: one write of one buffer per subscriber and batch, past ws altogether. */
  join: {
    publish: (message) => batch.push(framed(message)),
    flush() {
      const joined = Buffer.concat(batch)
      for (const subscriber of subscribers) {
        if (takesMore(subscriber) && !subscriber.socket.write(joined)) blocked.add(subscriber)
      }
      batch = []
    },
  },
}

const way = ways[task.mode ?? 'frame']
if (way === undefined) throw new RangeError(`no such way: ${task.mode}`)

const publisher: Publisher = {
  port: (server.address() as { port: number }).port,
  publish: way.publish,
  flush: way.flush,
  hasRoom(goOn) {
    onDrain = blocked.size === 0 ? () => {} : goOn
    return blocked.size === 0
  },
  subscribers: () => subscribers.size,
  counters: () => ({ skipped }),
}
serve(publisher)
