import type { Scheme, StormAnswer, StormRequest } from './venue.js'

/**
 * The venues' limits, written from their documentation and without the code under test: counts in plain maps and logs, by the venue's
 * clock. Every refusal is remembered; going on in spite of refusals is answered with a ban, as the venues do.
 */
abstract class VenueScheme implements Scheme {
  bans = 0
  refusals = 0
  readonly #strikes = new Map<string, number[]>()
  readonly #bannedUntil = new Map<string, number>()

  abstract headers(request: StormRequest, now: number): Record<string, string>
  abstract done(body: 'executed' | 'found' | 'absent' | 'cancelled'): unknown
  abstract skewed(): StormAnswer
  abstract duplicate(): StormAnswer
  foreign(_now: number): void {}

  /** The refusal for being over a limit, or null: counted. */
  protected abstract count(request: StormRequest, now: number): StormAnswer | null
  protected abstract banned(untilMs: number, now: number): StormAnswer
  /** Refusals within a minute that bring a ban, and its length. */
  protected readonly patience: number = 3
  protected readonly banMs: number = 120_000

  admit(request: StormRequest, now: number): StormAnswer | null {
    const until = this.#bannedUntil.get(request.ip) ?? 0
    if (now < until) return this.banned(until, now)
    const refusal = this.count(request, now)
    if (refusal === null) return null
    this.refusals++
    const strikes = (this.#strikes.get(request.ip) ?? []).filter((at) => at > now - 60_000)
    strikes.push(now)
    this.#strikes.set(request.ip, strikes)
    if (strikes.length >= this.patience) {
      this.bans++
      this.#bannedUntil.set(request.ip, now + this.banMs)
    }
    return refusal
  }
}

/** Sums within windows that begin at multiples of their length. */
class Aligned {
  readonly #window: number
  #index = -1
  used = 0

  constructor(window: number) {
    this.#window = window
  }

  add(now: number, weight: number): number {
    const index = Math.floor(now / this.#window)
    if (index !== this.#index) {
      this.#index = index
      this.used = 0
    }
    this.used += weight
    return this.used
  }

  at(now: number): number {
    return this.add(now, 0)
  }

  left(now: number): number {
    return this.#window - (now % this.#window)
  }
}

/** Sums within the last so many milliseconds. */
class Rolling {
  readonly #window: number
  #log: { at: number; weight: number }[] = []

  constructor(window: number) {
    this.#window = window
  }

  at(now: number): number {
    this.#log = this.#log.filter(({ at }) => at > now - this.#window)
    return this.#log.reduce((sum, { weight }) => sum + weight, 0)
  }

  add(now: number, weight: number): void {
    this.#log.push({ at: now, weight })
  }

  /** When the oldest ceases to count. */
  get reset(): number {
    return (this.#log[0]?.at ?? 0) + this.#window
  }
}

class Keyed<T> {
  readonly #map = new Map<string, T>()
  readonly #make: () => T

  constructor(make: () => T) {
    this.#make = make
  }

  get(key: string): T {
    let value = this.#map.get(key)
    if (value === undefined) {
      value = this.#make()
      this.#map.set(key, value)
    }
    return value
  }
}

export class BinanceScheme extends VenueScheme {
  readonly #weight = new Aligned(60_000)
  readonly #orders10s = new Keyed(() => new Aligned(10_000))
  readonly #ordersDay = new Keyed(() => new Aligned(86_400_000))

  override foreign(now: number): void {
    this.#weight.add(now, 5)
  }

