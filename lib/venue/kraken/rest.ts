import { kraken as policy } from '../../policy/venue/kraken.js'
import { fieldOf } from '../../policy/venue/venue.js'
import type { Rest } from '../../rest/rest.js'
import type { Lookup } from '../../rest/rest-options.js'
import { configFault } from '../../runtime/config.js'
import type { Secret } from '../../sign/secret.js'
import { KrakenAuth } from '../../sign/venue/kraken.js'
import { keyOrNone, type VenueProfile, type VenueRestOptions, type VenueRestPlan, venueRest } from '../venue-rest.js'

/** A key of Kraken. Without any the client is not signed in. */
export interface KrakenKey {
  readonly key?: string | undefined
  /** In base64, as the venue shows it. */
  readonly secret?: Secret | string | undefined
  /** Numbers that never fall, for this key. Default: the time in microseconds, or one more than the last. */
  readonly nonce?: (() => number) | undefined
}

/** Spot has no play money. */
export type KrakenProfile = 'production'

export type KrakenRestOptions = KrakenKey & VenueRestOptions<KrakenProfile>

/** https://docs.kraken.com/api/docs/guides/spot-rest-intro */
export const profiles: Readonly<Record<KrakenProfile, VenueProfile>> = Object.freeze({
  production: { endpoints: ['https://api.kraken.com'] },
})

/**
 * Open orders, then closed ones: an order only ever moves from there to here. Private queries are POSTs, as everything private is.
 * https://docs.kraken.com/api/docs/rest-api/get-open-orders, https://docs.kraken.com/api/docs/rest-api/get-closed-orders
 */
const lookup: Lookup = async ({ idempotencyKey, ask }) => {
  for (const [path, field] of [
    ['/0/private/OpenOrders', 'open'],
    ['/0/private/ClosedOrders', 'closed'],
  ] as const) {
    const response = await ask('POST', path, { form: { cl_ord_id: idempotencyKey }, kind: 'query' })
    const orders = fieldOf(fieldOf(response.json(), 'result'), field)
    if (typeof orders !== 'object' || orders === null) return { retryAfterMs: 0 }
    if (Object.keys(orders).length > 0) return { found: response }
  }
  return 'absent'
}

/** No server time: requests carry nonces and no timestamps, and the venue tells whole seconds only. */
const plan: VenueRestPlan<KrakenProfile> = { title: 'Kraken', policy, profiles, lookup }

/**
 * Over one connection, unless `http.connections` says otherwise: a key with a nonce window allows several.
 * @throws ConfigError, SignError `ERR_SIGN_KEY`.
 */
export function krakenRest(options: KrakenRestOptions = {}): Rest {
  const { key, secret, nonce, ...rest } = options
  const apiKey = keyOrNone('Kraken', key, secret)
  if (apiKey === null) return venueRest(plan, null, rest)
  if (secret === undefined) throw configFault('Kraken options', ['secret'], 'must be given with a key')
  // Nonces have to arrive in the order in which they were made: requests on several connections would overtake each other.
  const http = { connections: { max: 1 }, ...rest.http }
  return venueRest(plan, new KrakenAuth({ apiKey, secret, nonce }), { ...rest, http })
}
