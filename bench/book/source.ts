/** Sends prepared WebSocket frames as fast as they are taken, as often as it is asked. Run as a child process. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'

const [, , file = '', first = '0'] = process.argv
const frames = readFileSync(file)
/** Bytes of the frames that are sent once, with the opening. */
const opening = Number(first)
const magic = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

const server = createServer((socket) => {
  socket.setNoDelay(true)
  let open = false
  socket.on('data', (data) => {
    if (!open) {
      const key = /sec-websocket-key: (.*)\r\n/i.exec(data.toString('latin1'))?.[1] ?? ''
      const accept = createHash('sha1')
        .update(key + magic)
        .digest('base64')
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      )
      open = true
      return
    }
    // Whatever comes asks for one more round.
    socket.write(frames.subarray(0, opening))
    socket.write(frames.subarray(opening))
  })
  socket.on('error', () => {})
})
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as { port: number }).port))
process.on('disconnect', () => process.exit())
