import type { Dialect, DialectContext, MockReply, MockRequest } from '../dialect.js'
import { parseObject, stringify } from '../server/json.js'
import type { SocketRules } from '../server/peer.js'
import { checkRest } from './auth.js'
import { Limits } from './limits.js'
import { operations, type Params } from './operations.js'
import { connectTrade, PrivateTopics } from './private.js'
import { PublicTopics } from './public.js'
import { Refused } from './refused.js'

/** The client pings; who is silent is cut: https://bybit-exchange.github.io/docs/v5/ws/connect#how-to-send-the-heartbeat-packet */
const rules: SocketRules = { pingMs: 0, pongMs: 0, idleMs: 600_000, lifeMs: 0, framesPerSecond: 0 }
const publicPath = /^\/v5\/public\/(spot|linear|inverse|option)$/

export function bybitDialect(context: DialectContext): Dialect {
  const limits = new Limits(context.options)
  const topics = new PublicTopics(context)
  const own = new PrivateTopics(context)
  const body = (retCode: number, retMsg: string, result: unknown): string =>
    stringify({ retCode, retMsg, result, retExtInfo: {}, time: context.now() })

  const http = (request: MockRequest): MockReply => {
    const name = `${request.method} ${request.path}`
    const operation = operations[name]
    if (operation === undefined) return { status: 404, body: '<html><body>404 Not Found</body></html>' }
    let headers: Record<string, string> = {}
    try {
      const account = operation.signed ? checkRest(context, request) : null
      if (account !== null) headers = limits.charge(account.credentials.apiKey, name, operation.perSecond)
      const result = operation.run({
        context,
        params: paramsOf(request),
        account: account as NonNullable<typeof account>,
      })
      return { status: 200, headers, body: body(0, 'OK', result) }
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      return { status: 200, headers, body: body(error.retCode, error.message, {}) }
    }
  }

  return {
    publish: (message, effects) => topics.publish(message, effects),
    levelsSet: (symbol, bids, asks) => topics.levelsSet(symbol, bids, asks),
    orderEvent: (event) => own.orderEvent(event),
    balanceChanged: (account, asset) => own.walletChanged(account, [asset]),
    rules: ({ pathname }) =>
      publicPath.test(pathname) || pathname === '/v5/private' || pathname === '/v5/trade' ? rules : null,
    connect: (peer) => {
      if (peer.url.pathname === '/v5/private') return own.connect(peer)
      return peer.url.pathname === '/v5/trade' ? connectTrade(peer, context, limits) : topics.connect(peer)
    },
    changes: ({ method }) => method === 'POST',
    http,
    stale: ({ headers }) =>
      context.now() - Number(headers['x-bapi-timestamp']) > Number(headers['x-bapi-recv-window'] ?? 5_000),
    refused: (status) => {
      if (status === 503) return { status, body: '<html><body>503 Service Temporarily Unavailable</body></html>' }
      // Bans are of the address, and said by the gateway: https://bybit-exchange.github.io/docs/v5/rate-limit#ip-limit
      return { status: 403, body: '<html><body>403, access too frequent</body></html>' }
    },
    // The venue closes without a word.
    shutdown: () => {},
    unserved: () => topics.topics.unserved(),
    urls: (httpOrigin, wsOrigin) => ({
      rest: httpOrigin,
      stream: wsOrigin,
      private: `${wsOrigin}/v5/private`,
      trade: `${wsOrigin}/v5/trade`,
    }),
  }
}

function paramsOf({ query, body }: MockRequest): Params {
  const fields = body === '' ? {} : parseObject(body)
  if (fields === null) throw new Refused(10001, 'Request parameter error.')
  return { ...Object.fromEntries(new URLSearchParams(query)), ...fields }
}
