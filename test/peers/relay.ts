import { connect, type Socket } from 'node:net'
import { type Listener, listen } from './listener.ts'

/** A wire between a client and a server on which things happen. */
export interface Relay extends Listener {
  /** What is done to bytes that come from the server; default: nothing. */
  tamper: (bytes: Buffer) => Buffer
  /** Ends all connections, and refuses others until it is called with false. */
  cut(isCut?: boolean): void
}

/** Takes connections to itself to a port of this machine. */
export async function startRelay(port: number): Promise<Relay> {
  let isCut = false
  const pairs = new Set<readonly [Socket, Socket]>()
  const listener = await listen({}, (client) => {
    if (isCut) return void client.resetAndDestroy()
    const server = connect({ port, host: '127.0.0.1', noDelay: true })
    const pair = [client, server] as const
    pairs.add(pair)
    server.on('error', () => {})
    client.on('data', (bytes) => void server.write(bytes))
    server.on('data', (bytes) => void client.write(relay.tamper(bytes)))
    const end = (): void => {
      pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    client.on('close', end)
    server.on('close', end)
  })
  const relay = Object.create(listener, {
    tamper: { value: (bytes: Buffer) => bytes, writable: true },
    cut: {
      value: (cut = true) => {
        isCut = cut
        if (cut) for (const [client] of pairs) client.resetAndDestroy()
      },
    },
  }) as Relay
  return relay
}
