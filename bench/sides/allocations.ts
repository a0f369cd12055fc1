import { openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { PerformanceObserver } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import { mallocSlotBytes, mallocSlots } from '../mallocs.ts'
import type { Task } from './task.ts'

export interface ThreadMallocs {
  readonly name: string
  readonly isMain: boolean
  readonly allocations: number
  readonly bytes: number
}

export interface AllocationResult {
  readonly messages: number
  /** Bytes on the JS heap per message. */
  readonly heapBytes: number
  /** Garbage collections while it was measured; bytes are only told for spans without one. */
  readonly collections: number
  readonly threads: readonly ThreadMallocs[]
}

interface Slot {
  readonly allocations: number
  readonly bytes: number
}

class Counters {
  readonly #file = openSync(process.env.TICKWIRE_MALLOC_COUNT ?? '/dev/null', 'r')
  readonly #bytes = Buffer.alloc(mallocSlots * mallocSlotBytes)

  /** By thread id. */
  read(): Map<number, Slot> {
    readSync(this.#file, this.#bytes, 0, this.#bytes.length, 0)
    const slots = new Map<number, Slot>()
    for (let at = 0; at < this.#bytes.length; at += mallocSlotBytes) {
      const thread = Number(this.#bytes.readBigUInt64LE(at))
      if (thread === 0) break
      slots.set(thread, {
        allocations: Number(this.#bytes.readBigUInt64LE(at + 8)),
        bytes: Number(this.#bytes.readBigUInt64LE(at + 16)),
      })
    }
    return slots
  }
}

function threadName(thread: number): string {
  return readdirSync('/proc/self/task').includes(String(thread))
    ? readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trim()
    : 'ended'
}

const heapUsed = (): number => getHeapStatistics().used_heap_size

/**
 * Returns what is to be called after each cycle of messages. Warms up, then measures `count` messages from the end of a cycle
 * to the end of another. The heap's growth is taken over spans of 8 cycles, and the median span counts: one with a
 * collection in it would say less than nothing. What looking costs is taken off.
 */
export function measureAllocations(task: Task, report: (result: AllocationResult) => void): () => void {
  const counters = new Counters()
  const spanCycles = 8
  const spanMessages = spanCycles * task.cycle
  const spans = Math.ceil((task.count ?? 0) / spanMessages)
  const warmUntil = performance.now() + (task.warmUpMs ?? 0)
  let collections = 0
  new PerformanceObserver((list) => {
    collections += list.getEntries().length
  }).observe({ entryTypes: ['gc'] })

  const grown = new Float64Array(spans)
  let state: 'warm' | 'measure' | 'done' = 'warm'
  let cycles = 0
  let span = 0
  let before = new Map<number, Slot>()
  let looked = 0
  let heap = 0

  /** Ends a span: the second look is the start of the next, and what it found more than the first is what one costs. */
  const look = (): void => {
    const first = heapUsed()
    const second = heapUsed()
    if (span > 0) grown[span - 1] = first - heap - (second - first)
    heap = second
  }
  /** Calls of malloc that one `look` makes on this thread. */
  const costOfLook = (): number => {
    const own = (): number => counters.read().get(process.pid)?.allocations ?? 0
    const start = own()
    const reading = own() - start
    const from = own()
    look()
    return own() - from - reading
  }

  return () => {
    if (state === 'done') return
    cycles += 1
    if (state === 'warm') {
      if (performance.now() < warmUntil) return
      state = 'measure'
      looked = costOfLook()
      cycles = 0
      collections = 0
      counters.read()
      before = counters.read()
      look()
      return
    }
    if (cycles % spanCycles !== 0) return
    span += 1
    look()
    if (span < spans) return

    const after = counters.read()
    state = 'done'
    const readingCost = counters.read()
    const threads = [...after].map(([thread, slot]): ThreadMallocs => {
      const isMain = thread === process.pid
      const reading = (readingCost.get(thread)?.allocations ?? 0) - slot.allocations
      const cost = isMain ? (spans + 1) * looked + reading : 0
      const from = before.get(thread)
      return {
        name: threadName(thread),
        isMain,
        allocations: Math.max(0, slot.allocations - (from?.allocations ?? 0) - cost),
        bytes: slot.bytes - (from?.bytes ?? 0),
      }
    })
    const whole = grown.filter((bytes) => bytes >= 0).sort()
    const heapBytes = (whole[whole.length >> 1] ?? 0) / spanMessages
    // A turn later the observer has told of every collection.
    setTimeout(() => report({ messages: spans * spanMessages, heapBytes, collections, threads }), 50)
  }
}
