/** The WebSocket API: https://developers.binance.com/docs/binance-spot-api-docs/websocket-api */

import type { DialectContext } from '../dialect.js'
import type { Account } from '../engine/account.js'
import type { OrderEvent } from '../engine/order.js'
import { parseObject, stringify } from '../server/json.js'
import type { Peer, PeerHandler } from '../server/peer.js'
import { checkTime, checkWs, type Params } from './auth.js'
import type { Limits } from './limits.js'
import { byWs, checkParams } from './operations.js'
import { missing, Refused } from './refused.js'
import { accountPosition, executionReport } from './shapes.js'
import { nextExecution } from './trading.js'

/** Subscriptions of a connection at a time, and in its whole life. */
const maxSubscriptions = 1_000
const maxSubscriptionId = 65_535

interface Subscription {
  readonly account: Account
  /** Of the session's own account: ends with it. */
  readonly ofSession: boolean
}

/** One connection to it. */
class Session implements PeerHandler {
  readonly peer: Peer
  readonly subscriptions = new Map<number, Subscription>()
  readonly #context: DialectContext
  readonly #limits: Limits
  readonly #onClosed: (session: Session) => void
  #account: Account | null = null
  #authorizedSince: number | null = null
  #nextSubscription = 0
  readonly #showLimits: boolean

  constructor(peer: Peer, context: DialectContext, limits: Limits, onClosed: (session: Session) => void) {
    this.peer = peer
    this.#context = context
    this.#limits = limits
    this.#onClosed = onClosed
    this.#showLimits = peer.url.searchParams.get('returnRateLimits') !== 'false'
  }

