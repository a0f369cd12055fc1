import { binanceSession } from '../../session/venues.js'
import type { BinanceAuth } from '../../sign/venue/binance.js'
import type { EntryPlan } from '../desk/entry-plan.js'
import { fieldOf } from '../order/fields.js'

/** https://developers.binance.com/docs/binance-spot-api-docs/websocket-api/trading-requests */
const methods: Readonly<Record<string, string>> = {
  'POST /api/v3/order': 'order.place',
  'DELETE /api/v3/order': 'order.cancel',
  'PUT /api/v3/order/amend/keepPriority': 'order.amend.keepPriority',
  'DELETE /api/v3/openOrders': 'openOrders.cancelAll',
}

/** Orders over Binance Spot's WebSocket API: the same parameters and answers as over REST. */
export function binanceEntry(auth: BinanceAuth, logon: boolean): EntryPlan {
  return {
    protocol: () => binanceSession({ auth, logon }),
    write: ({ method, path, request }) => {
      const name = methods[`${method} ${path}`]
      if (name === undefined || typeof request.query !== 'object') return null
      const given = Object.entries(request.query).filter(([, value]) => value !== undefined)
      return { method: name, params: Object.fromEntries(given) }
    },
    read: (body) => fieldOf(body, 'result'),
  }
}
