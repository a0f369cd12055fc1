import { binanceSession } from '../../session/venues.js'
import type { BinanceAuth } from '../../sign/venue/binance.js'
import type { EntryPlan } from '../desk/entry-plan.js'
import { fieldOf } from '../order/fields.js'

/** https://developers.binance.com/docs/binance-spot-api-docs/websocket-api/trading-requests */
const methods: Readonly<Record<string, string>> = {
  'POST /api/v3/order': 'order.place',
  'DELETE /api/v3/order': 'order.cancel',
  'POST /api/v3/order/cancelReplace': 'order.cancelReplace',
  'PUT /api/v3/order/amend/keepPriority': 'order.amend.keepPriority',
  'DELETE /api/v3/openOrders': 'openOrders.cancelAll',
}

/** https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/websocket-api */
const usdmMethods: Readonly<Record<string, string>> = {
  'POST /fapi/v1/order': 'order.place',
  'PUT /fapi/v1/order': 'order.modify',
  'DELETE /fapi/v1/order': 'order.cancel',
}

/** https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-api-general-info */
export const usdmApiUrls = Object.freeze({ production: 'wss://ws-fapi.binance.com/ws-fapi/v1' })

/** Orders over Binance Spot's WebSocket API: the same parameters and answers as over REST. */
export function binanceEntry(auth: BinanceAuth, logon: boolean): EntryPlan {
  return plan(auth, logon, methods)
}

/** The same of USD-M futures. */
export function binanceUsdmEntry(auth: BinanceAuth, logon: boolean): EntryPlan {
  return plan(auth, logon, usdmMethods)
}

function plan(auth: BinanceAuth, logon: boolean, names: Readonly<Record<string, string>>): EntryPlan {
  return {
    protocol: () => binanceSession({ auth, logon }),
    write: ({ method, path, request }) => {
      const name = names[`${method} ${path}`]
      if (name === undefined || typeof request.query !== 'object') return null
      const given = Object.entries(request.query).filter(([, value]) => value !== undefined)
      return { method: name, params: Object.fromEntries(given) }
    },
    read: (body) => fieldOf(body, 'result'),
  }
}
