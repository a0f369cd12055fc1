import { binance as spotPolicy } from '../../policy/venue/binance.js'
import { fieldOf } from '../../policy/venue/venue.js'
import type { Rest } from '../../rest/rest.js'
import type { RestServerTime } from '../../rest/rest-options.js'
import type { Auth } from '../../sign/auth.js'
import type { PrivateKey } from '../../sign/key-signer.js'
import type { Secret } from '../../sign/secret.js'
import { BinanceAuth } from '../../sign/venue/binance.js'
import { keyOrNone, type VenueProfile, type VenueRestOptions, type VenueRestPlan, venueRest } from '../venue-rest.js'
import { binanceLookup } from './lookup.js'
import { binanceUsdmPolicy } from './usdm-policy.js'

/** A key of Binance: its name, and one of the three kinds of secret that there are. Without any the client is not signed in. */
export interface BinanceKey {
  readonly key?: string | undefined
  /** HMAC-SHA256. */
  readonly secret?: Secret | string | undefined
  /** RSA or Ed25519, in PEM; `keyType` says which. */
  readonly privateKey?: PrivateKey | undefined
  /** Default `'ed25519'`. */
  readonly keyType?: 'ed25519' | 'rsa' | undefined
  readonly passphrase?: Secret | string | undefined
  /** Milliseconds for which a request is valid, 1…60,000. Default 5,000. */
  readonly recvWindow?: number | undefined
}

/**
 * `production`; `marketData`: public data alone, no account; `testnet` and `demo`: play money. Of the further hosts of production
 * (`api1`…`api4`) the venue says that they are less stable, so they are no default.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/general-api-information
 */
export type BinanceProfile = 'production' | 'marketData' | 'testnet' | 'demo'

export type BinanceRestOptions = BinanceKey & VenueRestOptions<BinanceProfile>

/** Of USD-M futures. https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info */
export type BinanceUsdmProfile = 'production' | 'demo'

export type BinanceUsdmRestOptions = BinanceKey & VenueRestOptions<BinanceUsdmProfile>

export const spotProfiles: Readonly<Record<BinanceProfile, VenueProfile>> = Object.freeze({
  production: { endpoints: ['https://api.binance.com', 'https://api-gcp.binance.com'] },
  marketData: { endpoints: ['https://data-api.binance.vision'] },
  testnet: { endpoints: ['https://testnet.binance.vision'] },
  demo: { endpoints: ['https://demo-api.binance.com'] },
})

export const usdmProfiles: Readonly<Record<BinanceUsdmProfile, VenueProfile>> = Object.freeze({
  production: { endpoints: ['https://fapi.binance.com'] },
  demo: { endpoints: ['https://demo-fapi.binance.com'] },
})

function timeAt(path: string): RestServerTime {
  return { path, weight: 1, read: (body) => Number(fieldOf(body, 'serverTime')) }
}

const spot: VenueRestPlan<BinanceProfile> = {
  title: 'Binance',
  policy: spotPolicy,
  profiles: spotProfiles,
  serverTime: timeAt('/api/v3/time'),
  lookup: binanceLookup('/api/v3/order', 4),
}

const usdm: VenueRestPlan<BinanceUsdmProfile> = {
  title: 'Binance USD-M',
  policy: binanceUsdmPolicy,
  profiles: usdmProfiles,
  serverTime: timeAt('/fapi/v1/time'),
  lookup: binanceLookup('/fapi/v1/order', 1),
}

/** @throws ConfigError, SignError `ERR_SIGN_KEY`. */
export function binanceRest(options: BinanceRestOptions = {}): Rest {
  const [auth, rest] = split(options)
  return venueRest(spot, auth, rest)
}

/** @throws ConfigError, SignError `ERR_SIGN_KEY`. */
export function binanceUsdmRest(options: BinanceUsdmRestOptions = {}): Rest {
  const [auth, rest] = split(options)
  return venueRest(usdm, auth, rest)
}

function split<Options extends BinanceKey>(options: Options): [Auth | null, Omit<Options, keyof BinanceKey>] {
  const { key, secret, privateKey, keyType, passphrase, recvWindow, ...rest } = options
  const apiKey = keyOrNone('Binance', key, secret, privateKey)
  const auth = apiKey === null ? null : new BinanceAuth({ apiKey, secret, privateKey, keyType, passphrase, recvWindow })
  return [auth, rest]
}
