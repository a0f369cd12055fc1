/** The venue of docs/adding-a-venue.md, written against the public API alone. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Feed, Loop } from 'tickwire'
import { afterEach, describe, expect, it } from 'vitest'
import { bitmex } from '../../examples/bitmex/venue.ts'
import { until } from '../e2e/waiting.ts'
import { startWsServer } from '../peers/ws-server.ts'
import { cleanUp, onCleanUp } from '../rest/venue-server.ts'
import { FixedClock, record } from './recorder.ts'

afterEach(cleanUp)

const source = fileURLToPath(new URL('../../examples/bitmex/venue.ts', import.meta.url))

/** Messages as the venue documents and sends them. */
const messages = {
  welcome: '{"info":"Welcome to the BitMEX Realtime API.","version":"2.0.0","docs":"https://www.bitmex.com/app/wsAPI"}',
  taken: '{"success":true,"subscribe":"trade:XBTUSD","request":{"op":"subscribe","args":["trade:XBTUSD"]}}',
  quote:
    '{"table":"quote","action":"insert","data":[{"timestamp":"2021-07-22T22:36:10.712Z","symbol":"XBTUSD","bidSize":750,"bidPrice":32277.0,"askPrice":32277.5,"askSize":175},{"timestamp":"2021-07-22T22:36:10.900Z","symbol":"UNIUSDT","bidSize":null,"bidPrice":null,"askPrice":17.297,"askSize":3}]}',
  trade:
    '{"table":"trade","action":"insert","data":[{"timestamp":"2021-07-22T22:36:11.328Z","symbol":"XRPU21","side":"Sell","size":15,"price":0.00001819,"tickDirection":"MinusTick","trdMatchID":"8f8fe9db-eb13-26a5-dea2-a398d89e04a8","grossValue":27285}]}',
  book: (bids: string, asks: string) =>
    `{"table":"orderBook10","action":"update","data":[{"symbol":"XBTUSD","bids":${bids},"asks":${asks},"timestamp":"2021-07-22T22:36:12.000Z"}]}`,
}

describe('market data', () => {
  it('rows of quotes and trades, nothing else', async () => {
    await using server = await startWsServer({
      onConnection: (socket) => {
        for (const message of [messages.welcome, messages.taken, messages.quote, messages.trade]) socket.send(message)
      },
    })
    const [options] = bitmex.market({ symbols: ['XBTUSD', 'UNIUSDT'], url: server.url })
    if (options === undefined) throw new Error('no feed')
    expect(options.url).toBe(`${server.url}/realtime`)
    await using feed = new Feed(options)
    const rows: string[] = []
    feed.on('rows:ticker', (batch) => {
      for (const row of batch) rows.push(`${row.symbol} ${row.bidSize} @ ${row.bid} / ${row.askSize} @ ${row.ask}`)
    })
    feed.on('rows:trades', (batch) => {
      for (const row of batch) rows.push(`${row.symbol} ${row.side} ${row.size} @ ${row.price} ${row.id}`)
    })
    await feed.open()
    await until(() => rows.length === 3, 'all rows have come')
    expect(rows).toEqual([
      'XBTUSD 750 @ 32277.0 / 175 @ 32277.5',
      'UNIUSDT null @ null / 3 @ 17.297',
      'XRPU21 Sell 15 @ 0.00001819 8f8fe9db-eb13-26a5-dea2-a398d89e04a8',
    ])
    expect(feed.stats()).toMatchObject({ malformed: 0, ignored: 2 })
    expect(server.received.map(({ data }) => JSON.parse(data.toString()))).toEqual([
      { op: 'subscribe', args: ['quote:XBTUSD', 'trade:XBTUSD', 'quote:UNIUSDT', 'trade:UNIUSDT'] },
    ])
  })

  it('books, stale while there is no connection', async () => {
    await using server = await startWsServer()
    const loop = new Loop({ mode: 'park' })
    await using _loop = loop
    const books = bitmex.books({ loop, depth: 10 })
    onCleanUp(() => void books.close())
    const xbt = books.add('XBTUSD')
    const [options] = bitmex.market({ symbols: ['XBTUSD'], streams: ['book'], url: server.url })
    if (options === undefined) throw new Error('no feed')
    await using feed = new Feed({ ...options, books, loop })
    await feed.open()
    const seen: string[] = []
    books.on('book', (book) => {
      seen.push(`${book.bid(0).priceText} ${book.bid(0).size} / ${book.ask(0).priceText} ${book.asks.length}`)
    })
    server.broadcast(messages.book('[[32276.5,100],[32276.0,7]]', '[[32277.0,50]]'))
    await until(() => seen.length === 1, 'the first book has come')
    server.broadcast(messages.book('[[32276.0,7]]', '[[32277.0,49],[32278.5,2]]'))
    await until(() => seen.length === 2, 'the second book has come')
    expect(seen).toEqual(['32276.5 100 / 32277.0 1', '32276.0 7 / 32277.0 2'])
    expect(xbt.stale).toBe(false)
    const stale = new Promise((resolve) => books.on('stale', resolve))
    for (const client of server.clients) client.terminate()
    expect(await stale).toMatchObject({ reason: 'ERR_BOOK_DISCONNECTED' })
    expect(xbt.stale).toBe(true)
  })
})

