import { createHash, randomBytes } from 'node:crypto'
import type { Dialect, DialectContext, MockReply, MockRequest } from '../dialect.js'
import type { Account } from '../engine/account.js'
import { parseObject, stringify } from '../server/json.js'
import type { SocketRules } from '../server/peer.js'
import { hmacDigestIs } from '../signature.js'
import { changing, type Params, privateCalls, publicCalls } from './operations.js'
import { Refused } from './refused.js'
import { Sockets } from './sockets.js'

/** Who is silent for a minute is cut, unless it has subscribed: https://docs.kraken.com/api/docs/guides/spot-ws-intro */
const rules: SocketRules = { pingMs: 0, pongMs: 0, idleMs: 60_000, lifeMs: 0, framesPerSecond: 0 }
const tokenMs = 15 * 60_000

export function krakenDialect(context: DialectContext): Dialect {
  /** https://docs.kraken.com/api/docs/rest-api/get-websockets-token: valid as long as a connection that uses it. */
  const tokens = new Map<string, { readonly account: Account; readonly until: number; used: boolean }>()
  const nonces = new Map<string, bigint>()
  const deadlines = new Map<Account, () => void>()

  const accountOf = (token: unknown): Account | null => {
    const known = typeof token === 'string' ? tokens.get(token) : undefined
    if (known === undefined || (!known.used && context.now() > known.until)) return null
    known.used = true
    return known.account
  }

  /** https://docs.kraken.com/api/docs/rest-api/cancel-all-orders-after */
  const cancelAfter = (account: Account, seconds: number): object => {
    if (!Number.isFinite(seconds) || seconds < 0 || seconds > 86_400)
      throw new Refused('EGeneral:Invalid arguments:timeout')
    deadlines.get(account)?.()
    deadlines.delete(account)
    if (seconds > 0) {
      const cancel = context.later((seconds * 1_000) / context.options.timeScale, () => {
        for (const order of context.engine.openOrders(account)) context.engine.cancel(order, 'deadMan')
      })
      deadlines.set(account, cancel)
    }
    const now = context.now()
    return {
      currentTime: new Date(now).toISOString(),
      triggerTime: seconds === 0 ? '0' : new Date(now + seconds * 1_000).toISOString(),
    }
  }

  const sockets = new Sockets(context, accountOf, cancelAfter)

  /** https://docs.kraken.com/api/docs/guides/spot-rest-auth. @throws Refused */
  const check = ({ path, body, headers }: MockRequest, params: Params): Account => {
    const apiKey = headers['api-key']
    const account = typeof apiKey === 'string' ? context.account(apiKey) : undefined
    if (account === undefined || typeof apiKey !== 'string') throw new Refused('EAPI:Invalid key')
    const { nonce = '' } = params
    const digest = createHash('sha256')
      .update(nonce + body)
      .digest()
    const secret = Buffer.from(account.credentials.secret ?? '', 'base64')
    if (!hmacDigestIs(secret, Buffer.concat([Buffer.from(path), digest]), String(headers['api-sign'])))
      throw new Refused('EAPI:Invalid signature')
    if (!/^\d{1,20}$/.test(nonce) || BigInt(nonce) <= (nonces.get(apiKey) ?? 0n))
      throw new Refused('EAPI:Invalid nonce')
    nonces.set(apiKey, BigInt(nonce))
    return account
  }

  const http = (request: MockRequest): MockReply => {
    const { method, path } = request
    try {
      const params = paramsOf(request)
      const open = method === 'GET' ? publicCalls[path] : undefined
      if (open !== undefined) return { status: 200, body: stringify({ error: [], result: open({ context, params }) }) }
      const own = privateCalls[path]
      if (method !== 'POST' || !path.startsWith('/0/private/')) throw new Refused('EGeneral:Unknown method')
      const account = check(request, params)
      let result: unknown
      if (path === '/0/private/GetWebSocketsToken') {
        const token = randomBytes(32).toString('base64url')
        tokens.set(token, { account, until: context.now() + tokenMs, used: false })
        result = { token, expires: tokenMs / 1_000 }
      } else if (path === '/0/private/CancelAllOrdersAfter') result = cancelAfter(account, Number(params['timeout']))
      else if (own === undefined) throw new Refused('EGeneral:Unknown method')
      else result = own({ context, params, account })
      return { status: 200, body: stringify({ error: [], result }) }
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      return { status: 200, body: stringify({ error: [error.message] }) }
    }
  }

  return {
    publish: (message, effects) => sockets.publish(message, effects),
    levelsSet: (symbol, bids, asks) => sockets.levelsSet(symbol, bids, asks),
    ordersChanged: (symbol, queues, changes) => sockets.ordersChanged(symbol, queues, changes),
    orderEvent: (event) => sockets.orderEvent(event),
    balanceChanged: (account, asset, delta) => sockets.balanceChanged(account, asset, delta),
    rules: ({ pathname }) => (pathname === '/v2' ? rules : null),
    connect: (peer) => sockets.connect(peer),
    changes: ({ path }) => changing.test(path),
    http,
    // Nonces do not grow old.
    stale: () => false,
    refused: (status) => {
      if (status === 503) return { status, body: stringify({ error: ['EService:Unavailable'] }) }
      return { status: 200, body: stringify({ error: ['EAPI:Rate limit exceeded'] }) }
    },
    maintenance: (on) => sockets.tellStatus(on ? 'maintenance' : 'online'),
    shutdown: () => {},
    unserved: () => sockets.topics.unserved(),
    urls: (httpOrigin, wsOrigin) => ({ rest: httpOrigin, stream: wsOrigin, auth: `${wsOrigin}/v2` }),
  }
}

function paramsOf({ query, body }: MockRequest): Params {
  const json = body.startsWith('{') ? (parseObject(body) ?? {}) : null
  const form =
    json === null
      ? Object.fromEntries(new URLSearchParams(body))
      : Object.fromEntries(Object.entries(json).map(([name, value]) => [name, String(value)]))
  return { ...Object.fromEntries(new URLSearchParams(query)), ...form }
}
