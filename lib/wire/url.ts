import { configFault } from '../runtime/config.js'
import { hostOf, parseUrl, portOf } from '../runtime/connect-url.js'

/** Where a feed in the wire format gets its messages. */
export interface WireEndpoint {
  /** As given, for `feed.url`. */
  readonly href: string
  readonly transport: 'tcp' | 'tls' | 'shm'
  /** Name or address, IPv6 without brackets; of shared memory the segment's name. */
  readonly host: string
  /** 0 for shared memory. */
  readonly port: number
}

const transports = { 'tcp:': 'tcp', 'tls:': 'tls', 'shm:': 'shm' } as const
const segmentName = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/

/**
 * Takes a `tcp://host:port`, `tls://host:port` or `shm://name` URL apart.
 * @throws ConfigError when it is none of these, or holds more.
 */
export function parseWireEndpoint(input: string | URL, subject: string): WireEndpoint {
  const fault = (message: string): Error => configFault(subject, ['url'], message)
  const url = parseUrl(input, fault)
  const transport = transports[url.protocol as keyof typeof transports]
  if (transport === undefined) throw fault(`must start with tcp:, tls: or shm:, not ${url.protocol}`)
  if (url.username !== '' || url.password !== '') throw fault('must not hold credentials: pass `token`')
  if ((url.pathname !== '' && url.pathname !== '/') || url.search !== '' || url.hash !== '') {
    throw fault('must not have a path, query or fragment: pass `topics`')
  }
  if (transport === 'shm') {
    if (url.port !== '') throw fault('shared memory has no port')
    // The parser of URLs leaves names of such schemes as they are, but for percent-encoding.
    if (!segmentName.test(url.hostname)) throw fault('needs the name of a segment: 1 to 64 of A–Z a–z 0–9 . _ -')
    return { href: `shm://${url.hostname}`, transport, host: url.hostname, port: 0 }
  }
  if (url.hostname === '') throw fault('needs a host')
  if (url.port === '') throw fault('needs a port: there is no standard one')
  const port = portOf(url, 0, fault)
  return { href: `${url.protocol}//${url.host}`, transport, host: hostOf(url), port }
}
