import { bybit as policy } from '../../policy/venue/bybit.js'
import { fieldOf } from '../../policy/venue/venue.js'
import type { Rest } from '../../rest/rest.js'
import type { Lookup } from '../../rest/rest-options.js'
import type { PrivateKey } from '../../sign/key-signer.js'
import type { Secret } from '../../sign/secret.js'
import { BybitAuth } from '../../sign/venue/bybit.js'
import { paramOf } from '../request-fields.js'
import { keyOrNone, type VenueProfile, type VenueRestOptions, type VenueRestPlan, venueRest } from '../venue-rest.js'

/** A key of Bybit: its name, and a secret or an RSA key. Without any the client is not signed in. */
export interface BybitKey {
  readonly key?: string | undefined
  /** HMAC-SHA256. */
  readonly secret?: Secret | string | undefined
  /** RSA, in PEM. */
  readonly privateKey?: PrivateKey | undefined
  readonly passphrase?: Secret | string | undefined
  /** Milliseconds for which a request is valid, 1…60,000. Default 5,000. */
  readonly recvWindow?: number | undefined
}

/** `testnet` and `demo` are play money; the others are where the venue sends customers of those countries. */
export type BybitProfile =
  | 'production'
  | 'testnet'
  | 'demo'
  | 'netherlands'
  | 'turkey'
  | 'kazakhstan'
  | 'georgia'
  | 'emirates'
  | 'eea'
  | 'indonesia'

export type BybitRestOptions = BybitKey & VenueRestOptions<BybitProfile>

/** https://bybit-exchange.github.io/docs/v5/guide, https://bybit-exchange.github.io/docs/v5/demo */
export const profiles: Readonly<Record<BybitProfile, VenueProfile>> = Object.freeze({
  production: { endpoints: ['https://api.bybit.com', 'https://api.bytick.com'] },
  testnet: { endpoints: ['https://api-testnet.bybit.com'] },
  demo: { endpoints: ['https://api-demo.bybit.com'] },
  netherlands: { endpoints: ['https://api.bybit.nl'] },
  turkey: { endpoints: ['https://api.bybit.tr'] },
  kazakhstan: { endpoints: ['https://api.bybit.kz'] },
  georgia: { endpoints: ['https://api.bybitgeorgia.ge'] },
  emirates: { endpoints: ['https://api.bybit.ae'] },
  eea: { endpoints: ['https://api.bybit.eu'] },
  indonesia: { endpoints: ['https://api.bybit.id'] },
})

/**
 * Open orders, then those that ended lately, then the history, which alone remembers after a restart of the venue. An order only ever
 * moves on in that order, so it cannot slip through between two questions.
 * https://bybit-exchange.github.io/docs/v5/order/open-order
 */
const lookup: Lookup = async ({ idempotencyKey, request, ask }) => {
  const category = paramOf(request, 'category')
  if (category === undefined) return { retryAfterMs: 0 }
  const query = { category, symbol: paramOf(request, 'symbol'), orderLinkId: idempotencyKey }
  for (const [path, openOnly] of [
    ['/v5/order/realtime', 0],
    ['/v5/order/realtime', 1],
    ['/v5/order/history', undefined],
  ] as const) {
    const response = await ask('GET', path, { query: { ...query, openOnly } })
    const body = response.json()
    if (fieldOf(body, 'retCode') !== 0) return { retryAfterMs: 0 }
    const list = fieldOf(fieldOf(body, 'result'), 'list')
    if (!Array.isArray(list)) return { retryAfterMs: 0 }
    if (list.length > 0) return { found: response }
  }
  return 'absent'
}

const plan: VenueRestPlan<BybitProfile> = {
  title: 'Bybit',
  policy,
  profiles,
  // https://bybit-exchange.github.io/docs/v5/market/time
  serverTime: { path: '/v5/market/time', read: (body) => Number(fieldOf(fieldOf(body, 'result'), 'timeNano')) / 1e6 },
  lookup,
}

/** @throws ConfigError, SignError `ERR_SIGN_KEY`. */
export function bybitRest(options: BybitRestOptions = {}): Rest {
  const { key, secret, privateKey, passphrase, recvWindow, ...rest } = options
  const apiKey = keyOrNone('Bybit', key, secret, privateKey)
  const auth = apiKey === null ? null : new BybitAuth({ apiKey, secret, privateKey, passphrase, recvWindow })
  return venueRest(plan, auth, rest)
}
