/** Five venues in small: one book of orders behind each one's own requests, signatures, answers and refusals. */
import { createHash, createHmac, createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { VenueServer } from '../rest/venue-server.ts'

export const key = 'name-of-the-key'
export const secret = Buffer.from('a secret of a test, not one of an account').toString('base64')
export const passphrase = 'pass-phrase-1'
export const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
  type: 'sec1',
  format: 'pem',
}) as string

/** Another key of the same account at Binance. */
export const ed25519 = generateKeyPairSync('ed25519')

export interface Order {
  readonly id: string
  readonly client: string
  readonly symbol: string
  readonly side: string
  price: string
  size: string
  filled: string
  state: 'open' | 'filled' | 'canceled'
  updated: number
  readonly placed: number
}

/** What becomes of a request that would change something. */
export type Fate =
  | 'answered'
  /** Executed; its answer never arrives. */
  | 'answerLost'
  /** The connection is cut before it is looked at. */
  | 'requestLost'
  /** The gateway gives up; it is executed so many milliseconds later. */
  | { readonly lateMs: number }

/** A request as a venue sees it, decoded. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly params: Record<string, unknown>
  readonly query: string
  readonly body: string
  readonly headers: IncomingMessage['headers']
}

export interface Answer {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body: unknown
}

/** One trade of an order. */
export interface Trade {
  readonly id: string
  readonly order: Order
  readonly price: string
  readonly size: string
  readonly fee: string
  readonly feeAsset: string
  readonly maker: boolean
  readonly at: number
}

/** An order stands otherwise than it did; `trade` when that is why. */
export type Watcher = (order: Order, trade: Trade | null) => void

/** In thousandths and hundred-thousandths, which is all that tests trade in. */
const parts = (text: string): number => Math.round(Number(text) * 100_000)
const written = (count: number): string => (count / 100_000).toFixed(5)

/** The book itself. */
export class Book {
  readonly orders: Order[] = []
  readonly trades: Trade[] = []
  readonly watchers = new Set<Watcher>()
  /** What the private stream is asked for with, where it is by such a thing. */
  listenKey = 'listen-key-0'
  tokens = 0
  /** Client ids of executed orders: two of one are a double execution. */
  readonly executed: string[] = []
  /** What the dead-man's switch was set to, in milliseconds, in order. */
  readonly armed: number[] = []
  readonly #switches = new Map<string, NodeJS.Timeout>()
  #last = 8_389_765_519_993_908_000n

