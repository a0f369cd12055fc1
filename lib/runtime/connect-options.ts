/** Options of connections, whatever runs over them: their types, their checks, and what the core is told. */

import { isIP } from 'node:net'
import { z } from 'zod'
import type { NativeSocketOptions, NativeTlsOptions } from '../native/addon.js'

/** TLS of outgoing connections. Certificates and host names are always checked unless `verify` is false. */
export interface TlsOptions {
  /** `'default'`: TLS 1.2 and 1.3. `'production'`: TLS 1.3 only. Default `'default'`. */
  readonly profile?: 'default' | 'production' | undefined
  /** Trust anchors in PEM, instead of Node's. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined
  /** Client certificate chain in PEM. Together with `key`. */
  readonly cert?: string | Uint8Array | undefined
  /** Its private key in PEM. */
  readonly key?: string | Uint8Array | undefined
  /** The key's passphrase. */
  readonly passphrase?: string | undefined
  /**
   * SHA-256 of the SubjectPublicKeyInfo of certificates of which one must be in the verified chain (RFC 7469 section 2.4):
   * base64, optionally after `sha256/`. Default: no pinning.
   */
  readonly pins?: readonly string[] | undefined
  /** Name for SNI and for the check of the certificate. Default: the URL's host. */
  readonly serverName?: string | undefined
  /** Protocols offered by ALPN, in order. Default: none. */
  readonly alpn?: readonly string[] | undefined
  /** False accepts any certificate: for tests against throw-away servers only. Default true. */
  readonly verify?: boolean | undefined
  /** Resume sessions after a reconnect. Default true. */
  readonly resumeSessions?: boolean | undefined
}

export interface SocketOptions {
  /** No Nagle delay. Default true. */
  readonly noDelay?: boolean | undefined
  /** Kernel receive buffer in bytes, up to 1 GiB; 0: the system's tuning. Default 0. */
  readonly recvBuffer?: number | undefined
  /** Kernel send buffer in bytes, up to 1 GiB; 0: the system's tuning. Default 0. */
  readonly sendBuffer?: number | undefined
  /** Microseconds of busy polling in the kernel where it has that, 0…1,000,000. Default 0. */
  readonly busyPollUs?: number | undefined
  /** Ask the kernel when bytes arrived. Default true. */
  readonly kernelTimestamps?: boolean | undefined
  /** TCP keep-alive probes. Default true. */
  readonly keepAlive?: boolean | undefined
  /** Numeric local address to connect from. Default: any. */
  readonly localAddress?: string | undefined
  /** How the poller watches the socket. `'level'` exists to be measured against. Default `'edge'`. */
  readonly trigger?: 'edge' | 'level' | undefined
}

const gib = 1_073_741_824

// RFC 9110 section 5.6.2
export const tokenSchema = z
  .string()
  .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'must be a token (RFC 9110 section 5.6.2)')
export const headerValueSchema = z
  .string()
  .regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'must not have control characters or characters over U+00FF')
export const pemSchema = z
  .union([z.string(), z.instanceof(Uint8Array)], { error: 'must be PEM in a string or Uint8Array' })
  .transform((value) => (typeof value === 'string' ? value : Buffer.from(value).toString('latin1')))
  .refine((value) => value.includes('-----BEGIN '), 'is not PEM')
const pin = z
  .string()
  .transform((value) => value.replace(/^sha256\//, ''))
  .refine((value) => /^[A-Za-z0-9+/]{43}=$/.test(value), 'must be the base64 of a SHA-256 digest')

export const tlsSchema = z
  .strictObject({
    profile: z.enum(['default', 'production']).default('default'),
    ca: z
      .union([pemSchema, z.array(pemSchema).min(1)])
      .transform((value) => (typeof value === 'string' ? value : value.join('\n')))
      .optional(),
    cert: pemSchema.optional(),
    key: pemSchema.optional(),
    passphrase: z.string().optional(),
    pins: z.array(pin).max(64).default([]),
    serverName: z.string().min(1).max(253).optional(),
    alpn: z.array(z.string().min(1).max(255)).max(16).default([]),
    verify: z.boolean().default(true),
    resumeSessions: z.boolean().default(true),
  })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), {
    path: ['key'],
    message: '`cert` and `key` go together',
  })

export const socketSchema = z.strictObject({
  noDelay: z.boolean().default(true),
  recvBuffer: z.int().min(0).max(gib).default(0),
  sendBuffer: z.int().min(0).max(gib).default(0),
  busyPollUs: z.int().min(0).max(1_000_000).default(0),
  kernelTimestamps: z.boolean().default(true),
  keepAlive: z.boolean().default(true),
  localAddress: z
    .string()
    .refine((value) => isIP(value) !== 0, 'must be a numeric address')
    .optional(),
  trigger: z.enum(['edge', 'level']).default('edge'),
})

/** @param tls none: the defaults. */
export function nativeTls(
  tls: z.output<typeof tlsSchema> | undefined,
  alpn: readonly string[] = tls?.alpn ?? [],
): NativeTlsOptions {
  return {
    onlyTls13: tls?.profile === 'production',
    ca: tls?.ca ?? '',
    cert: tls?.cert ?? '',
    key: tls?.key ?? '',
    passphrase: tls?.passphrase ?? '',
    pins: tls?.pins ?? [],
    serverName: tls?.serverName ?? '',
    alpn,
    verify: tls?.verify ?? true,
    resumeSessions: tls?.resumeSessions ?? true,
  }
}

export function nativeSocket(socket: Omit<z.output<typeof socketSchema>, 'trigger'>): NativeSocketOptions {
  return { ...socket, localAddress: socket.localAddress ?? '' }
}
