/**
 * Thousands of orders over real sockets to two gateways of one venue, which cut connections before and after executing, stall, answer 5xx,
 * and execute late. The venue counts requests by its own clock and bans who does not keep to its limit. 0 bans, 0 orders executed twice, and
 * each is accounted for as what it was.
 */
import type { RequestListener } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { binance } from '../../dist/esm/policy/index.js'
import { exponential, fixedWindow, type Lookup, type RestError, weighted } from '../../dist/esm/rest/index.js'
import { BinanceAuth } from '../../dist/esm/sign/index.js'
import { answer, chance, cleanUp, type Kind, rest, trust, VenueServer } from './venue-server.ts'

afterEach(cleanUp)

const recvWindow = 400
const limit = 1_500
const windowMs = 1_000

class StormVenue {
  readonly executions = new Map<string, number>()
  bans = 0
  refusals = 0
  trouble = true
  readonly #random: () => number
  #window = -1
  #used = 0

  constructor(random: () => number) {
    this.#random = random
  }

  readonly handler: RequestListener = (request, response) => {
    const url = new URL(request.url ?? '', 'http://x')
    const now = Date.now()
    const window = Math.floor(now / windowMs)
    if (window !== this.#window) {
      this.#window = window
      this.#used = 0
    }
    this.#used++
    if (this.#used > limit) {
      this.refusals++
      // Who goes on in spite of refusals is shut out.
      if (this.#used > limit + 3) this.bans++
      answer(this.#used > limit + 3 ? 418 : 429, { code: -1003, msg: 'Too much request weight used.' })(
        request,
        response,
      )
      return
    }
    const headers = { 'x-used': String(this.#used) }
    const id = url.searchParams.get('newClientOrderId') ?? url.searchParams.get('origClientOrderId') ?? ''
    if (request.method === 'GET') {
      const found = this.executions.has(id)
      answer(
        found ? 200 : 400,
        found ? { status: 'NEW', id } : { code: -2013, msg: 'Order does not exist.' },
        headers,
      )(request, response)
      return
    }
    this.#order(id, Number(url.searchParams.get('timestamp')), request, response, headers)
  }

  #order(
    id: string,
    timestamp: number,
    ...[request, response, headers]: [...Parameters<RequestListener>, Record<string, string>]
  ): void {
    /** Whether it did: what comes after its time is not executed, however it came about. */
    const execute = (): boolean => {
      if (Date.now() - timestamp > recvWindow) return false
      this.executions.set(id, (this.executions.get(id) ?? 0) + 1)
      return true
    }
    const cut = (): void => void request.socket.destroy()
    const done = (): void => answer(200, { id }, headers)(request, response)
    const late = (): void => answer(400, { code: -1021, msg: 'outside of the recvWindow' }, headers)(request, response)
    const draw = this.trouble ? this.#random() : 1
    if (draw < 0.01) cut()
    else if (draw < 0.02) {
      execute()
      cut()
    } else if (draw < 0.03) {
      if (this.#random() < 0.5) execute()
      answer(503, {}, headers)(request, response)
    } else if (draw < 0.035) {
      // At the last moment, and without an answer in time.
      const inMs = timestamp + recvWindow * 0.9 - Date.now()
      setTimeout(() => (execute() ? setTimeout(done, recvWindow) : late()), inMs)
    } else if (draw < 0.04) {
      // Stalls in the middle of its answer.
      if (execute()) response.writeHead(200, headers).write('{"id":')
      else late()
    } else if (execute()) done()
    else late()
  }
}

const lookup: Lookup = async ({ idempotencyKey, ask }) => {
  const response = await ask('GET', '/api/v3/order', { query: { origClientOrderId: idempotencyKey } })
  return response.ok ? { found: response } : 'absent'
}

describe.each([
  ['http', 4_000],
  ['http2', 2_000],
] as const)('an order storm over %s', (kind: Kind, orders) => {
  it('brings no ban and no double, and loses nothing', { timeout: 60_000 }, async () => {
    const venue = new StormVenue(chance(7))
    const gateways = [await VenueServer.start(venue.handler, kind), await VenueServer.start(venue.handler, kind)]
    const client = rest({
      endpoints: gateways.map(({ origin }) => origin),
      balance: { mode: 'roundRobin', health: { eject: 20, maxEject: 50 } },
      venue: binance,
      auth: new BinanceAuth({ apiKey: 'key', secret: 'secret', recvWindow }),
      // The rule leaves room for what is under way when a window ends.
      limits: [
        weighted({
          name: 'requests',
          meters: fixedWindow({ limit, window: windowMs, usedHeader: 'x-used', margin: 150 }),
        }),
      ],
      queue: { max: 100_000, wait: 60_000 },
      retry: {
        backoff: exponential({ first: 2, max: 50, retries: 8 }),
        budget: false,
        visibleAfter: 20,
        deadline: 60_000,
      },
      breaker: { failures: 20, open: 20, maxOpen: 50 },
      lookup,
      http: { ...(kind === 'http' ? {} : trust), timeouts: { head: 500, body: 100 }, limits: { queue: 10_000 } },
    })
    const verdicts = new Map<string, 'executed' | 'notExecuted' | 'unresolved'>()
    let found = 0
    let next = 0
    const work = async (): Promise<void> => {
      while (next < orders) {
        const id = `o${next++}`
        try {
          const response = await client.post('/api/v3/order', { query: { newClientOrderId: id }, idempotencyKey: id })
          if (response.found) found++
          verdicts.set(id, 'executed')
        } catch (error) {
          verdicts.set(id, (error as RestError).mayHaveExecuted ? 'unresolved' : 'notExecuted')
        }
      }
    }
    await Promise.all(Array.from({ length: 64 }, work))
    expect(verdicts.size).toBe(orders)
    expect(venue.bans).toBe(0)
    expect(venue.refusals).toBe(0)
    expect(Math.max(...venue.executions.values())).toBe(1)
    for (const [id, verdict] of verdicts) {
      expect(verdict).not.toBe('unresolved')
      expect(venue.executions.get(id) ?? 0, `${id} is ${verdict}`).toBe(verdict === 'executed' ? 1 : 0)
    }
    const executed = [...verdicts.values()].filter((verdict) => verdict === 'executed').length
    expect(executed).toBeGreaterThan(0.98 * orders)
    // There was something to be careful about.
    expect(found).toBeGreaterThan(orders / 200)
    const { lookups, attempts, inFlight, endpoints } = client.stats()
    expect(lookups).toBeGreaterThan(found)
    expect(attempts).toBeGreaterThan(orders + found)
    expect(inFlight).toBe(0)
    for (const { pending, picked } of endpoints) {
      expect(pending).toBe(0)
      expect(picked).toBeGreaterThan(orders / 20)
    }
  })
})
