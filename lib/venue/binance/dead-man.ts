import type { DeadManPlan } from '../desk/dead-man.js'

/**
 * Binance USD-M's countdown, for each symbol; the venue looks every 10 milliseconds. It names no bounds: these keep it above what a network may
 * lose, and below a day.
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Auto-Cancel-All-Open-Orders
 */
export const usdmDeadMan: DeadManPlan = Object.freeze({
  least: 1_000,
  most: 86_400_000,
  step: 1,
  perSymbol: true,
  form: (ms, symbol) => ({
    method: 'POST',
    path: '/fapi/v1/countdownCancelAll',
    request: { query: { symbol, countdownTime: ms }, kind: 'cancel', weight: 10, idempotent: true, instrument: symbol },
  }),
} satisfies DeadManPlan)
