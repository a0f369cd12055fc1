import { okx as policy } from '../../policy/venue/okx.js'
import { fieldOf } from '../../policy/venue/venue.js'
import type { Rest } from '../../rest/rest.js'
import type { Lookup } from '../../rest/rest-options.js'
import { configFault } from '../../runtime/config.js'
import type { Secret } from '../../sign/secret.js'
import { OkxAuth } from '../../sign/venue/okx.js'
import { paramOf } from '../request-fields.js'
import { keyOrNone, type VenueProfile, type VenueRestOptions, type VenueRestPlan, venueRest } from '../venue-rest.js'

/** A key of OKX. Without any the client is not signed in. */
export interface OkxKey {
  readonly key?: string | undefined
  readonly secret?: Secret | string | undefined
  readonly passphrase?: Secret | string | undefined
}

/** `us` and `eea`: where the venue sends customers from there; `demo`, `usDemo`, `eeaDemo`: play money. */
export type OkxProfile = 'production' | 'us' | 'eea' | 'demo' | 'usDemo' | 'eeaDemo'

export type OkxRestOptions = OkxKey & VenueRestOptions<OkxProfile>

const production = ['https://www.okx.com']
const us = ['https://us.okx.com']
const eea = ['https://eea.okx.com']
const simulated = { 'x-simulated-trading': '1' }

/** https://www.okx.com/docs-v5/en/#overview-production-trading-services, #overview-demo-trading-services */
export const profiles: Readonly<Record<OkxProfile, VenueProfile>> = Object.freeze({
  production: { endpoints: production },
  us: { endpoints: us },
  eea: { endpoints: eea },
  demo: { endpoints: production, headers: simulated },
  usDemo: { endpoints: us, headers: simulated },
  eeaDemo: { endpoints: eea, headers: simulated },
})

/** Order does not exist. https://www.okx.com/docs-v5/en/#error-code */
const noSuchOrder = '51603'

const lookup: Lookup = async ({ idempotencyKey, request, ask }) => {
  const instId = paramOf(request, 'instId')
  if (instId === undefined) return { retryAfterMs: 0 }
  const response = await ask('GET', '/api/v5/trade/order', { query: { instId, clOrdId: idempotencyKey } })
  const body = response.json()
  const code = fieldOf(body, 'code')
  if (code === noSuchOrder) return 'absent'
  return response.ok && code === '0' ? { found: response } : { retryAfterMs: 0 }
}

const plan: VenueRestPlan<OkxProfile> = {
  title: 'OKX',
  policy,
  profiles,
  serverTime: {
    path: '/api/v5/public/time',
    read: (body) => {
      const data = fieldOf(body, 'data')
      return Number(fieldOf(Array.isArray(data) ? data[0] : undefined, 'ts'))
    },
  },
  lookup,
}

/** @throws ConfigError, SignError `ERR_SIGN_KEY`. */
export function okxRest(options: OkxRestOptions = {}): Rest {
  const { key, secret, passphrase, ...rest } = options
  const apiKey = keyOrNone('OKX', key, secret, passphrase)
  if (apiKey === null) return venueRest(plan, null, rest)
  if (secret === undefined) throw configFault('OKX options', ['secret'], 'must be given with a key')
  if (passphrase === undefined) throw configFault('OKX options', ['passphrase'], 'must be given with a key')
  return venueRest(plan, new OkxAuth({ apiKey, secret, passphrase }), rest)
}