  place(order: Pick<Order, 'client' | 'symbol' | 'side' | 'price' | 'size'>): Order {
    const now = Date.now()
    const made: Order = { ...order, id: String(++this.#last), filled: '0', state: 'open', updated: now, placed: now }
    this.executed.push(order.client)
    this.orders.push(made)
    this.#tell(made, null)
    return made
  }

  /** Trades so much of an open order, at most what is left. */
  fill(order: Order, size: string): Trade | null {
    const left = parts(order.size) - parts(order.filled)
    const amount = Math.min(left, parts(size))
    if (order.state !== 'open' || amount <= 0) return null
    const trade: Trade = {
      id: `T${this.trades.length + 1}`,
      order,
      price: order.price,
      size: written(amount),
      fee: '0.00013',
      feeAsset: 'USDT',
      maker: true,
      at: Date.now(),
    }
    this.trades.push(trade)
    order.filled = written(parts(order.filled) + amount)
    order.updated = Date.now()
    if (amount === left) order.state = 'filled'
    this.#tell(order, trade)
    return trade
  }

  amend(order: Order, terms: { readonly price?: string | undefined; readonly size?: string | undefined }): Order {
    const { price = order.price, size = order.size } = terms
    Object.assign(order, { price, size, updated: Date.now() })
    this.#tell(order, null)
    return order
  }

  /** A dead-man's switch: cancels after so many milliseconds, of a symbol or all, unless it is set again; 0 unsets it. */
  deadMan(ms: number, symbol?: string): void {
    const name = symbol ?? ''
    this.armed.push(ms)
    clearTimeout(this.#switches.get(name))
    if (ms === 0) return
    const fire = (): void => {
      for (const order of this.open(symbol)) this.cancel(order)
    }
    this.#switches.set(name, setTimeout(fire, ms))
  }

  tradesOf(id: unknown): Trade[] {
    return this.trades.filter(({ order }) => order.id === String(id))
  }

  #tell(order: Order, trade: Trade | null): void {
    for (const watcher of this.watchers) watcher(order, trade)
  }

  find(id: unknown, client: unknown): Order | undefined {
    return this.orders.find((order) => (id === undefined ? order.client === client : order.id === String(id)))
  }

  open(symbol?: unknown): Order[] {
    return this.orders.filter((order) => order.state === 'open' && (symbol === undefined || order.symbol === symbol))
  }

  cancel(order: Order): Order {
    order.state = 'canceled'
    order.updated = Date.now()
    this.#tell(order, null)
    return order
  }
}

/** How one venue speaks. `handle` returns null for what it does not know. */
export interface Wire {
  readonly name: string
  /** Null when the request is signed as it should be. */
  refuse(asked: Asked): Answer | null
  /** Whether it has lost its validity since it came. */
  stale(asked: Asked): boolean
  /** Whether it changes something, so that its fate matters. */
  changes(asked: Asked): boolean
  handle(asked: Asked, book: Book): Answer | null
}

export interface Exchange {
  readonly origin: string
  readonly book: Book
  /** `METHOD /path`, in order of arrival. */
  readonly seen: string[]
  /** Decides about each request that changes something, by its number from 0. */
  fate: (number: number, asked: Asked) => Fate
}

export async function startExchange(wire: Wire): Promise<Exchange> {
  const book = new Book()
  let changes = 0
  const seen: string[] = []
  const exchange = { origin: '', book, seen, fate: (): Fate => 'answered' } as {
    -readonly [K in keyof Exchange]: Exchange[K]
  }
  const server = await VenueServer.start((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const asked = askedBy(request, Buffer.concat(pieces).toString('utf8'))
      if (asked.path.endsWith('/time')) return send(response, timeAnswer())
      seen.push(`${asked.method} ${asked.path}`)
      const refused = wire.refuse(asked)
      if (refused !== null) return send(response, refused)
      const act = (): Answer => wire.handle(asked, book) ?? { status: 404, body: { unknown: asked.path } }
      if (!wire.changes(asked)) return send(response, act())
      const fate = exchange.fate(changes++, asked)
      if (fate === 'requestLost') return void request.socket.destroy()
      if (fate === 'answerLost') {
        act()
        return void request.socket.destroy()
      }
      if (fate === 'answered') return send(response, act())
      send(response, { status: 504, body: 'gateway timeout' })
      // Timestamps are looked at again before the order goes into the book.
      setTimeout(() => (wire.stale(asked) ? undefined : act()), fate.lateMs)
    })
  })
  exchange.origin = server.origin
  return exchange
}

function askedBy(request: IncomingMessage, body: string): Asked {
  const { method = '', url = '', headers } = request
  const [path = '', query = ''] = url.split('?')
  const json = body.startsWith('{') || body.startsWith('[')
  const params = {
    ...Object.fromEntries(new URLSearchParams(query)),
    ...(json ? JSON.parse(body) : Object.fromEntries(new URLSearchParams(body))),
  }
  return { method, path, params: body.startsWith('[') ? { list: JSON.parse(body) } : params, query, body, headers }
}

