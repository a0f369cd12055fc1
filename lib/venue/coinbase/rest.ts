import { coinbase as policy } from '../../policy/venue/coinbase.js'
import { fieldOf } from '../../policy/venue/venue.js'
import type { Rest } from '../../rest/rest.js'
import { configFault } from '../../runtime/config.js'
import type { PrivateKey } from '../../sign/key-signer.js'
import { CoinbaseAuth } from '../../sign/venue/coinbase.js'
import { keyOrNone, type VenueProfile, type VenueRestOptions, type VenueRestPlan, venueRest } from '../venue-rest.js'

/** A key of Coinbase. Without any the client is not signed in. */
export interface CoinbaseKey {
  /** `organizations/…/apiKeys/…`. */
  readonly key?: string | undefined
  /** EC key on P-256, in PEM. */
  readonly privateKey?: PrivateKey | undefined
}

/** `sandbox` answers what was written down beforehand, to whoever asks. */
export type CoinbaseProfile = 'production' | 'sandbox'

export type CoinbaseRestOptions = CoinbaseKey & VenueRestOptions<CoinbaseProfile>

/** https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/rest-api, …/sandbox */
export const profiles: Readonly<Record<CoinbaseProfile, VenueProfile>> = Object.freeze({
  production: { endpoints: ['https://api.coinbase.com'] },
  sandbox: { endpoints: ['https://api-sandbox.coinbase.com'] },
})

/**
 * No look-up: an order that is sent again with the same `client_order_id` is not created again, the venue answers with the one that is
 * there. So orders go out with `idempotent: true`, and are simply repeated.
 * https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/orders/create-order
 */
const plan: VenueRestPlan<CoinbaseProfile> = {
  title: 'Coinbase',
  policy,
  profiles,
  // https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/public/get-server-time
  serverTime: { path: '/api/v3/brokerage/time', read: (body) => Number(fieldOf(body, 'epochMillis')) },
}

/** @throws ConfigError, SignError `ERR_SIGN_KEY`. */
export function coinbaseRest(options: CoinbaseRestOptions = {}): Rest {
  const { key, privateKey, ...rest } = options
  const keyName = keyOrNone('Coinbase', key, privateKey)
  if (keyName === null) return venueRest(plan, null, rest)
  if (privateKey === undefined) throw configFault('Coinbase options', ['privateKey'], 'must be given with a key')
  // The venue counts what comes with a key by its account: one that has a name is counted so here.
  return venueRest(plan, new CoinbaseAuth({ keyName, privateKey }), { ...rest, account: rest.account || 'main' })
}
