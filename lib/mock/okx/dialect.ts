import type { Dialect, DialectContext, MockReply, MockRequest } from '../dialect.js'
import { stringify } from '../server/json.js'
import type { SocketRules } from '../server/peer.js'
import { checkRest } from './auth.js'
import { actOn, maxBatch, operations, orderPaths, type Params } from './operations.js'
import { OrderRefused, Refused } from './refused.js'
import { Sockets } from './sockets.js'

/** Who is silent for thirty seconds is cut: https://www.okx.com/docs-v5/en/#overview-websocket-connect */
const rules: SocketRules = { pingMs: 0, pongMs: 0, idleMs: 30_000, lifeMs: 0, framesPerSecond: 0 }
const paths = /^\/ws\/v5\/(public|private|business)$/

export function okxDialect(context: DialectContext): Dialect {
  const sockets = new Sockets(context)

  const http = (request: MockRequest): MockReply => {
    const name = `${request.method} ${request.path}`
    const [operation, orders] = [operations[name], orderPaths[name]]
    if (operation === undefined && orders === undefined)
      return { status: 404, body: stringify({ code: '404', msg: 'Not Found', data: {} }) }
    try {
      if (orders !== undefined) {
        const account = checkRest(context, request)
        const body = parsed(request.body)
        const items = orders.batch ? body : [body]
        if (!Array.isArray(items) || items.length === 0 || items.length > maxBatch)
          throw new Refused('50000', 'Body for POST request cannot be empty.', 400)
        return {
          status: 200,
          body: stringify({
            ...actOn(orders.act, context, account, items),
            inTime: `${context.now()}000`,
            outTime: `${context.now()}000`,
          }),
        }
      }
      if (operation === undefined) throw new Refused('50000', 'Body for POST request cannot be empty.', 400)
      const account = operation.signed ? checkRest(context, request) : null
      const params: Params = Object.fromEntries(new URLSearchParams(request.query))
      const data = operation.run({ context, params, account: account as NonNullable<typeof account> })
      return { status: 200, body: stringify({ code: '0', msg: '', data }) }
    } catch (error) {
      if (error instanceof OrderRefused)
        return { status: 200, body: stringify({ code: error.sCode, msg: error.message, data: [] }) }
      if (!(error instanceof Refused)) throw error
      return { status: error.status, body: stringify({ code: error.code, msg: error.message, data: [] }) }
    }
  }

  return {
    publish: (message, effects) => sockets.publish(message, effects),
    levelsSet: (symbol, bids, asks) => sockets.levelsSet(symbol, bids, asks),
    orderEvent: (event) => sockets.orderEvent(event),
    balanceChanged: (account, asset) => sockets.balanceChanged(account, [asset]),
    rules: ({ pathname }) => (paths.test(pathname) ? rules : null),
    connect: (peer) => sockets.connect(peer),
    changes: ({ method }) => method === 'POST',
    http,
    stale: ({ headers }) => Math.abs(context.now() - Date.parse(String(headers['ok-access-timestamp']))) > 30_000,
    refused: (status) => {
      if (status === 503)
        return {
          status,
          body: stringify({ code: '50001', msg: 'Service temporarily unavailable. Please try again later.', data: [] }),
        }
      return { status: 429, body: stringify({ code: '50011', msg: 'Too Many Requests', data: [] }) }
    },
    shutdown: (isTold) => sockets.shutdown(isTold),
    unserved: () => sockets.topics.unserved(),
    urls: (httpOrigin, wsOrigin) => ({
      rest: httpOrigin,
      stream: wsOrigin,
      public: `${wsOrigin}/ws/v5/public`,
      business: `${wsOrigin}/ws/v5/business`,
      private: `${wsOrigin}/ws/v5/private`,
    }),
  }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    throw new Refused('50002', 'JSON syntax error', 400)
  }
}
