import type { CaptureRecord } from '../capture/record.js'

/** A record with its time since 1970 and the number of its capture. */
export interface Timed {
  readonly unixNs: bigint
  readonly source: number
  readonly record: CaptureRecord
  /** Its place in its capture: of records with equal times, the first to be read is the first. */
  readonly order: number
}

const before = (a: Timed, b: Timed): boolean =>
  a.unixNs < b.unixNs ||
  (a.unixNs === b.unixNs && (a.source < b.source || (a.source === b.source && a.order < b.order)))

/** A binary heap, the earliest on top. */
class Heap {
  readonly #items: Timed[] = []

  get size(): number {
    return this.#items.length
  }

  get top(): Timed | undefined {
    return this.#items[0]
  }

  push(item: Timed): void {
    const items = this.#items
    let at = items.length
    items.push(item)
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (!before(item, items[parent] as Timed)) break
      items[at] = items[parent] as Timed
      at = parent
    }
    items[at] = item
  }

  pop(): Timed | undefined {
    const items = this.#items
    const top = items[0]
    const last = items.pop()
    if (top === undefined || last === undefined || items.length === 0) return top
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= items.length) break
      if (child + 1 < items.length && before(items[child + 1] as Timed, items[child] as Timed)) child++
      if (!before(items[child] as Timed, last)) break
      items[at] = items[child] as Timed
      at = child
    }
    items[at] = last
    return top
  }
}

/** Something that gives records and says how far their times are from 1970. */
export interface RecordSource extends AsyncIterable<CaptureRecord> {
  readonly unixOffsetNs?: bigint
  /** Several at a time. */
  pieces?(): AsyncIterable<readonly CaptureRecord[]>
}

/** Records that are held back at most to be brought into order. */
const maxHeld = 100_000

/**
 * The records of all captures in the order of their times. Within a capture they may be out of order by `windowNs`: connections are written in
 * turns. What is later than that comes late. Pieces, so that nobody waits for a promise per record.
 */
export async function* ordered(sources: readonly RecordSource[], windowNs: bigint): AsyncGenerator<readonly Timed[]> {
  const heap = new Heap()
  const readers = sources.map((source, at) => ({
    source,
    at,
    iterator: piecesOf(source)[Symbol.asyncIterator](),
    newest: null as bigint | null,
    isDone: false,
    read: 0,
  }))
  try {
    for (;;) {
      // Whoever is furthest behind is read on: nothing can be given out before it has been heard.
      let behind: (typeof readers)[number] | null = null
      for (const reader of readers) {
        if (reader.isDone) continue
        if (behind === null || reader.newest === null || (behind.newest !== null && reader.newest < behind.newest))
          behind = reader
        if (reader.newest === null) break
      }
      if (behind === null) break
      const { value, done } = await behind.iterator.next()
      if (done === true) behind.isDone = true
      else {
        const offsetNs = behind.source.unixOffsetNs ?? 0n
        for (const record of value) {
          const unixNs = record.timeNs + offsetNs
          if (behind.newest === null || unixNs > behind.newest) behind.newest = unixNs
          heap.push({ unixNs, source: behind.at, record, order: behind.read++ })
        }
      }
      let heard: bigint | null = null
      for (const { isDone, newest } of readers) {
        if (isDone) continue
        if (newest === null) {
          heard = null
          break
        }
        if (heard === null || newest < heard) heard = newest
      }
      const piece: Timed[] = []
      while (heap.top !== undefined && heard !== null && (heap.top.unixNs < heard - windowNs || heap.size > maxHeld))
        piece.push(heap.pop() as Timed)
      if (piece.length > 0) yield piece
    }
    const rest: Timed[] = []
    for (let item = heap.pop(); item !== undefined; item = heap.pop()) rest.push(item)
    if (rest.length > 0) yield rest
  } finally {
    for (const { iterator } of readers) await iterator.return?.(undefined)
  }
}

function piecesOf(source: RecordSource): AsyncIterable<readonly CaptureRecord[]> {
  return source.pieces?.() ?? one(source)
}

async function* one(source: RecordSource): AsyncGenerator<readonly CaptureRecord[]> {
  for await (const record of source) yield [record]
}
