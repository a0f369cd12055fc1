// Connects to a hub and goes away again, so many times, in every way there is: `hub-churn.ts PORT COUNT`. Prints how
// many were answered with an upgrade and how many of those saw the closing handshake through.
import { connect, type Socket } from 'node:net'

const [port, count] = process.argv.slice(2).map(Number) as [number, number]
const lanes = 48
const request = Buffer.from(
  'GET /?topics=t HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n',
)
const half = request.subarray(0, 40)
/** Masked with zeros: close, 1000. */
const goodbye = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8])
const switched = Buffer.from('HTTP/1.1 101')
/** The hub's answer to it, which ends the connection. */
const farewell = Buffer.from([0x88, 0x02, 0x03, 0xe8])

let upgraded = 0
let closed = 0

/** Resets where it does not say goodbye: nothing of it waits in the kernel. */
function visit(number: number): Promise<void> {
  const way = number % 4
  return new Promise((resolve, reject) => {
    // A reset leaves no state behind, a closed connection leaves its pair of addresses: eight of ours are enough.
    const socket: Socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.0.${2 + (number % 8)}` })
    const end = (): void => {
      socket.resetAndDestroy()
      resolve()
    }
    let isOpen = false
    socket.on('connect', () => {
      if (way === 0) return end()
      socket.write(way === 1 ? half : request, () => {
        if (way === 1) end()
      })
    })
    socket.on('data', (chunk: Buffer) => {
      if (!isOpen) {
        if (!chunk.subarray(0, switched.length).equals(switched)) return reject(new Error(chunk.toString('latin1')))
        isOpen = true
        upgraded++
        if (way === 2) return end()
        socket.write(goodbye)
      }
      if (chunk.subarray(-farewell.length).equals(farewell)) {
        closed++
        end()
      }
    })
    socket.on('error', (error) => {
      if (!socket.destroyed || !isOpen) reject(error)
    })
  })
}

let next = 0
await Promise.all(
  Array.from({ length: lanes }, async () => {
    while (next < count) await visit(next++)
  }),
)
process.stdout.write(JSON.stringify({ upgraded, closed }))
