import type { Lookup } from '../../rest/rest-options.js'
import { paramOf } from '../request-fields.js'

/** Order does not exist. https://developers.binance.com/docs/binance-spot-api-docs/errors */
const noSuchOrder = -2013

/** Finds an order by the client id that it was sent with. `weight`: of the query. */
export function binanceLookup(path: string, weight: number): Lookup {
  return async ({ idempotencyKey, request, ask }) => {
    const symbol = paramOf(request, 'symbol')
    if (symbol === undefined) return { retryAfterMs: 0 }
    const response = await ask('GET', path, { query: { symbol, origClientOrderId: idempotencyKey }, weight })
    if (response.ok) return { found: response }
    return response.json<{ readonly code?: unknown }>().code === noSuchOrder ? 'absent' : { retryAfterMs: 0 }
  }
}
