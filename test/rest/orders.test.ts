import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { binance } from '../../dist/esm/policy/index.js'
import { exponential, type Lookup, type LookupContext, Rest, RestError } from '../../dist/esm/rest/index.js'
import { BinanceAuth } from '../../dist/esm/sign/index.js'
import { rejection, until } from '../e2e/waiting.ts'
import { answer, cleanUp, hang, rest, VenueServer } from './venue-server.ts'

afterEach(cleanUp)

const backoff = exponential({ first: 1, max: 5, retries: 5 })
const retry = { backoff, visibleAfter: 20, settle: 50 }

/** Executes orders, and loses what the test wants lost. */
class Book {
  readonly executed: string[] = []
  lookups = 0
  onOrder: (id: string, request: IncomingMessage, response: ServerResponse) => void = (id, request, response) => {
    this.executed.push(id)
    answer(200, { id })(request, response)
  }

  readonly handler: RequestListener = (request, response) => {
    const url = new URL(request.url ?? '', 'http://x')
    const id = url.searchParams.get('id') ?? ''
    if (request.method === 'POST') {
      this.onOrder(id, request, response)
      return
    }
    this.lookups++
    if (this.executed.includes(id)) answer(200, { id, status: 'FILLED' })(request, response)
    else answer(400, { code: -2013, msg: 'Order does not exist.' })(request, response)
  }
}

const lookup: Lookup = async ({ idempotencyKey, ask }) => {
  const response = await ask('GET', '/order', { query: { id: idempotencyKey } })
  return response.ok ? { found: response } : 'absent'
}

describe('an order of unknown fate', () => {
  it('that was executed is found, and not sent again', async () => {
    const book = new Book()
    book.onOrder = (id, request) => {
      book.executed.push(id)
      request.socket.destroy()
    }
    const server = await VenueServer.start(book.handler)
    const client = rest({ endpoints: [server.origin], retry, lookup })
    const seen: unknown[] = []
    client.on('retry', ({ outcome, next, code, attempt }) => seen.push({ outcome, next, code, attempt }))
    const response = await client.post('/order', { query: { id: 'a' }, idempotencyKey: 'a' })
    expect(response).toMatchObject({ found: true, attempt: 1, status: 200 })
    expect(response.json()).toEqual({ id: 'a', status: 'FILLED' })
    expect(book.executed).toEqual(['a'])
    expect(seen).toEqual([{ outcome: 'unknown', next: 'lookup', code: expect.any(String), attempt: 1 }])
    expect(client.stats()).toMatchObject({ lookups: 1, answered: 1 })
  })

  it('that was not executed is sent again, but not before that is certain', async () => {
    const book = new Book()
    let lost = 0
    const sent: number[] = []
    book.onOrder = (id, request, response) => {
      sent.push(performance.now())
      if (lost++ === 0) {
        request.socket.destroy()
        return
      }
      book.executed.push(id)
      answer(200, { id })(request, response)
    }
    const server = await VenueServer.start(book.handler)
    const client = rest({ endpoints: [server.origin], retry, lookup })
    const response = await client.post('/order', { query: { id: 'a' }, idempotencyKey: 'a', validMs: 120 })
    expect(response).toMatchObject({ found: false, attempt: 2 })
    expect(book.executed).toEqual(['a'])
    expect(book.lookups).toBeGreaterThan(1)
    // 120 ms that it might still have been accepted, and 20 that it might have been hidden.
    expect((sent[1] ?? 0) - (sent[0] ?? 0)).toBeGreaterThanOrEqual(139)
  })

  it('that is executed late, after a look-up did not find it, is found in the end', async () => {
    const book = new Book()
    book.onOrder = (id, request) => {
      request.socket.destroy()
      setTimeout(() => book.executed.push(id), 60)
    }
    const server = await VenueServer.start(book.handler)
    const client = rest({ endpoints: [server.origin], retry, lookup })
    const response = await client.post('/order', { query: { id: 'a' }, idempotencyKey: 'a', validMs: 150 })
    expect(response).toMatchObject({ found: true, attempt: 1 })
    expect(book.executed).toEqual(['a'])
  })

  it('is reported as such without a client id, without a look-up, and when look-ups do not come to a result', async () => {
    const book = new Book()
    book.onOrder = (_id, request) => request.socket.destroy()
    const server = await VenueServer.start(book.handler)
    const silent: Lookup = async () => ({ retryAfterMs: 1 })
    const throwing: Lookup = async () => {
      throw new Error('no')
    }
    const unknown = { code: 'ERR_REST_UNKNOWN', mayHaveExecuted: true, attempt: 1 }
    expect(await rejection(rest({ endpoints: [server.origin], retry, lookup }).post('/order'))).toMatchObject(unknown)
    expect(
      await rejection(rest({ endpoints: [server.origin], retry }).post('/order', { idempotencyKey: 'a' })),
    ).toMatchObject(unknown)
    for (const given of [silent, throwing]) {
      const client = rest({ endpoints: [server.origin], retry: { ...retry, lookups: 3 }, lookup: given })
      expect(await rejection(client.post('/order', { idempotencyKey: 'a' }))).toMatchObject({
        code: 'ERR_REST_LOOKUP',
        mayHaveExecuted: true,
        lookups: 3,
      })
    }
    expect(server.seen).toHaveLength(4)
  })

  it('a look-up that never ends is given up with `certainty`', async () => {
    const book = new Book()
    book.onOrder = (_id, request) => request.socket.destroy()
    const server = await VenueServer.start(book.handler)
    let told: AbortSignal | undefined
    const stuck = ({ signal }: LookupContext): Promise<never> => {
      told = signal
      return new Promise(() => {})
    }
    const client = rest({ endpoints: [server.origin], retry: { ...retry, certainty: 150 }, lookup: stuck })
    const error = await rejection(client.post('/order', { idempotencyKey: 'a' }))
    expect(error).toMatchObject({ code: 'ERR_REST_LOOKUP', mayHaveExecuted: true })
    expect((error as RestError).elapsedMs).toBeGreaterThanOrEqual(149)
    expect(told?.aborted).toBe(true)
  })

  it('a refusal after an attempt whose fate is open is looked up too', async () => {
    const book = new Book()
    book.onOrder = (id, request) => {
      book.executed.push(id)
      request.socket.destroy()
    }
    const server = await VenueServer.start(book.handler)
    // Believes that an absent order is absent for good: the venue then says that it knows the id.
    const forgetful: Lookup = async () => 'absent'
    const client = rest({
      endpoints: [server.origin],
      venue: binance,
      limits: [],
      retry: { ...retry, settle: 0, visibleAfter: 0 },
      lookup: forgetful,
    })
    book.onOrder = (id, request, response) => {
      if (book.executed.includes(id)) answer(400, { code: -2010, msg: 'Duplicate order sent.' })(request, response)
      else {
        book.executed.push(id)
        request.socket.destroy()
      }
    }
    expect(await rejection(client.post('/order', { query: { id: 'a' }, idempotencyKey: 'a' }))).toMatchObject({
      code: 'ERR_REST_DUPLICATE',
      venueCode: '-2010',
    })
    expect(book.executed).toEqual(['a'])
  })
})

