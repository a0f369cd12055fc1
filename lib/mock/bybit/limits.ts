import type { CheckedOptions } from '../options.js'
import { Refused } from './refused.js'

/** How much of a second's requests is used. */
interface Second {
  at: number
  used: number
}

/** Counts requests per account and kind in seconds: https://bybit-exchange.github.io/docs/v5/rate-limit */
export class Limits {
  readonly #options: CheckedOptions
  readonly #seconds = new Map<string, Second>()

  constructor(options: CheckedOptions) {
    this.#options = options
  }

  /** Headers that say what is left. @throws Refused 10006, which has them too. */
  charge(apiKey: string, name: string, perSecond: number): Record<string, string> {
    const nowMs = Math.floor(this.#options.now())
    const at = Math.floor(nowMs / 1_000)
    const key = `${apiKey} ${name}`
    let second = this.#seconds.get(key)
    if (second === undefined) {
      second = { at, used: 0 }
      this.#seconds.set(key, second)
    }
    if (second.at !== at) Object.assign(second, { at, used: 0 })
    if (this.#options.limits && second.used >= perSecond)
      throw new Refused(10006, 'Too many visits. Exceeded the API Rate Limit.')
    second.used++
    return {
      'X-Bapi-Limit': String(perSecond),
      'X-Bapi-Limit-Status': String(Math.max(0, perSecond - second.used)),
      'X-Bapi-Limit-Reset-Timestamp': String(second.used >= perSecond ? (at + 1) * 1_000 : nowMs),
    }
  }
}
