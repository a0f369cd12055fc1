import type { DeadManPlan } from '../desk/dead-man.js'

/** Kraken's countdown, up to a day. https://docs.kraken.com/api/docs/rest-api/cancel-all-orders-after */
export const krakenDeadMan: DeadManPlan = Object.freeze({
  least: 1_000,
  most: 86_400_000,
  step: 1_000,
  perSymbol: false,
  form: (ms) => ({
    method: 'POST',
    path: '/0/private/CancelAllOrdersAfter',
    request: { form: { timeout: ms / 1_000 }, kind: 'cancel', weight: 0, idempotent: true },
  }),
} satisfies DeadManPlan)
