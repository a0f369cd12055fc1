import type { Rest } from '../../rest/rest.js'
import type { SessionProtocol } from '../../session/protocol.js'
import { okxSession } from '../../session/venues.js'
import type { OkxAuth } from '../../sign/venue/okx.js'
import type { EntryPlan } from '../desk/entry-plan.js'
import { fieldOf, listOf, textOf } from '../order/fields.js'
import { heartbeat } from './stream.js'

const operations: Readonly<Record<string, string>> = {
  '/api/v5/trade/order': 'order',
  '/api/v5/trade/amend-order': 'amend-order',
  '/api/v5/trade/cancel-order': 'cancel-order',
  '/api/v5/trade/cancel-batch-orders': 'batch-cancel-orders',
}

/** Kinds of instruments whose codes are asked for. Options are asked for by their family: their orders go over REST. */
const kinds = ['SPOT', 'SWAP', 'FUTURES'] as const

/** The WebSocket names instruments by a number of their own, which instruments tell. */
async function codesOf(rest: Rest): Promise<ReadonlyMap<string, number>> {
  const answers = await Promise.all(
    kinds.map((instType) => rest.get('/api/v5/public/instruments', { query: { instType }, auth: false })),
  )
  const codes = new Map<string, number>()
  for (const answer of answers) {
    for (const item of listOf(fieldOf(answer.json(), 'data'))) {
      const code = Number(textOf(fieldOf(item, 'instIdCode')) || Number.NaN)
      if (Number.isSafeInteger(code)) codes.set(textOf(fieldOf(item, 'instId')), code)
    }
  }
  return codes
}

/** As `okxSession`, but for several orders at once. */
function protocol(auth: OkxAuth): SessionProtocol {
  return Object.freeze({
    ...okxSession({ auth }),
    request: (id: string, op: string, params: object) => {
      const { orders } = params as { readonly orders: readonly object[] }
      return JSON.stringify({ id, op, args: orders })
    },
  })
}

/**
 * Orders over OKX's private WebSocket: the same parameters and answers, with `instIdCode` in place of `instId`.
 * https://www.okx.com/docs-v5/en/#order-book-trading-trade-ws-place-order, #public-data-rest-api-get-instruments
 */
export function okxEntry(auth: OkxAuth): EntryPlan {
  let codes: ReadonlyMap<string, number> = new Map()
  return {
    heartbeat,
    protocol: () => protocol(auth),
    prepare: async (rest) => {
      if (codes.size === 0) codes = await codesOf(rest)
    },
    write: ({ method, path, request }) => {
      const op = operations[path]
      if (op === undefined || method !== 'POST') return null
      const orders: object[] = []
      for (const order of Array.isArray(request.json) ? (request.json as unknown[]) : [request.json]) {
        if (typeof order !== 'object' || order === null) return null
        const { instId, ...rest } = order as Record<string, unknown>
        const instIdCode = codes.get(textOf(instId))
        // It was listed since: REST knows it.
        if (instIdCode === undefined) return null
        orders.push({ instIdCode, ...rest })
      }
      return { method: op, params: { orders } }
    },
    read: (body) => body,
  }
}
