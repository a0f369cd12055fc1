import type { Answer, Outcome } from '../../policy/retry/outcome.js'
import { Outcomes } from '../../policy/retry/outcome.js'
import type { Rest } from '../../rest/rest.js'
import type { SessionParams } from '../../session/protocol.js'
import type { EntryPlan } from '../desk/entry-plan.js'
import { decimalOf } from '../order/decimal-text.js'
import { fieldOf, textOf, words } from '../order/fields.js'
import { krakenProtocol, Numeral } from './protocol.js'
import type { KrakenToken } from './token.js'

/** Nothing is subscribed here, so that the venue says nothing by itself. https://docs.kraken.com/api/docs/websocket-v2/heartbeat */
const heartbeat = { app: { text: '{"method":"ping"}', interval: 10_000 }, idle: 30_000 } as const

/** A token is asked for again before it is too old to be used. */
const tokenEveryMs = 8 * 60_000

/** Names of assets that REST writes otherwise than the WebSocket. */
const renamed = words({ XBT: 'BTC', XDG: 'DOGE' })

/**
 * Pairs as the WebSocket writes them (`BTC/USD`), by all the names that REST has for them.
 * https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs
 */
async function pairsOf(rest: Rest): Promise<ReadonlyMap<string, string>> {
  const response = await rest.get('/0/public/AssetPairs', { auth: false })
  const pairs = new Map<string, string>()
  for (const [name, pair] of Object.entries((fieldOf(response.json(), 'result') ?? {}) as object)) {
    const [base = '', quote = ''] = textOf(fieldOf(pair, 'wsname')).split('/')
    if (base === '' || quote === '') continue
    const symbol = `${renamed[base] ?? base}/${renamed[quote] ?? quote}`
    for (const each of [name, textOf(fieldOf(pair, 'altname')), `${base}/${quote}`, symbol]) pairs.set(each, symbol)
  }
  return pairs
}

/** A parameter that is a decimal, as a number of JSON; undefined: none is given. */
function numeral(value: unknown): Numeral | undefined {
  const text = decimalOf(value)
  return text === null ? undefined : new Numeral(text)
}

type Form = Readonly<Record<string, unknown>>

const placeFields: ReadonlySet<string> = new Set(['pair', 'type', 'volume', 'price', 'reduce_only', 'cl_ord_id'])

/** Whether it is as `place()` writes it, with nothing of `extra`: that is written for REST. */
function plain({ ordertype, timeinforce, oflags, ...others }: Form): boolean {
  return (
    Object.entries(others).every(([name, value]) => value === undefined || placeFields.has(name)) &&
    (ordertype === 'limit' || ordertype === 'market') &&
    (timeinforce === undefined || timeinforce === 'IOC') &&
    (oflags === undefined || oflags === 'post' || oflags === 'viqc')
  )
}

/** https://docs.kraken.com/api/docs/websocket-v2/add_order. Null: it goes over REST. */
function placed(form: Form, symbol: string): SessionParams | null {
  if (!plain(form)) return null
  const { type, ordertype, volume, price, timeinforce, oflags, reduce_only, cl_ord_id } = form
  const byValue = oflags === 'viqc'
  return {
    order_type: ordertype,
    side: type,
    symbol,
    order_qty: byValue ? undefined : numeral(volume),
    cash_order_qty: byValue ? numeral(volume) : undefined,
    limit_price: numeral(price),
    time_in_force: timeinforce === 'IOC' ? 'ioc' : undefined,
    post_only: oflags === 'post' ? true : undefined,
    reduce_only,
    cl_ord_id,
  }
}

const named = ({ txid, cl_ord_id }: Form): object => (txid === undefined ? { cl_ord_id } : { order_id: txid })
const namedInList = ({ txid, cl_ord_id }: Form): object =>
  txid === undefined ? { cl_ord_id: [cl_ord_id] } : { order_id: [txid] }

/**
 * Orders over Kraken's WebSocket v2: other names, numbers in place of text, and the token of REST.
 * https://docs.kraken.com/api/docs/websocket-v2/add_order, …/amend_order, …/cancel_order, …/cancel_all, …/cancel_after
 */
export function krakenEntry(token: KrakenToken): EntryPlan {
  let pairs: ReadonlyMap<string, string> = new Map()
  const protocol = krakenProtocol()
  const answer = (given: Answer): Outcome => {
    if (!given.code.startsWith('ESession')) return protocol.classify.answer(given)
    // The token is not taken any more: nothing was done.
    token.drop()
    return Outcomes.retryable
  }
  return {
    heartbeat,
    protocol: () => ({ ...protocol, classify: { ...protocol.classify, answer } }),
    prepare: async (rest) => {
      if (pairs.size === 0) pairs = await pairsOf(rest)
      await token.get(rest, tokenEveryMs)
    },
    prepareEveryMs: tokenEveryMs,
    stale: () => !token.fresh,
    write: ({ path, request }) => {
      const form = (request.form ?? {}) as Form
      const write = (): readonly [method: string, params: SessionParams | null] => {
        switch (path) {
          case '/0/private/AddOrder': {
            const symbol = pairs.get(textOf(form['pair']))
            return ['add_order', symbol === undefined ? null : placed(form, symbol)]
          }
          case '/0/private/AmendOrder': {
            const { order_qty, limit_price } = form
            return ['amend_order', { ...named(form), order_qty: numeral(order_qty), limit_price: numeral(limit_price) }]
          }
          case '/0/private/CancelOrder':
            return ['cancel_order', { ...namedInList(form) }]
          case '/0/private/CancelAll':
            return ['cancel_all', {}]
          case '/0/private/CancelAllOrdersAfter':
            return ['cancel_all_orders_after', { timeout: Number(form['timeout']) }]
          default:
            return ['', null]
        }
      }
      const [method, params] = write()
      return params === null || !token.fresh ? null : { method, params: { ...params, token: token.current } }
    },
    read: (body) => {
      const result = fieldOf(body, 'result')
      switch (fieldOf(body, 'method')) {
        case 'add_order':
          return { error: [], result: { txid: [fieldOf(result, 'order_id')] } }
        case 'cancel_order':
          return { error: [], result: { count: 1 } }
        default:
          return { error: [], result }
      }
    },
  }
}