describe('requests', () => {
  const key = 'LAqUlngMIQkIUjXMUreyu3qn'
  const secret = 'chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO'
  const open = async (expiresAt: number) => {
    const recorder = await record(({ url }) => ({ body: url === '/api/v1' ? { timestamp: Date.now() } : [] }))
    const clock = new FixedClock((expiresAt - 10) * 1_000)
    const rest = bitmex.rest({ key, secret, clock, endpoints: [recorder.origin] })
    onCleanUp(() => rest.close({ force: true }))
    return { recorder, rest }
  }

  // https://www.bitmex.com/app/apiKeysUsage
  it.each([
    [
      'GET',
      '/api/v1/instrument',
      undefined,
      '',
      1_518_064_236,
      'c7682d435d0cfe87c16098df34ef2eb5a549d4c5a3c2b1f0f77b8af73423bf00',
    ],
    [
      'GET',
      '/api/v1/instrument',
      'filter=%7B%22symbol%22%3A+%22XBTM15%22%7D',
      '',
      1_518_064_237,
      'e2f422547eecb5b3cb29ade2127e21b858b235b386bfa45e1c1756eb3383919f',
    ],
    [
      'POST',
      '/api/v1/order',
      undefined,
      '{"symbol":"XBTM15","price":219.0,"clOrdID":"mm_bitmex_1a/oemUeQ4CAJZgP3fjHsA","orderQty":98}',
      1_518_064_238,
      '1749cd2ccae4aa49048ae09f0b95110cee706e0944e6a14ad0b3a8cb45bd336b',
    ],
  ])('the documented signature of %s %s %s', async (method, path, query, body, expires, signature) => {
    const { recorder, rest } = await open(expires)
    const headers = { 'content-type': 'application/json' }
    await rest.request(method, path, { query, ...(body === '' ? {} : { body, headers }) })
    expect(recorder.requests.at(-1)).toMatchObject({
      url: query === undefined ? path : `${path}?${query}`,
      body,
      headers: { 'api-key': key, 'api-expires': String(expires), 'api-signature': signature },
    })
  })

  it('an order whose answer was lost is looked up by its client id, and not sent again when it is there', async () => {
    let orders = 0
    const recorder = await record(({ method, url }) => {
      if (url === '/api/v1') return { body: { timestamp: Date.now() } }
      if (method !== 'POST') return { body: [{ orderID: 'b7', clOrdID: 'a-1', ordStatus: 'New' }] }
      orders += 1
      return { status: 504, body: { error: { name: 'HTTPError', message: 'timed out' } } }
    })
    const rest = bitmex.rest({ key, secret, endpoints: [recorder.origin] })
    onCleanUp(() => rest.close({ force: true }))
    const json = { symbol: 'XBTUSD', side: 'Buy', orderQty: 100, price: 60000.5, clOrdID: 'a-1' }
    const response = await rest.post('/api/v1/order', { json, idempotencyKey: 'a-1' })
    expect(response.json()).toMatchObject([{ clOrdID: 'a-1' }])
    expect(orders).toBe(1)
    expect(decodeURIComponent(recorder.requests.at(-1)?.url ?? '')).toBe(
      '/api/v1/order?filter={"clOrdID":"a-1"}&count=1',
    )
  })
})

it('is a file of less than 150 lines that imports nothing but the package', () => {
  const text = readFileSync(source, 'utf8')
  expect(text.split('\n').length).toBeLessThan(150)
  const from = [...text.matchAll(/from '([^']+)'/g)].map(([, name]) => name)
  expect(from.every((name) => name === 'tickwire' || name?.startsWith('tickwire/'))).toBe(true)
})
