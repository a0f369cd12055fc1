import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { NativeEndpoint, NativeServerTls } from '../native/hub-layout.js'
import { configFault } from '../runtime/config.js'
import { hostOf, parseUrl } from '../runtime/connect-url.js'
import type { ParsedEndpoint, ParsedTls } from './options-schema.js'

export const subject = 'hub options'

type Option = 'ws' | 'tcp'

const schemes = { ws: ['ws:', 'wss:'], tcp: ['tcp:', 'tls:'] } as const

/** An address to listen on, taken apart. */
export interface HubEndpoint {
  readonly protocol: 'ws' | 'wss' | 'tcp' | 'tls'
  /** Name or numeric address. */
  readonly host: string
  readonly port: number
  readonly path: string
  readonly tls: ParsedTls | null
  readonly options: ParsedEndpoint
}

/** An address that the hub listens on. */
export interface HubAddress {
  readonly protocol: 'ws' | 'wss' | 'tcp' | 'tls'
  /** Numeric. */
  readonly host: string
  readonly port: number
  /** What clients connect to, when the host is one that they can reach. */
  readonly url: string
}

/** @throws ConfigError naming the option at fault. */
export function parseEndpoint(
  option: Option,
  index: number,
  given: ParsedEndpoint,
  tls: ParsedTls | null,
): HubEndpoint {
  const fault = (message: string): Error => configFault(subject, [option, index, 'url'], message)
  const url = parseUrl(given.url, fault)
  const [plain, secure] = schemes[option]
  if (url.protocol !== plain && url.protocol !== secure) {
    throw fault(`must start with ${plain} or ${secure}, not ${url.protocol}`)
  }
  if (url.username !== '' || url.password !== '') throw fault('must not hold credentials')
  if (url.search !== '' || url.hash !== '') throw fault('must not have a query or fragment')
  if (option === 'tcp' && url.pathname !== '' && url.pathname !== '/') throw fault('must not have a path')
  const isSecure = url.protocol === secure
  const ownTls = given.tls ?? (isSecure ? tls : null)
  if (isSecure && ownTls === null) throw configFault(subject, [option, index, 'tls'], `is needed for ${secure}`)
  if (!isSecure && given.tls !== undefined) {
    throw configFault(subject, [option, index, 'tls'], `needs a ${secure} URL`)
  }
  return {
    protocol: url.protocol.slice(0, -1) as HubEndpoint['protocol'],
    host: hostOf(url),
    port: portOf(url, option, isSecure, fault),
    path: url.pathname === '' ? '/' : url.pathname,
    tls: ownTls,
    options: given,
  }
}

/** WebSocket URLs have standard ports; over TCP there is none. */
function portOf(url: URL, option: Option, isSecure: boolean, fault: (message: string) => Error): number {
  if (url.port !== '') return Number(url.port)
  if (option === 'tcp') throw fault('must name a port; 0: any free one')
  return isSecure ? 443 : 80
}

/** @throws Error of the resolver when a name has no address. */
export async function toNative(endpoint: HubEndpoint): Promise<NativeEndpoint> {
  const { host, port, path, tls, options } = endpoint
  const numeric = isIP(host) !== 0 ? host : (await lookup(host, { order: 'ipv4first' })).address
  return {
    wire: endpoint.protocol === 'tcp' || endpoint.protocol === 'tls',
    host: numeric,
    port,
    path,
    backlog: options.backlog,
    ipv6Only: options.ipv6Only,
    sendBuffer: options.sendBuffer,
    tls: tls === null ? null : nativeTls(tls),
  }
}

const certificateWishes = ['none', 'optional', 'required'] as const

function nativeTls(tls: ParsedTls): NativeServerTls {
  const wish = tls.clientCertificate ?? (tls.clientCa === undefined ? 'none' : 'required')
  return {
    onlyTls13: tls.profile === 'production',
    cert: tls.cert,
    key: tls.key,
    passphrase: tls.passphrase ?? '',
    clientCa: tls.clientCa ?? '',
    clientCertificate: certificateWishes.indexOf(wish),
    tickets: tls.tickets,
  }
}

/** @param port that is in use. */
export function addressOf(endpoint: HubEndpoint, native: NativeEndpoint, port: number): HubAddress {
  const { protocol } = endpoint
  const host = isIP(native.host) === 6 ? `[${native.host}]` : native.host
  const path = native.wire || native.path === '/' ? '' : native.path
  return { protocol, host: native.host, port, url: `${protocol}://${host}:${port}${path}` }
}
