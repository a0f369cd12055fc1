/** Taking URLs of peers and proxies apart. */

import { configFault } from './config.js'

export interface Proxy {
  readonly host: string
  readonly port: number
  /** Value of the Proxy-Authorization header; '' = none. */
  readonly authorization: string
}

/**
 * Takes the URL of an HTTP proxy apart; credentials in it become Basic authorization.
 * @throws ConfigError when it is no `http:` URL of a host alone.
 */
export function parseProxy(input: string | URL, subject: string): Proxy {
  const fault = (message: string): Error => configFault(subject, ['proxy'], message)
  const url = parseUrl(input, fault)
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
export function parseUrl(input: string | URL, fault: (message: string) => Error): URL {
  if (!URL.canParse(String(input))) throw fault('is not a valid absolute URL')
  return new URL(String(input))
}

/** Name or address, IPv6 without brackets. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1')
}

/** The port of the URL, or the scheme's. */
export function portOf(url: URL, standard: number, fault: (message: string) => Error): number {
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
