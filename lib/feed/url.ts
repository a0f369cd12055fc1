import { configFault } from '../runtime/config.js'
import { hostOf, parseUrl, portOf } from '../runtime/connect-url.js'

/** Where a feed connects to. */
export interface Endpoint {
  /** As given, for `feed.url`. */
  readonly href: string
  /** Scheme, host and port: what may stand in logs. Paths and queries of some venues hold keys. */
  readonly origin: string
  readonly secure: boolean
  /** Name or address, IPv6 without brackets. */
  readonly host: string
  readonly port: number
  /** Path and query. */
  readonly path: string
  /** Value of the Host header. */
  readonly hostHeader: string
}

const subject = 'feed options'

/**
 * Takes a `ws:` or `wss:` URL apart (RFC 6455 section 3).
 * @throws ConfigError when it is none, has a fragment, or carries credentials.
 */
export function parseEndpoint(input: string | URL): Endpoint {
  const fault = (message: string): Error => configFault(subject, ['url'], message)
  const url = parseUrl(input, fault)
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') throw fault(`must start with ws: or wss:, not ${url.protocol}`)
  if (url.username !== '' || url.password !== '') {
    throw fault("must not hold credentials: pass them as `headers: { authorization: 'Basic …' }`")
  }
  if (url.hash !== '' || url.href.endsWith('#')) throw fault('must not have a fragment (RFC 6455 section 3)')
  const secure = url.protocol === 'wss:'
  const port = portOf(url, secure ? 443 : 80, fault)
  return {
    href: url.href,
    origin: `${url.protocol}//${url.host}`,
    secure,
    host: hostOf(url),
    port,
    path: `${url.pathname}${url.search}`,
    hostHeader: url.host,
  }
}