  override count(request: StormRequest, now: number): StormAnswer | null {
    if (this.#weight.add(now, request.weight) > 6_000) return this.#tooMuch(-1003, this.#weight.left(now))
    if (request.kind !== 'order') return null
    const [ten, day] = [this.#orders10s.get(request.account), this.#ordersDay.get(request.account)]
    if (ten.at(now) + 1 > 100) return this.#tooMuch(-1015, ten.left(now))
    if (day.at(now) + 1 > 200_000) return this.#tooMuch(-1015, day.left(now))
    ten.add(now, 1)
    day.add(now, 1)
    return null
  }

  #tooMuch(code: number, leftMs: number): StormAnswer {
    return {
      status: 429,
      body: { code, msg: 'Too many' },
      headers: { 'retry-after': String(Math.ceil(leftMs / 1_000)) },
    }
  }

  override banned(until: number): StormAnswer {
    return {
      status: 418,
      body: { code: -1003, msg: `Way too much; IP banned until ${Math.ceil(until)}.` },
      headers: {},
    }
  }

  override headers(request: StormRequest, now: number): Record<string, string> {
    const weight = { 'x-mbx-used-weight-1m': String(this.#weight.at(now)) }
    if (request.kind !== 'order') return weight
    return {
      ...weight,
      'x-mbx-order-count-10s': String(this.#orders10s.get(request.account).at(now)),
      'x-mbx-order-count-1d': String(this.#ordersDay.get(request.account).at(now)),
    }
  }

  override done(body: string): unknown {
    return { status: body }
  }
  override skewed(): StormAnswer {
    return { status: 400, body: { code: -1021, msg: 'Timestamp' }, headers: {} }
  }
  override duplicate(): StormAnswer {
    return { status: 400, body: { code: -2010, msg: 'Duplicate order sent.' }, headers: {} }
  }
}

export class BybitScheme extends VenueScheme {
  protected override readonly banMs = 600_000
  // Over the address's limit there is no second chance.
  readonly #ip = new Rolling(5_000)
  readonly #endpoint = new Keyed(() => new Rolling(1_000))

  override foreign(now: number): void {
    this.#ip.add(now, 1)
  }

  override count(request: StormRequest, now: number): StormAnswer | null {
    this.#ip.add(now, 1)
    if (this.#ip.at(now) > 600) {
      this.bans++
      return { status: 403, body: 'access too frequent', headers: {} }
    }
    const endpoint = this.#endpoint.get(`${request.account} ${request.endpoint}`)
    if (endpoint.at(now) + 1 > this.#limit(request)) {
      return { status: 200, body: { retCode: 10006, retMsg: 'Too many visits!' }, headers: {} }
    }
    endpoint.add(now, 1)
    return null
  }

  #limit(request: StormRequest): number {
    return request.kind === 'lookup' ? 50 : 10
  }

  override banned(): StormAnswer {
    return { status: 403, body: 'access too frequent', headers: {} }
  }

  override headers(request: StormRequest, now: number): Record<string, string> {
    const endpoint = this.#endpoint.get(`${request.account} ${request.endpoint}`)
    const left = this.#limit(request) - endpoint.at(now)
    return {
      'x-bapi-limit': String(this.#limit(request)),
      'x-bapi-limit-status': String(Math.max(0, left)),
      'x-bapi-limit-reset-timestamp': String(Math.ceil(left > 0 ? now : endpoint.reset)),
    }
  }

  override done(body: string): unknown {
    return { retCode: 0, retMsg: 'OK', result: { status: body } }
  }
  override skewed(): StormAnswer {
    return { status: 200, body: { retCode: 10002, retMsg: 'time' }, headers: {} }
  }
  override duplicate(): StormAnswer {
    return { status: 200, body: { retCode: 110072, retMsg: 'duplicate' }, headers: {} }
  }
}

export class OkxScheme extends VenueScheme {
  readonly #instrument = new Keyed(() => new Rolling(2_000))
  readonly #account = new Keyed(() => new Rolling(2_000))

  override count(request: StormRequest, now: number): StormAnswer | null {
    const key = `${request.account} ${request.endpoint} ${request.kind === 'lookup' ? '' : request.instrument}`
    const own = this.#instrument.get(key)
    if (own.at(now) + 1 > (request.kind === 'lookup' ? 20 : 60)) return this.#tooMany('50011')
    const account = this.#account.get(request.account)
    if (request.kind === 'order') {
      if (account.at(now) + 1 > 1_000) return this.#tooMany('50061')
      account.add(now, 1)
    }
    own.add(now, 1)
    return null
  }

  #tooMany(code: string): StormAnswer {
    return { status: code === '50011' ? 429 : 200, body: { code, msg: 'Too Many Requests' }, headers: {} }
  }
  override banned(): StormAnswer {
    return { status: 403, body: {}, headers: {} }
  }
  override headers(): Record<string, string> {
    return {}
  }
  override done(body: string): unknown {
    return { code: '0', data: [{ sCode: '0', status: body }] }
  }
  override skewed(): StormAnswer {
    return { status: 401, body: { code: '50102', msg: 'expired' }, headers: {} }
  }
  override duplicate(): StormAnswer {
    return { status: 200, body: { code: '1', data: [{ sCode: '51016', sMsg: 'exists' }] }, headers: {} }
  }
}

/** A counter that rises by what a transaction costs and falls all the time. */
class Counter {
  readonly #decay: number
  #value = 0
  #since = 0

  constructor(perSecond: number) {
    this.#decay = perSecond / 1_000
  }

  at(now: number): number {
    this.#value = Math.max(0, this.#value - Math.max(0, now - this.#since) * this.#decay)
    this.#since = Math.max(this.#since, now)
    return this.#value
  }

  add(now: number, cost: number): void {
    this.at(now)
    this.#value += cost
  }
}

/** Pro tier. Cancels cost by the age of the order, which the venue knows by when it saw the order. */
export class KrakenScheme extends VenueScheme {
  readonly #calls = new Keyed(() => new Counter(1))
  readonly #trades = new Keyed(() => new Counter(3.75))
  readonly #placed = new Map<string, number>()

  override count(request: StormRequest, now: number): StormAnswer | null {
    if (request.kind === 'lookup') {
      const calls = this.#calls.get(request.account)
      if (calls.at(now) + 1 > 20) return this.#tooMany('EAPI:Rate limit exceeded')
      calls.add(now, 1)
      return null
    }
    const cost = request.kind === 'order' ? 1 : this.#cancelCost(request.clientId, now)
    const trades = this.#trades.get(`${request.account} ${request.instrument}`)
    if (trades.at(now) + cost > 180) return this.#tooMany('EOrder:Rate limit exceeded')
    trades.add(now, cost)
    if (request.kind === 'order') this.#placed.set(request.clientId, now)
    return null
  }

  #cancelCost(id: string, now: number): number {
    const age = (now - (this.#placed.get(id) ?? Number.NEGATIVE_INFINITY)) / 1_000
    const steps = [
      [5, 8],
      [10, 6],
      [15, 5],
      [45, 4],
      [90, 2],
      [300, 1],
    ] as const
    return steps.find(([limit]) => age < limit)?.[1] ?? 0
  }

  #tooMany(error: string): StormAnswer {
    return { status: 200, body: { error: [error] }, headers: {} }
  }
  override banned(): StormAnswer {
    return { status: 200, body: { error: ['EGeneral:Temporary lockout'] }, headers: {} }
  }
  override headers(): Record<string, string> {
    return {}
  }
  override done(body: string): unknown {
    return { error: [], result: { status: body } }
  }
  override skewed(): StormAnswer {
    return { status: 200, body: { error: ['EService:Deadline elapsed'] }, headers: {} }
  }
  override duplicate(): StormAnswer {
    return { status: 200, body: { error: ['EOrder:Duplicate cl_ord_id'] }, headers: {} }
  }
}

export class CoinbaseScheme extends VenueScheme {
  readonly #second = new Keyed(() => new Rolling(1_000))

  override count(request: StormRequest, now: number): StormAnswer | null {
    const second = this.#second.get(request.account)
    if (second.at(now) + 1 > 30) {
      return { status: 429, body: { error: 'rate_limit_exceeded' }, headers: { 'retry-after': '1' } }
    }
    second.add(now, 1)
    return null
  }
  override banned(): StormAnswer {
    return { status: 429, body: { error: 'rate_limit_exceeded' }, headers: { 'retry-after': '120' } }
  }
  override headers(): Record<string, string> {
    return {}
  }
  override done(body: string): unknown {
    return { success: true, success_response: { status: body } }
  }
  override skewed(): StormAnswer {
    return { status: 401, body: 'Unauthorized', headers: {} }
  }
  override duplicate(): StormAnswer {
    return {
      status: 200,
      body: { success: false, error_response: { error: 'DUPLICATE_CLIENT_ORDER_ID' } },
      headers: {},
    }
  }
}