  message(text: string): void {
    const message = parseObject(text)
    const id = message?.['id']
    if (message === null || !isId(id)) {
      this.peer.reply(stringify({ id: null, status: 400, error: { code: -1135, msg: 'Invalid JSON Request' } }))
      return
    }
    const { method } = message
    const params = paramsOf(message['params'])
    let shows = this.#showLimits
    if (params['returnRateLimits'] !== undefined) {
      shows = params['returnRateLimits'] === 'true'
      delete params['returnRateLimits']
    }
    let orderKey: string | null = null
    let answer: object
    try {
      const operation = typeof method === 'string' ? byWs.get(method) : undefined
      if (operation === undefined) {
        this.#limits.charge(2)
        answer = { status: 200, result: this.#sessionRequest(String(method), params) }
      } else {
        this.#limits.charge(typeof operation.weight === 'number' ? operation.weight : operation.weight(params))
        checkParams(operation, params)
        const account = operation.signed ? this.#accountFor(params) : (this.#account as Account)
        if (operation.orders !== undefined) {
          orderKey = account.credentials.apiKey
          this.#limits.chargeOrder(orderKey)
        }
        answer = { status: 200, result: operation.run({ context: this.#context, params, account }) }
      }
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      answer = { status: error.status, error: error.body }
    }
    this.peer.reply(stringify({ id, ...answer, ...(shows ? { rateLimits: this.#limits.list(orderKey) } : {}) }))
  }

  closed(): void {
    this.subscriptions.clear()
    this.#onClosed(this)
  }

  /** What is signed by itself is taken for its own key, else the session's. */
  #accountFor(params: Params): Account {
    if (params['apiKey'] !== undefined || params['signature'] !== undefined) return checkWs(this.#context, params)
    if (this.#account === null) throw missing('apiKey')
    checkTime(params, this.#context.now())
    return this.#account
  }

  #sessionRequest(method: string, params: Params): unknown {
    switch (method) {
      case 'session.logon': {
        const account = checkWs(this.#context, params)
        if (account.credentials.publicKey?.asymmetricKeyType !== 'ed25519')
          throw new Refused(-4056, 'HMAC_SHA256 API key is not supported.')
        this.#account = account
        this.#authorizedSince = this.#context.now()
        return this.#status()
      }
      case 'session.status':
        return this.#status()
      case 'session.logout':
        for (const [id, { ofSession }] of this.subscriptions) if (ofSession) this.#terminate(id)
        this.#account = null
        this.#authorizedSince = null
        return this.#status()
      case 'session.subscriptions':
        return [...this.subscriptions.keys()].map((subscriptionId) => ({ subscriptionId }))
      case 'userDataStream.subscribe':
        if (this.#account === null)
          throw new Refused(-1102, "Mandatory parameter 'apiKey' was not sent, was empty/null, or malformed.", 401)
        return this.#subscribe(this.#account, true)
      case 'userDataStream.subscribe.signature':
        return this.#subscribe(checkWs(this.#context, params), false)
      case 'userDataStream.unsubscribe': {
        const { subscriptionId } = params
        const id = Number(subscriptionId)
        if (subscriptionId === undefined) for (const each of [...this.subscriptions.keys()]) this.#terminate(each)
        else if (this.subscriptions.has(id)) this.#terminate(id)
        else throw new Refused(-2036, 'User Data Stream subscription not active.')
        return {}
      }
      default:
        throw new Refused(-1020, 'This operation is not supported.')
    }
  }

  #subscribe(account: Account, ofSession: boolean): object {
    for (const each of this.subscriptions.values())
      if (each.account === account) throw new Refused(-2035, 'User Data Stream subscription already active.')
    if (this.subscriptions.size >= maxSubscriptions)
      throw new Refused(
        -1191,
        `Too many subscriptions. Connection may create up to '${maxSubscriptions}' subscriptions at a time.`,
      )
    if (this.#nextSubscription > maxSubscriptionId)
      throw new Refused(-2042, 'Maximum subscription ID reached for this connection.')
    const subscriptionId = this.#nextSubscription++
    this.subscriptions.set(subscriptionId, { account, ofSession })
    return { subscriptionId }
  }

  #terminate(subscriptionId: number): void {
    this.subscriptions.delete(subscriptionId)
    const event = { e: 'eventStreamTerminated', E: this.#context.now() }
    this.peer.reply(stringify({ subscriptionId, event }))
  }

  #status(): object {
    return {
      apiKey: this.#account?.credentials.apiKey ?? null,
      authorizedSince: this.#authorizedSince,
      connectedSince: this.peer.openedMs,
      returnRateLimits: this.#showLimits,
      serverTime: this.#context.now(),
      userDataStream: this.subscriptions.size > 0,
    }
  }
}

/** All connections to it. */
export class WsApi {
  readonly #sessions = new Set<Session>()
  readonly #context: DialectContext
  readonly #limits: Limits

  constructor(context: DialectContext, limits: Limits) {
    this.#context = context
    this.#limits = limits
  }

  connect(peer: Peer): PeerHandler {
    const session = new Session(peer, this.#context, this.#limits, (ended) => this.#sessions.delete(ended))
    this.#sessions.add(session)
    return session
  }

  orderEvent(event: OrderEvent): void {
    const nowMs = this.#context.now()
    this.#tell(event.order.account, executionReport(event, nextExecution(), nowMs))
    this.#tell(event.order.account, accountPosition(event.order, nowMs))
  }

  /** https://developers.binance.com/docs/binance-spot-api-docs/user-data-stream#balance-update */
  balanceChanged(account: Account, asset: string, delta: string): void {
    const nowMs = this.#context.now()
    this.#tell(account, { e: 'balanceUpdate', E: nowMs, a: asset, d: delta, T: nowMs })
  }

  shutdown(isTold: (peer: Peer) => boolean): void {
    for (const { peer } of this.#sessions)
      if (isTold(peer)) peer.reply(stringify({ event: { e: 'serverShutdown', E: this.#context.now() } }))
  }

  #tell(account: Account, event: object): void {
    for (const { peer, subscriptions } of this.#sessions) {
      for (const [subscriptionId, each] of subscriptions)
        if (each.account === account) peer.reply(stringify({ subscriptionId, event }))
    }
  }
}

/** Text, an integer, or null: https://developers.binance.com/docs/binance-spot-api-docs/websocket-api/request-format */
export function isId(id: unknown): id is string | number | null {
  return id === null || (typeof id === 'string' && id.length <= 36) || Number.isSafeInteger(id)
}

/** Values as they are signed. */
function paramsOf(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== null && each !== undefined)
      .map(([name, each]) => [name, typeof each === 'object' ? JSON.stringify(each) : String(each)]),
  )
}
