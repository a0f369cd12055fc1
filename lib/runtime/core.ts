import * as tls from 'node:tls'
import type { NativeAddon } from '../native/addon.js'
import { loadAddon } from '../native/loader.js'

let codes: readonly string[] | undefined

/**
 * The C++ core, loaded with the first use.
 * @throws Error when there is no binary for this host or it cannot be loaded; the message says what to do.
 */
export function core(): NativeAddon {
  return loadAddon() as NativeAddon
}

/** The stable name of an error that a record carries by its index; null for none. */
export function errorCode(index: number): string | null {
  codes ??= core().errorCodes()
  return index === 0 ? null : (codes[index] ?? 'ERR_SYSTEM')
}

/** Gives the core the trust anchors of this Node: bundled ones, the system's and NODE_EXTRA_CA_CERTS as it is configured. */
export function ensureDefaultCa(): void {
  if (core().hasDefaultCa()) return
  const anchors = typeof tls.getCACertificates === 'function' ? tls.getCACertificates('default') : tls.rootCertificates
  core().setDefaultCa(anchors.join('\n'))
}

let offsetNs: number | undefined

/** Nanoseconds on the core's monotonic clock. */
export function nowNs(): number {
  // Both clocks count the same ticks from different starts; performance.now() is the one that costs no native call.
  offsetNs ??= core().monoNs() - performance.now() * 1e6
  return performance.now() * 1e6 + offsetNs
}
