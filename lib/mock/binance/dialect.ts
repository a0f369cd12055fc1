import type { Dialect, DialectContext, MockReply, MockRequest } from '../dialect.js'
import { stringify } from '../server/json.js'
import type { SocketRules } from '../server/peer.js'
import { checkRest, type Params } from './auth.js'
import { Limits } from './limits.js'
import { byRest, checkParams } from './operations.js'
import { Refused } from './refused.js'
import { money } from './shapes.js'
import { Streams } from './streams.js'
import { WsApi } from './ws-api.js'

/** https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#general-wss-information */
const streamRules: SocketRules = { pingMs: 20_000, pongMs: 60_000, idleMs: 0, lifeMs: 86_400_000, framesPerSecond: 5 }
/** The WebSocket API counts weight instead of frames. */
const apiRules: SocketRules = { ...streamRules, framesPerSecond: 0 }

/** Futures have entries for books and for trades. */
const streamPaths = /^(\/(public|market|private))?\/(stream|ws(\/.*)?)$/

export function binanceDialect(context: DialectContext): Dialect {
  const limits = new Limits(context.options)
  const streams = new Streams(context)
  const api = new WsApi(context, limits)
  const isApi = (url: URL): boolean => url.pathname === '/ws-api/v3'

  const http = (request: MockRequest): MockReply => {
    let orderKey: string | null = null
    try {
      const params = paramsOf(request)
      const operation = byRest.get(`${request.method} ${request.path.replace('/fapi/v1/', '/api/v3/')}`)
      if (operation === undefined) return { status: 404, body: '<html><body><h2>404 Not found</h2></body></html>' }
      limits.charge(typeof operation.weight === 'number' ? operation.weight : operation.weight(params))
      checkParams(operation, params)
      const account = operation.signed ? checkRest(context, request, params) : null
      if (operation.orders !== undefined && account !== null) {
        orderKey = account.credentials.apiKey
        limits.chargeOrder(orderKey)
      }
      const result = operation.run({ context, params, account: account as NonNullable<typeof account> })
      return { status: 200, headers: limits.headers(orderKey), body: stringify(result) }
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      const until = (error.body.data as { retryAfter?: number } | undefined)?.retryAfter
      const retry = until === undefined ? {} : { 'retry-after': String(Math.ceil((until - context.now()) / 1_000)) }
      return { status: error.status, headers: { ...limits.headers(orderKey), ...retry }, body: stringify(error.body) }
    }
  }

  return {
    publish: (message) => streams.publish(message),
    levelsSet: (symbol, bids, asks) => streams.levelsSet(symbol, bids, asks),
    orderEvent: (event) => api.orderEvent(event),
    balanceChanged: (account, asset, delta) => api.balanceChanged(account, asset, money(delta)),
    rules: (url) => (isApi(url) ? apiRules : streamPaths.test(url.pathname) ? streamRules : null),
    connect: (peer) => (isApi(peer.url) ? api.connect(peer) : streams.connect(peer)),
    changes: ({ method }) => method !== 'GET',
    http,
    stale: (request) => {
      const { timestamp = '0', recvWindow = '5000' } = paramsOf(request)
      return context.now() - Number(timestamp.slice(0, 13)) > Number(recvWindow)
    },
    refused: (status, retryAfterMs) => {
      const seconds = String(Math.ceil(retryAfterMs / 1_000))
      if (status === 503)
        return {
          status,
          body: stringify({
            code: -1008,
            msg: 'Server is currently overloaded with other requests. Please try again in a few minutes.',
          }),
        }
      const msg =
        status === 418
          ? `Way too much request weight used; IP banned until ${Math.ceil(context.now() + retryAfterMs)}. Please use WebSocket Streams for live updates to avoid bans.`
          : 'Too much request weight used; current limit is 6000 request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API.'
      return { status, headers: { 'retry-after': seconds }, body: stringify({ code: -1003, msg }) }
    },
    shutdown: (isTold) => {
      streams.shutdown(isTold)
      api.shutdown(isTold)
    },
    unserved: () => streams.topics.unserved(),
    urls: (httpOrigin, wsOrigin) => ({ rest: httpOrigin, stream: wsOrigin, wsApi: `${wsOrigin}/ws-api/v3` }),
  }
}

/** Query and form together, as the venue reads them. @throws Refused for a parameter that is sent twice. */
function paramsOf({ query, body }: MockRequest): Params {
  const params: Record<string, string> = {}
  for (const text of [query, body]) {
    if (text === '' || text.startsWith('{')) continue
    for (const [name, value] of new URLSearchParams(text)) {
      if (params[name] !== undefined) throw new Refused(-1101, `Duplicate values for parameter '${name}'.`)
      params[name] = value
    }
  }
  return params
}