describe('deadlines and signals', () => {
  it('end waiting, and say whether it may have been executed', async () => {
    const server = await VenueServer.start(hang)
    const client = rest({ endpoints: [server.origin], breaker: false })
    const late = (await rejection(client.post('/order', { deadline: 60 }))) as RestError
    expect(late).toMatchObject({ code: 'ERR_REST_UNKNOWN', mayHaveExecuted: true })
    expect(late.elapsedMs).toBeLessThan(1_000)
    expect(await rejection(client.get('/q', { deadline: 60 }))).toMatchObject({ code: 'ERR_REST_DEADLINE' })
    const stop = new AbortController()
    const aborted = rejection(client.post('/order', { signal: stop.signal }))
    await until(() => server.seen.length === 3, 'it has arrived')
    const reason = new Error('enough')
    stop.abort(reason)
    expect(await aborted).toMatchObject({ code: 'ERR_ABORTED', mayHaveExecuted: true, cause: reason })
    expect(await rejection(client.post('/order', { signal: stop.signal }))).toMatchObject({
      code: 'ERR_ABORTED',
      mayHaveExecuted: false,
      attempt: 0,
    })
    expect(server.seen).toHaveLength(3)
  })

  it('end a pause between attempts', async () => {
    const server = await VenueServer.start(answer(500))
    const backoff = { ...exponential({ first: 60_000, max: 60_000, jitter: 0, retries: 3, immediate: false }) }
    const client = rest({ endpoints: [server.origin], retry: { backoff, deadline: 600_000 } })
    const stop = new AbortController()
    client.once('retry', () => stop.abort())
    expect(await rejection(client.get('/', { signal: stop.signal }))).toMatchObject({ code: 'ERR_ABORTED', attempt: 1 })
    const closed = rejection(client.get('/'))
    client.once('retry', () => void client.close({ force: true }))
    expect(await closed).toMatchObject({ code: 'ERR_ABORTED', mayHaveExecuted: true, attempt: 1 })
  })

  it('close() lets what is under way end, retries included', async () => {
    let bad = 2
    const server = await VenueServer.start((request, response) => answer(bad-- > 0 ? 500 : 200)(request, response))
    const client = rest({ endpoints: [server.origin], retry: { backoff } })
    const response = client.get('/')
    const closed = client.close()
    expect(await response).toMatchObject({ status: 200, attempt: 3 })
    await closed
    expect(client.stats()).toMatchObject({ inFlight: 0, answered: 1 })
  })
})

