import type { DeadManPlan } from '../desk/dead-man.js'
import type { BybitCategory } from './orders.js'
import { watchConnection } from './stream.js'

const products = { spot: 'SPOT', linear: 'DERIVATIVES', inverse: 'DERIVATIVES', option: 'OPTIONS' } as const
const topics = { spot: 'dcp.spot', linear: 'dcp.future', inverse: 'dcp.future', option: 'dcp.option' } as const

/**
 * Bybit watches the private connections that have subscribed to it, and cancels when all of them are gone for so long. The time takes some
 * seconds to be in force. The venue turns it on for institutions, on request; it cannot be turned off by a request, so that `stop()` only
 * tells it to watch no more.
 * https://bybit-exchange.github.io/docs/v5/order/dcp, https://bybit-exchange.github.io/docs/v5/websocket/private/dcp
 */
export function bybitDeadMan(category: BybitCategory): DeadManPlan {
  return Object.freeze({
    least: 3_000,
    most: 300_000,
    step: 1_000,
    perSymbol: false,
    form: (ms) =>
      ms === 0
        ? null
        : {
            method: 'POST',
            path: '/v5/order/disconnected-cancel-all',
            request: {
              json: { product: products[category], timeWindow: ms / 1_000 },
              kind: 'cancel',
              idempotent: true,
            },
          },
    watch: (session, on) => watchConnection(session, on, topics[category]),
  } satisfies DeadManPlan)
}
