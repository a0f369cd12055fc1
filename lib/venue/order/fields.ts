/** Reading of answers, which may hold anything. */
import { fieldOf, textOf } from '../../policy/venue/venue.js'
import type { OrderSide } from './order.js'

export { fieldOf, textOf }

/** `buy` and `sell` in any case; null for anything else. */
export function sideOf(value: unknown): OrderSide | null {
  const text = textOf(value).toLowerCase()
  return text === 'buy' || text === 'sell' ? text : null
}

/** Unix milliseconds out of a number or its text; NaN for anything else, and for 0, which venues write for no time at all. */
export function timeOf(value: unknown): number {
  const ms = Number(textOf(value) || Number.NaN)
  return ms > 0 ? ms : Number.NaN
}

/** A list of an answer; empty when there is none. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** A table of the venue's words, which holds nothing besides: `constructor` is no word of it. */
export function words<T>(table: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.freeze(Object.assign(Object.create(null) as Record<string, T>, table))
}

/** A number, or the number that a text is; NaN for anything else. */
export function numberOf(value: unknown): number {
  const text = textOf(value)
  return text === '' ? Number.NaN : Number(text)
}
