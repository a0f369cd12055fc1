/**
 * A recording of Binance's streams in the venue's manner, but at full speed: its frames are made beforehand and poured out in one stream
 * once they are subscribed, so that the source is never the slowest part. Snapshots are answered as they were recorded.
 */
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import { frame } from '../../examples/venue/frames.ts'
import { binanceRecords } from '../../test/mock/recorded.ts'

const [symbols = [], updates = 0] = JSON.parse(process.argv[2] ?? '[]') as [string[], number]
const frames: Buffer[] = []
/** Book tickers and trades: what our side hands over as rows. */
let rows = 0
const snapshots = new Map<string, string>()
for (const record of binanceRecords({ symbols, updates })) {
  if (record.type === 'received') {
    frames.push(frame(record.data))
    if (!Buffer.from(record.data).includes('"e":"depthUpdate"')) rows++
  }
  if (record.type === 'answer')
    snapshots.set(new URL(record.url).searchParams.get('symbol') ?? '', Buffer.from(record.data).toString())
}
const bytes = Buffer.concat(frames)
const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://source')
  const symbol = url.searchParams.get('symbol') ?? ''
  if (snapshots.has(symbol)) asked.add(symbol)
  const body = url.pathname.endsWith('/time')
    ? JSON.stringify({ serverTime: Date.now() })
    : (snapshots.get(symbol) ?? '{}')
  response.writeHead(200, { 'content-type': 'application/json' }).end(body)
})
const sockets = new WebSocketServer({ server, perMessageDeflate: false })
sockets.on('connection', (socket, request) => {
  socket.on('message', (data) => {
    const { id, method } = JSON.parse(String(data)) as { id: number; method: string }
    socket.send(JSON.stringify({ result: null, id }))
    if (method === 'SUBSCRIBE') void begin(request.socket)
  })
})

/** Frames of the first updates, by which a client knows that it may ask for snapshots. */
const firstFrames = symbols.length * 2
const firstBytes = frames.slice(0, firstFrames).reduce((sum, { length }) => sum + length, 0)
/** Symbols whose snapshot was asked for since the last stream began. */
const asked = new Set<string>()

/** A recording that takes no time would be over before the snapshots that it needs are there. */
async function begin(socket: Socket): Promise<void> {
  socket.write(bytes.subarray(0, firstBytes))
  while (asked.size < symbols.length && !socket.destroyed) await new Promise((resolve) => setTimeout(resolve, 5))
  await new Promise((resolve) => setTimeout(resolve, 200))
  asked.clear()
  pour(socket)
}

function pour(socket: Socket): void {
  const piece = 1_048_576
  let at = firstBytes
  const more = (): void => {
    if (at >= bytes.length || socket.destroyed) return
    const part = bytes.subarray(at, at + piece)
    at += part.length
    socket.write(part, more)
  }
  // Two writes stand in line, so that the kernel's buffer never runs dry.
  more()
  more()
}

server.listen(0, '127.0.0.1', () =>
  process.send?.({ port: (server.address() as AddressInfo).port, messages: frames.length, rows }),
)
process.on('disconnect', () => process.exit(0))
