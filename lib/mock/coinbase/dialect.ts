import type { Dialect, DialectContext, MockReply, MockRequest } from '../dialect.js'
import { parseObject, stringify } from '../server/json.js'
import type { SocketRules } from '../server/peer.js'
import { accountOfRequest } from './auth.js'
import { privateCall, publicCalls, Refused } from './operations.js'
import { Sockets } from './sockets.js'

/** https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-rate-limits: eight messages per second without a key. */
const rules: SocketRules = { pingMs: 0, pongMs: 0, idleMs: 0, lifeMs: 0, framesPerSecond: 8 }

export function coinbaseDialect(context: DialectContext): Dialect {
  const sockets = new Sockets(context)

  const http = (request: MockRequest): MockReply => {
    const fail = (status: number, error: string, message: string): MockReply => ({
      status,
      body: stringify({ error, code: 0, message, details: [] }),
    })
    const body = request.body === '' ? {} : parseObject(request.body)
    if (body === null) return fail(400, 'INVALID_ARGUMENT', 'the body is no JSON object')
    const query = new URLSearchParams(request.query)
    try {
      const open = publicCalls[`${request.method} ${request.path}`]
      if (open !== undefined) return { status: 200, body: stringify(open({ context, query, body })) }
      const call = privateCall(request.method, request.path)
      if (call === null) return fail(404, 'NOT_FOUND', 'no such path')
      const account = accountOfRequest(context, request)
      if (account === null) return { status: 401, body: 'Unauthorized' }
      return { status: 200, body: stringify(call({ context, account, query, body })) }
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      return fail(error.status, error.error, error.message)
    }
  }

  return {
    publish: (message, effects) => sockets.publish(message, effects),
    levelsSet: (symbol, bids, asks) => sockets.levelsSet(symbol, bids, asks),
    orderEvent: (event) => sockets.orderEvent(event),
    // The venue tells no balances.
    balanceChanged: () => {},
    rules: ({ pathname }) => (pathname === '/' ? rules : null),
    connect: (peer) => sockets.connect(peer),
    changes: ({ method }) => method === 'POST',
    http,
    stale: (request) => accountOfRequest(context, request) === null,
    refused: (status) => ({
      status: status === 503 ? 503 : 429,
      body: stringify({ error: status === 503 ? 'UNAVAILABLE' : 'RESOURCE_EXHAUSTED', message: '' }),
    }),
    shutdown: () => {},
    unserved: () => sockets.topics.unserved(),
    urls: (httpOrigin, wsOrigin) => ({ rest: httpOrigin, stream: wsOrigin, user: wsOrigin }),
  }
}
