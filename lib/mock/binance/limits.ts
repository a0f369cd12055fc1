/** Counting requests as Binance does: windows that begin on the clock, bans for those who go on. */

import type { CheckedOptions } from '../options.js'
import { Refused } from './refused.js'

interface Window {
  readonly type: 'REQUEST_WEIGHT' | 'ORDERS'
  readonly interval: 'SECOND' | 'MINUTE' | 'DAY'
  readonly intervalNum: number
  readonly limit: number
  readonly ms: number
  count: number
  started: number
}

/** https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits; the figures are those of exchangeInfo. */
const weight = (limit: number): Window => window('REQUEST_WEIGHT', 'MINUTE', 1, limit, 60_000)
const orders = (): readonly Window[] => [
  window('ORDERS', 'SECOND', 10, 100, 10_000),
  window('ORDERS', 'DAY', 1, 200_000, 86_400_000),
]

function window(
  type: Window['type'],
  interval: Window['interval'],
  intervalNum: number,
  limit: number,
  ms: number,
): Window {
  return { type, interval, intervalNum, limit, ms, count: 0, started: 0 }
}

/** Requests that are refused for their weight before their sender is banned. */
const patience = 20
const longestBanMs = 259_200_000

/** Of one mock venue: all its clients come from one address. */
export class Limits {
  readonly #options: CheckedOptions
  readonly #weight: Window
  readonly #orders = new Map<string, readonly Window[]>()
  #ignored = 0
  #bannedUntil = 0
  #bans = 0

  constructor(options: CheckedOptions) {
    this.#options = options
    this.#weight = weight(options.weightPerMinute)
  }

  /** @throws Refused 429, 418 */
  charge(cost: number): void {
    const nowMs = this.#options.now()
    const retryAfter = (ms: number): object => ({ serverTime: nowMs, retryAfter: Math.ceil(nowMs + ms) })
    if (nowMs < this.#bannedUntil) {
      const until = this.#bannedUntil
      throw new Refused(
        -1003,
        `Way too much request weight used; IP banned until ${until}. Please use WebSocket Streams for live updates to avoid bans.`,
        418,
        retryAfter(until - nowMs),
      )
    }
    this.#roll(this.#weight, nowMs)
    this.#weight.count += cost
    if (!this.#options.limits || this.#weight.count <= this.#weight.limit) {
      this.#ignored = 0
      return
    }
    if (++this.#ignored > patience) {
      const { banMs, timeScale } = this.#options
      this.#bannedUntil = Math.ceil(nowMs + Math.min(longestBanMs, banMs * 2 ** this.#bans++) / timeScale)
      this.#ignored = 0
    }
    const left = this.#weight.started + this.#weight.ms / this.#options.timeScale - nowMs
    throw new Refused(
      -1003,
      `Too much request weight used; current limit is ${this.#weight.limit} request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API.`,
      429,
      retryAfter(left),
    )
  }

  /** @throws Refused 429 */
  chargeOrder(apiKey: string): void {
    const nowMs = this.#options.now()
    const windows = this.#ordersOf(apiKey)
    for (const each of windows) {
      this.#roll(each, nowMs)
      if (this.#options.limits && each.count >= each.limit)
        throw new Refused(
          -1015,
          `Too many new orders; current limit is ${each.limit} orders per ${each.intervalNum} ${each.interval}.`,
          429,
        )
    }
    for (const each of windows) each.count++
  }

  #ordersOf(apiKey: string): readonly Window[] {
    let windows = this.#orders.get(apiKey)
    if (windows === undefined) {
      windows = orders()
      this.#orders.set(apiKey, windows)
    }
    return windows
  }

  /** As answers of the WebSocket API list them; those of orders only where one was placed. */
  list(orderKey: string | null): object[] {
    const windows = orderKey === null ? [this.#weight] : [...this.#ordersOf(orderKey), this.#weight]
    return windows.map(({ type, interval, intervalNum, limit, count }) => ({
      rateLimitType: type,
      interval,
      intervalNum,
      limit,
      count,
    }))
  }

  /** As exchangeInfo lists them. */
  static rules({ weightPerMinute }: CheckedOptions): object[] {
    return [weight(weightPerMinute), ...orders()].map(({ type, interval, intervalNum, limit }) => ({
      rateLimitType: type,
      interval,
      intervalNum,
      limit,
    }))
  }

  headers(orderKey: string | null): Record<string, string> {
    const headers: Record<string, string> = {
      'x-mbx-used-weight': String(this.#weight.count),
      'x-mbx-used-weight-1m': String(this.#weight.count),
    }
    if (orderKey === null) return headers
    for (const { interval, intervalNum, count } of this.#ordersOf(orderKey))
      headers[`x-mbx-order-count-${intervalNum}${interval[0]?.toLowerCase()}`] = String(count)
    return headers
  }

  #roll(each: Window, nowMs: number): void {
    const ms = each.ms / this.#options.timeScale
    const started = Math.floor(nowMs / ms) * ms
    if (started === each.started) return
    each.started = started
    each.count = 0
  }
}
