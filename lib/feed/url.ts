import { configFault } from '../runtime/config.js'

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

export interface Proxy {
  readonly host: string
  readonly port: number
  /** Value of the Proxy-Authorization header; '' = none. */
  readonly authorization: string
}

const subject = 'feed options'

/**
 * Takes a `ws:` or `wss:` URL apart (RFC 6455 section 3).
 * @throws ConfigError when it is none, has a fragment, or carries credentials.
 */
export function parseEndpoint(input: string | URL): Endpoint {
  const fault = (message: string): Error => configFault(subject, ['url'], message)
  const url = parse(input, fault)
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

/**
 * Takes the URL of an HTTP proxy apart; credentials in it become Basic authorization.
 * @throws ConfigError when it is no `http:` URL of a host alone.
 */
export function parseProxy(input: string | URL): Proxy {
  const fault = (message: string): Error => configFault(subject, ['proxy'], message)
  const url = parse(input, fault)
  if (url.protocol !== 'http:') throw fault(`must start with http:, not ${url.protocol}`)
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw fault('must not have a path, query or fragment')
  const credentials = `${decode(url.username, fault)}:${decode(url.password, fault)}`
  return {
    host: hostOf(url),
    port: portOf(url, 80, fault),
    authorization: credentials === ':' ? '' : `Basic ${Buffer.from(credentials).toString('base64')}`,
  }
}

// The text is not repeated in errors: it may hold a key.
function parse(input: string | URL, fault: (message: string) => Error): URL {
  if (!URL.canParse(String(input))) throw fault('is not a valid absolute URL')
  return new URL(String(input))
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1')
}

function portOf(url: URL, standard: number, fault: (message: string) => Error): number {
  const port = url.port === '' ? standard : Number(url.port)
  if (port === 0) throw fault('port 0 cannot be connected to')
  return port
}

function decode(text: string, fault: (message: string) => Error): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw fault('has credentials with a malformed percent-encoding')
  }
}