function send(response: ServerResponse, { status = 200, headers = {}, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(typeof body === 'string' ? body : rawIds(JSON.stringify(body)))
}

/** Binance writes order ids as numbers, though they are beyond 2^53. */
const rawIds = (text: string): string => text.replaceAll(/"#(\d+)"/g, '$1')

function timeAnswer(): Answer {
  const now = Date.now()
  return {
    body: {
      serverTime: now,
      retCode: 0,
      result: { timeNano: `${now}000000` },
      code: '0',
      data: [{ ts: `${now}` }],
      epochMillis: `${now}`,
    },
  }
}

function binanceWire(prefix: string, all: string, status: Record<Order['state'], string>): Wire {
  const show = (order: Order, extra: object = {}): unknown => ({
    symbol: order.symbol,
    orderId: `#${order.id}`,
    clientOrderId: order.client,
    price: order.price,
    origQty: order.size,
    executedQty: order.filled,
    status: order.state === 'open' && order.filled !== '0' ? 'PARTIALLY_FILLED' : status[order.state],
    type: 'LIMIT',
    side: order.side,
    updateTime: order.updated,
    ...extra,
  })
  const refusal = (code: number, msg: string): Answer => ({ status: 400, body: { code, msg } })
  return {
    name: prefix,
    refuse: ({ path, query, body, headers, params }) => {
      // The key alone, and no parameters at all.
      if (path.endsWith('/listenKey'))
        return headers['x-mbx-apikey'] === key && query === '' ? null : refusal(-2015, 'Invalid API-key')
      const [signed = '', signature] = query.split('&signature=')
      const expected = createHmac('sha256', secret)
        .update(signed + body)
        .digest('hex')
      const signedByKey = (): boolean =>
        verify(
          null,
          Buffer.from(signed + body),
          ed25519.publicKey,
          Buffer.from(decodeURIComponent(signature ?? ''), 'base64'),
        )
      if (headers['x-mbx-apikey'] !== key || (signature !== expected && !signedByKey()))
        return refusal(-1022, 'Signature for this request is not valid.')
      const age = Date.now() - Number(params['timestamp'])
      return age > Number(params['recvWindow']) || age < -1_000
        ? refusal(-1021, 'Timestamp for this request is outside of the recvWindow.')
        : null
    },
    stale: ({ params }) => Date.now() - Number(params['timestamp']) > Number(params['recvWindow']),
    changes: ({ method, path }) => method !== 'GET' && !path.endsWith('/listenKey'),
    handle: ({ method, path, params }, book) => {
      if (path.endsWith('/listenKey')) return { body: { listenKey: book.listenKey } }
      const { symbol, orderId, origClientOrderId } = params
      const found = book.find(orderId, origClientOrderId)
      if (path === `${prefix}/order` && method === 'POST') {
        const { newClientOrderId, quantity, price = '0', side } = params as Record<string, string>
        if (price === '13') return refusal(-2010, 'Account has insufficient balance for requested action.')
        const order = {
          client: newClientOrderId ?? '',
          symbol: String(symbol),
          side: side ?? '',
          price,
          size: quantity ?? '',
        }
        return { body: show(book.place(order)) }
      }
      if (path === `${prefix}/order/cancelReplace`) {
        const {
          cancelOrderId,
          cancelOrigClientOrderId,
          newClientOrderId,
          quantity,
          price = '0',
          side,
        } = params as Record<string, string>
        const before = book.find(cancelOrderId, cancelOrigClientOrderId)
        if (before?.state !== 'open') {
          const data = {
            cancelResult: 'FAILURE',
            newOrderResult: 'NOT_ATTEMPTED',
            cancelResponse: { code: -2011, msg: 'Unknown order sent.' },
          }
          return { status: 400, body: { code: -2022, msg: 'Order cancel-replace failed.', data } }
        }
        const cancelResponse = show(book.cancel(before), {
          origClientOrderId: before.client,
          clientOrderId: 'of-the-cancel',
        })
        if (price === '13') {
          const data = { cancelResult: 'SUCCESS', newOrderResult: 'FAILURE', cancelResponse }
          return { status: 409, body: { code: -2021, msg: 'Order cancel-replace partially failed.', data } }
        }
        const made = book.place({
          client: newClientOrderId ?? '',
          symbol: String(symbol),
          side: side ?? '',
          price,
          size: quantity ?? '',
        })
        return {
          body: { cancelResult: 'SUCCESS', newOrderResult: 'SUCCESS', cancelResponse, newOrderResponse: show(made) },
        }
      }
      if (path === `${prefix}/order` && method === 'GET')
        return found ? { body: show(found) } : refusal(-2013, 'Order does not exist.')
      if (path === `${prefix}/order` && method === 'DELETE') {
        if (found?.state !== 'open') return refusal(-2011, 'Unknown order sent.')
        return { body: show(book.cancel(found), { origClientOrderId: found.client, clientOrderId: 'of-the-cancel' }) }
      }
      if (method === 'PUT') {
        if (found?.state !== 'open') return refusal(-2038, 'Order does not exist.')
        const { newQty, quantity = newQty, price = found.price } = params as Record<string, string>
        book.amend(found, { size: quantity, price })
        return { body: prefix === '/api/v3' ? { transactTime: Date.now(), amendedOrder: show(found) } : show(found) }
      }
      if (/(myTrades|userTrades)$/.test(path)) {
        const trades = book.tradesOf(orderId).map((trade) => ({
          symbol: trade.order.symbol,
          id: trade.id,
          orderId: `#${trade.order.id}`,
          price: trade.price,
          qty: trade.size,
          commission: trade.fee,
          commissionAsset: trade.feeAsset,
          time: trade.at,
          isBuyer: trade.order.side === 'BUY',
          isMaker: trade.maker,
        }))
        return { body: trades }
      }
      if (path === `${prefix}/openOrders` && method === 'GET')
        return { body: book.open(symbol).map((order) => show(order)) }
      if (path.endsWith('/countdownCancelAll')) {
        book.deadMan(Number(params['countdownTime']), String(symbol))
        return { body: { symbol, countdownTime: params['countdownTime'] } }
      }
      if (path === all) {
        const open = book.open(symbol)
        if (open.length === 0 && prefix === '/api/v3')
          return { status: 400, body: { code: -2011, msg: 'Unknown order sent.' } }
        const canceled = open.map((order) =>
          show(book.cancel(order), { origClientOrderId: order.client, clientOrderId: 'x' }),
        )
        return {
          body: prefix === '/api/v3' ? canceled : { code: 200, msg: 'The operation of cancel all open order is done.' },
        }
      }
      return null
    },
  }
}

const bybitWire: Wire = {
  name: 'bybit',
  refuse: ({ method, query, body, headers }) => {
    const [at, window] = [headers['x-bapi-timestamp'], headers['x-bapi-recv-window']]
    const expected = createHmac('sha256', secret)
      .update(`${at}${key}${window}${method === 'GET' ? query : body}`)
      .digest('hex')
    if (headers['x-bapi-sign'] !== expected) return { body: { retCode: 10004, retMsg: 'error sign!' } }
    return Date.now() - Number(at) > Number(window)
      ? { body: { retCode: 10002, retMsg: 'invalid request, please check your server timestamp' } }
      : null
  },
  stale: ({ headers }) => Date.now() - Number(headers['x-bapi-timestamp']) > Number(headers['x-bapi-recv-window']),
  changes: ({ method }) => method === 'POST',
  handle: ({ path, params }, book) => {
    const { symbol, orderId, orderLinkId } = params
    const done = (result: object): Answer => ({ body: { retCode: 0, retMsg: 'OK', result, time: Date.now() } })
    const refusal = (retCode: number, retMsg: string): Answer => ({ body: { retCode, retMsg, result: {} } })
    const ids = (order: Order): object => ({ orderId: order.id, orderLinkId: order.client })
    const states = { open: 'New', filled: 'Filled', canceled: 'Cancelled' }
    const show = (order: Order): object => ({
      ...ids(order),
      symbol: order.symbol,
      side: order.side,
      orderType: 'Limit',
      price: order.price,
      qty: order.size,
      cumExecQty: order.filled,
      orderStatus: order.state === 'open' && order.filled !== '0' ? 'PartiallyFilled' : states[order.state],
      updatedTime: String(order.updated),
    })
    const found = book.find(orderId, orderLinkId)
    if (path === '/v5/order/create') {
      const { side, qty, price = '0' } = params as Record<string, string>
      if (price === '13') return refusal(170131, 'Balance insufficient')
      return done(
        ids(
          book.place({ client: String(orderLinkId), symbol: String(symbol), side: side ?? '', price, size: qty ?? '' }),
        ),
      )
    }
    if (path === '/v5/order/cancel') {
      return found?.state === 'open' ? done(ids(book.cancel(found))) : refusal(170213, 'Order does not exist.')
    }
    if (path === '/v5/order/amend') {
      if (found?.state !== 'open') return refusal(170213, 'Order does not exist.')
      const { qty = found.size, price = found.price } = params as Record<string, string>
      book.amend(found, { size: qty, price })
      return done(ids(found))
    }
    if (path === '/v5/order/disconnected-cancel-all') {
      book.armed.push(Number(params['timeWindow']) * 1_000)
      return done({})
    }
    if (path === '/v5/execution/list') {
      const list = book.tradesOf(orderId).map((trade) => ({
        symbol: trade.order.symbol,
        orderId: trade.order.id,
        orderLinkId: trade.order.client,
        side: trade.order.side,
        execId: trade.id,
        execPrice: trade.price,
        execQty: trade.size,
        execFee: trade.fee,
        feeCurrency: trade.feeAsset,
        execType: 'Trade',
        isMaker: trade.maker,
        execTime: String(trade.at),
      }))
      return done({ list: list.reverse(), nextPageCursor: '' })
    }
    if (path === '/v5/order/cancel-all')
      return done({ list: book.open(symbol).map((order) => ids(book.cancel(order))), success: '1' })
    if (orderId !== undefined || orderLinkId !== undefined) {
      const there = path === '/v5/order/history' || (found?.state === 'open') === (params['openOnly'] === '0')
      return done({ list: found !== undefined && there ? [show(found)] : [] })
    }
    // Pages of two.
    const from = Number(params['cursor'] ?? 0)
    const open = book.open(symbol)
    return done({
      list: open.slice(from, from + 2).map(show),
      nextPageCursor: from + 2 < open.length ? String(from + 2) : '',
    })
  },
}

/** Numbers that instruments have on OKX's WebSocket. */
export const instIdCodes = ['BTC-USDT', 'ETH-USDT', 'A-USDT', 'B-USDT']

const okxWire: Wire = {
  name: 'okx',
  refuse: ({ method, path, query, body, headers }) => {
    if (path.endsWith('/public/instruments')) return null
    const at = String(headers['ok-access-timestamp'])
    const expected = createHmac('sha256', secret)
      .update(at + method + path + (query === '' ? '' : `?${query}`) + body)
      .digest('base64')
    if (headers['ok-access-sign'] !== expected || headers['ok-access-passphrase'] !== passphrase)
      return { status: 401, body: { code: '50113', msg: 'Invalid Sign' } }
    return null
  },
  stale: () => false,
  changes: ({ method }) => method === 'POST',
  handle: ({ path, params }, book) => {
    const { instId, ordId, clOrdId } = params
    const row = (order: Order, sCode = '0'): object => ({
      ordId: order.id,
      clOrdId: order.client,
      sCode,
      sMsg: '',
      ts: String(Date.now()),
    })
    const refused = (sCode: string, sMsg: string): Answer => ({
      body: { code: '1', msg: 'All operations failed', data: [{ ordId: '', clOrdId: '', sCode, sMsg }] },
    })
    const done = (...data: object[]): Answer => ({ body: { code: '0', msg: '', data } })
    const states = { open: 'live', filled: 'filled', canceled: 'canceled' }
    const show = (order: Order): object => ({
      instId: order.symbol,
      ordId: order.id,
      clOrdId: order.client,
      side: order.side,
      ordType: 'limit',
      px: order.price,
      sz: order.size,
      accFillSz: order.filled,
      avgPx: '',
      state: order.state === 'open' && order.filled !== '0' ? 'partially_filled' : states[order.state],
      uTime: String(order.updated),
    })
    const found = book.find(ordId, clOrdId)
    if (path.endsWith('/cancel-batch-orders')) {
      const items = (params['list'] as Record<string, string>[]).map((item) => {
        const order = book.find(item['ordId'], item['clOrdId'])
        return order?.state === 'open'
          ? row(book.cancel(order))
          : { ordId: item['ordId'], sCode: '51400', sMsg: 'gone' }
      })
      return done(...items)
    }
    if (path.endsWith('/trade/cancel-order'))
      return found?.state === 'open'
        ? done(row(book.cancel(found)))
        : refused('51400', 'Cancellation failed as the order does not exist.')
    if (path.endsWith('/amend-order')) {
      if (found?.state !== 'open') return refused('51503', 'Order modification failed as the order does not exist.')
      const { newSz = found.size, newPx = found.price } = params as Record<string, string>
      book.amend(found, { size: newSz, price: newPx })
      return done(row(found))
    }
    if (path.endsWith('/cancel-all-after')) {
      book.armed.push(Number(params['timeOut']) * 1_000)
      return done({
        triggerTime: String(Date.now() + Number(params['timeOut']) * 1_000),
        tag: '',
        ts: String(Date.now()),
      })
    }
    if (path.endsWith('/public/instruments')) {
      return done(
        ...instIdCodes.map((name, code) => ({
          instId: name,
          instIdCode: params['instType'] === 'SPOT' ? code + 10 : '',
        })),
      )
    }
    if (path.endsWith('/trade/fills')) {
      const rows = book.tradesOf(ordId).map((trade) => ({
        instId: trade.order.symbol,
        ordId: trade.order.id,
        clOrdId: trade.order.client,
        billId: trade.id,
        tradeId: trade.id,
        side: trade.order.side,
        fillPx: trade.price,
        fillSz: trade.size,
        fee: `-${trade.fee}`,
        feeCcy: trade.feeAsset,
        execType: trade.maker ? 'M' : 'T',
        ts: String(trade.at),
      }))
      return done(...rows.reverse())
    }
    if (path.endsWith('/orders-pending')) return done(...book.open(instId).map(show))
    if (!path.endsWith('/trade/order')) return null
    if (params['tdMode'] === undefined)
      return found ? done(show(found)) : { body: { code: '51603', msg: 'Order does not exist', data: [] } }
    const { side, sz, px = '0' } = params as Record<string, string>
    if (px === '13') return refused('51008', 'Insufficient balance')
    return done(
      row(book.place({ client: String(clOrdId), symbol: String(instId), side: side ?? '', price: px, size: sz ?? '' })),
    )
  },
}

function krakenWire(): Wire {
  let nonce = 0
  return {
    name: 'kraken',
    refuse: ({ path, body, headers, params }) => {
      if (path === '/0/public/AssetPairs') return null
      const hash = createHash('sha256').update(`${params['nonce']}${body}`).digest()
      const expected = createHmac('sha512', Buffer.from(secret, 'base64')).update(path).update(hash).digest('base64')
      if (headers['api-key'] !== key || headers['api-sign'] !== expected)
        return { body: { error: ['EAPI:Invalid signature'] } }
      if (Number(params['nonce']) <= nonce) return { body: { error: ['EAPI:Invalid nonce'] } }
      nonce = Number(params['nonce'])
      return null
    },
    stale: () => false,
    changes: ({ path }) => /AddOrder|AmendOrder|Cancel/.test(path),
    handle: ({ path, params }, book) => {
      const { txid, cl_ord_id } = params
      const done = (result: object): Answer => ({ body: { error: [], result } })
      const refused = (text: string): Answer => ({ body: { error: [text] } })
      const states = { open: 'open', filled: 'closed', canceled: 'canceled' }
      const show = (orders: Order[]): object =>
        Object.fromEntries(
          orders.map((order) => [
            `O${order.id}`,
            {
              cl_ord_id: order.client,
              status: states[order.state],
              opentm: order.placed / 1_000,
              descr: { pair: order.symbol, type: order.side, ordertype: 'limit', price: order.price },
              vol: order.size,
              vol_exec: order.filled,
              trades: params['trades'] === 'true' ? book.tradesOf(order.id).map(({ id }) => id) : undefined,
              cost: '0',
              price: '0',
              oflags: 'fciq',
            },
          ]),
        )
      const found = book.find(txid === undefined ? undefined : String(txid).slice(1), cl_ord_id)
      switch (path.split('/').at(-1)) {
        case 'AddOrder': {
          const { pair, type, volume, price = '0' } = params as Record<string, string>
          if (price === '13') return refused('EOrder:Insufficient funds')
          const order = book.place({
            client: String(cl_ord_id),
            symbol: pair ?? '',
            side: type ?? '',
            price,
            size: volume ?? '',
          })
          return done({ descr: { order: '' }, txid: [`O${order.id}`] })
        }
        case 'AmendOrder': {
          if (found?.state !== 'open') return refused('EOrder:Unknown order')
          const { order_qty = found.size, limit_price = found.price } = params as Record<string, string>
          book.amend(found, { size: order_qty, price: limit_price })
          return done({ amend_id: 'T1' })
        }
        case 'CancelOrder':
          if (found?.state !== 'open') return refused('EOrder:Unknown order')
          book.cancel(found)
          return done({ count: 1 })
        case 'CancelAll':
          return done({ count: book.open().map((order) => book.cancel(order)).length })
        case 'AssetPairs':
          // `XBT` is `BTC` on the WebSocket.
          return done({
            'BTC-USDT': { altname: 'BTC-USDT', wsname: 'XBT/USDT' },
            'A-USDT': { altname: 'A-USDT', wsname: 'A/USDT' },
          })
        case 'CancelAllOrdersAfter':
          book.deadMan(Number(params['timeout']) * 1_000)
          return done({ currentTime: 't', triggerTime: 't' })
        case 'GetWebSocketsToken':
          return done({ token: `token-of-the-test-${++book.tokens}`, expires: 900 })
        case 'QueryTrades': {
          const wanted = String(txid).split(',')
          const rows = book.trades
            .filter(({ id }) => wanted.includes(id))
            .map((trade) => [
              trade.id,
              {
                ordertxid: `O${trade.order.id}`,
                pair: trade.order.symbol,
                time: trade.at / 1_000,
                type: trade.order.side,
                price: trade.price,
                vol: trade.size,
                fee: trade.fee,
                maker: trade.maker,
              },
            ])
          return done(Object.fromEntries(rows))
        }
        case 'QueryOrders':
          return found === undefined ? refused('EOrder:Unknown order') : done(show([found]))
        case 'OpenOrders':
          return done({ open: show(cl_ord_id === undefined ? book.open() : found?.state === 'open' ? [found] : []) })
        case 'ClosedOrders':
          return done({ closed: show(found !== undefined && found.state !== 'open' ? [found] : []), count: 0 })
        default:
          return null
      }
    },
  }
}

const coinbaseWire: Wire = {
  name: 'coinbase',
  refuse: ({ method, path, headers }) => {
    const [head = '', claims = '', signature = ''] = String(headers.authorization).replace('Bearer ', '').split('.')
    const publicKey = { key: createPublicKey(pem), dsaEncoding: 'ieee-p1363' as const }
    const valid = verify('sha256', Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature, 'base64url'))
    const { uri, exp } = valid ? JSON.parse(Buffer.from(claims, 'base64url').toString()) : {}
    if (uri === `${method} ${headers.host}${path}` && exp * 1_000 > Date.now()) return null
    return { status: 401, body: { error: 'UNAUTHENTICATED', message: 'Unauthorized' } }
  },
  stale: () => false,
  changes: ({ method }) => method === 'POST',
  handle: ({ path, params }, book) => {
    const root = '/api/v3/brokerage/orders'
    const states = { open: 'OPEN', filled: 'FILLED', canceled: 'CANCELLED' }
    const show = (order: Order): object => ({
      order_id: order.id,
      client_order_id: order.client,
      product_id: order.symbol,
      side: order.side,
      status: states[order.state],
      order_type: 'LIMIT',
      order_configuration: { limit_limit_gtc: { base_size: order.size, limit_price: order.price } },
      filled_size: order.filled,
      filled_value: '0',
      average_filled_price: '0',
      created_time: new Date(order.updated).toISOString(),
    })
    if (path === root) {
      const { client_order_id, product_id, side } = params as Record<string, string>
      const terms = Object.values(params['order_configuration'] as object)[0] as Record<string, string>
      if (terms['limit_price'] === '13')
        return {
          body: { success: false, error_response: { error: 'INSUFFICIENT_FUND', message: 'Insufficient balance' } },
        }
      // Sent again, it is not created again.
      const order =
        book.find(undefined, client_order_id) ??
        book.place({
          client: client_order_id ?? '',
          symbol: product_id ?? '',
          side: side ?? '',
          price: terms['limit_price'] ?? '0',
          size: terms['base_size'] ?? '',
        })
      return { body: { success: true, success_response: { order_id: order.id, product_id, side, client_order_id } } }
    }
    if (path === `${root}/batch_cancel`) {
      const results = (params['order_ids'] as string[]).map((order_id) => {
        const order = book.find(order_id, undefined)
        if (order?.state !== 'open') return { success: false, failure_reason: 'UNKNOWN_CANCEL_ORDER', order_id }
        book.cancel(order)
        return { success: true, failure_reason: 'UNKNOWN_CANCEL_FAILURE_REASON', order_id }
      })
      return { body: { results } }
    }
    if (path === `${root}/edit`) {
      const order = book.find(params['order_id'], undefined)
      if (order?.state !== 'open')
        return { body: { success: false, errors: [{ edit_failure_reason: 'ORDER_NOT_FOUND' }] } }
      book.amend(order, { size: String(params['size']), price: String(params['price']) })
      return { body: { success: true, errors: [] } }
    }
    if (path === `${root}/historical/fills`) {
      const fills = book.tradesOf(params['order_ids']).map((trade) => ({
        trade_id: trade.id,
        order_id: trade.order.id,
        product_id: trade.order.symbol,
        side: trade.order.side,
        price: trade.price,
        size: trade.size,
        commission: trade.fee,
        size_in_quote: false,
        liquidity_indicator: trade.maker ? 'MAKER' : 'TAKER',
        trade_time: new Date(trade.at).toISOString(),
      }))
      return { body: { fills: fills.reverse(), cursor: '' } }
    }
    if (path === `${root}/historical/batch`) {
      const { product_ids, order_status } = params
      const listed =
        order_status === undefined ? book.orders.filter(({ symbol }) => symbol === product_ids) : book.open(product_ids)
      // The newest first.
      return { body: { orders: listed.toReversed().map(show), has_next: false, cursor: '' } }
    }
    const order = book.find(path.split('/').at(-1), undefined)
    return order === undefined
      ? { status: 404, body: { error: 'NOT_FOUND', message: 'order not found' } }
      : { body: { order: show(order) } }
  },
}

const states = { open: 'NEW', filled: 'FILLED', canceled: 'CANCELED' }
export const wires = {
  binance: () => binanceWire('/api/v3', '/api/v3/openOrders', states),
  binanceUsdm: () => binanceWire('/fapi/v1', '/fapi/v1/allOpenOrders', states),
  bybit: () => bybitWire,
  okx: () => okxWire,
  kraken: krakenWire,
  coinbase: () => coinbaseWire,
} as const satisfies Record<string, () => Wire>
