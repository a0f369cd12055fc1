import type { DeadManPlan } from '../desk/dead-man.js'

/** OKX's countdown. https://www.okx.com/docs-v5/en/#order-book-trading-trade-post-cancel-all-after */
export const okxDeadMan: DeadManPlan = Object.freeze({
  least: 10_000,
  most: 120_000,
  step: 1_000,
  perSymbol: false,
  form: (ms) => ({
    method: 'POST',
    path: '/api/v5/trade/cancel-all-after',
    request: { json: { timeOut: String(ms / 1_000) }, kind: 'cancel', idempotent: true },
  }),
} satisfies DeadManPlan)