describe("the venue's clock", () => {
  it('is learnt, used for signatures, and asked again when a timestamp is refused', async () => {
    let ahead = 90_000
    const server = await VenueServer.start((request, response) => {
      const url = new URL(request.url ?? '', 'http://x')
      const now = Date.now() + ahead
      if (url.pathname === '/time') answer(200, { serverTime: now })(request, response)
      else {
        const off = Math.abs(Number(url.searchParams.get('timestamp')) - now)
        if (off < 200) answer(200, {})(request, response)
        else answer(400, { code: -1021, msg: 'Timestamp for this request was 1000ms ahead.' })(request, response)
      }
    })
    const client = rest({
      endpoints: [server.origin],
      venue: binance,
      limits: [],
      auth: new BinanceAuth({ apiKey: 'k', secret: 's' }),
      retry: { backoff: exponential({ first: 20, max: 50, retries: 8, jitter: 0 }) },
      serverTime: { path: '/time', read: (body) => (body as { serverTime: number }).serverTime },
    })
    await client.ready()
    expect(Math.abs(client.clock.ms - 90_000)).toBeLessThan(100)
    expect((await client.post('/order')).attempt).toBe(1)
    // Somebody sets it.
    ahead = -40_000
    const again = await client.post('/order')
    expect(again.attempt).toBeGreaterThan(1)
    expect(Math.abs(client.clock.ms + 40_000)).toBeLessThan(100)
  })
})

describe('requests that cannot be sent', () => {
  it('are refused before anything leaves', async () => {
    const server = await VenueServer.start(answer(200))
    const client = rest({ endpoints: [server.origin], auth: new BinanceAuth({ apiKey: 'k', secret: 's' }) })
    const cases: [string, Parameters<Rest['post']>[1], string][] = [
      ['order', {}, 'ERR_HTTP_REQUEST'],
      ['/a b', {}, 'ERR_HTTP_REQUEST'],
      ['/a', { body: 'x', json: {} }, 'ERR_HTTP_REQUEST'],
      ['/a', { weight: -1 }, 'ERR_HTTP_REQUEST'],
      ['/a', { deadline: 0 }, 'ERR_HTTP_REQUEST'],
      ['/a', { headers: { 'x-a': 'b\r\nc: d' } }, 'ERR_HTTP_REQUEST'],
      ['/a', { query: '?a=1' }, 'ERR_HTTP_REQUEST'],
      ['/a', { query: { price: Number.NaN } }, 'ERR_SIGN_VALUE'],
      ['/a', { body: Uint8Array.of(0xff) }, 'ERR_HTTP_REQUEST'],
      ['/a', { json: 1n as unknown }, 'ERR_HTTP_REQUEST'],
      ['/a', { account: 'x'.repeat(300) }, 'ERR_TICKWIRE_CONFIG'],
    ]
    for (const [path, request, code] of cases) {
      const error = await rejection(client.post(path, request))
      expect(error, path).toBeInstanceOf(RestError)
      expect(error, path).toMatchObject({ code, mayHaveExecuted: false })
    }
    expect(server.seen).toEqual([])
    expect(client.stats()).toMatchObject({ inFlight: 0, failed: cases.length })
    for (const { pending } of client.stats().endpoints) expect(pending).toBe(0)
  })

  it('wrong options are named', () => {
    const given = { endpoints: ['http://127.0.0.1:1'] }
    for (const [options, field] of [
      [{ endpoints: [] }, 'endpoints'],
      [{ endpoints: ['http://a', 'http://a/'] }, 'endpoints'],
      [{ ...given, warm: -1 }, 'warm'],
      [{ ...given, auth: {} }, 'auth'],
      [{ ...given, probe: { path: '/' } }, 'balance.health.interval'],
      [{ ...given, nonsense: 1 }, 'nonsense'],
      [{ ...given, serverTime: { path: 'x', read: () => 0 } }, 'serverTime.path'],
      [{ ...given, breaker: { failures: 0 } }, 'failures'],
      [{ ...given, http: { nonsense: 1 } }, 'nonsense'],
    ] as const) {
      expect(() => new Rest(options as never)).toThrow(new RegExp(field.replaceAll('.', '\\.')))
    }
  })
})
