import { json } from '../../feed/json.js'
import type { Pointer } from '../../feed/pointer.js'
import { chunks } from '../market/market-feeds.js'
import type { MarketRequest, Topic } from './protocol.js'

/** A field of an answer: any short text, or nothing. */
export const answerField = (pointer: Pointer, maxBytes = 2_048) => json.text(pointer, { optional: true, maxBytes })

/** The text of a field; '' when it is not there. */
export const said = (value: unknown): string => (typeof value === 'string' ? value : '')

/** The number of a request, where the venue gives it back. */
export function requestId(value: unknown): number | null {
  const id = Number(said(value) === '' ? Number.NaN : value)
  return Number.isSafeInteger(id) ? id : null
}

/** Messages of at most so many topics each. */
export function inMessages(
  topics: readonly Topic[],
  most: number,
  first: number,
  text: (some: readonly Topic[], id: number) => string,
): MarketRequest[] {
  return chunks([...topics], most).map((some, i) => ({ id: first + i, topics: some, text: text(some, first + i) }))
}

/** By stream, for venues that have a channel per message. */
export function byStream(topics: readonly Topic[]): Topic[][] {
  const groups = new Map<string, Topic[]>()
  for (const topic of topics) {
    const group = groups.get(topic.stream)
    if (group === undefined) groups.set(topic.stream, [topic])
    else group.push(topic)
  }
  return [...groups.values()]
}
