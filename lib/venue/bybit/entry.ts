import { bybitSession } from '../../session/venues.js'
import type { BybitAuth } from '../../sign/venue/bybit.js'
import type { EntryPlan } from '../desk/entry-plan.js'
import { fieldOf } from '../order/fields.js'

/** Demo trading has none. https://bybit-exchange.github.io/docs/v5/websocket/trade/guideline */
export const tradeUrls = Object.freeze({
  production: 'wss://stream.bybit.com/v5/trade',
  testnet: 'wss://stream-testnet.bybit.com/v5/trade',
  turkey: 'wss://stream.bybit.tr/v5/trade',
  kazakhstan: 'wss://stream.bybit.kz/v5/trade',
})

const methods: Readonly<Record<string, string>> = {
  '/v5/order/create': 'order.create',
  '/v5/order/amend': 'order.amend',
  '/v5/order/cancel': 'order.cancel',
}

/** Orders over Bybit's trade socket: the same parameters, and the same answers under another name. */
export function bybitEntry(auth: BybitAuth): EntryPlan {
  return {
    // Answered without a request's id.
    heartbeat: { app: { text: '{"op":"ping"}', interval: 20_000 }, idle: 50_000 },
    protocol: () => bybitSession({ auth }),
    write: ({ path, request }) => {
      const method = methods[path]
      if (method === undefined || typeof request.json !== 'object' || request.json === null) return null
      return { method, params: { ...request.json } }
    },
    read: (body) => ({
      retCode: fieldOf(body, 'retCode'),
      retMsg: fieldOf(body, 'retMsg'),
      result: fieldOf(body, 'data'),
      time: fieldOf(fieldOf(body, 'header'), 'Timenow'),
    }),
  }
}
