import { Heap } from '../heap.js'
import type { Grant } from './grant.js'
import type { Route } from './route.js'

/** Somebody who waits for a grant. */
export interface Waiter {
  readonly route: Route
  readonly weight: number
  readonly count: number
  /** Lower goes first. */
  readonly priority: number
  /** Order of arrival. */
  readonly sequence: number
  /** On the limiter's clock. */
  readonly deadline: number
  readonly grant: Grant | null
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  /** Stops listening to an AbortSignal. */
  readonly release: () => void
  /** Granted, refused or given up. */
  settled: boolean
}

/** Those who want the same and are equally important, first come first served. */
export class Lane {
  readonly route: Route
  readonly priority: number
  /** Its head has been tried in this pass, in vain. */
  stuck = false
  #waiters: (Waiter | undefined)[] = []
  #first = 0

  constructor(route: Route, priority: number) {
    this.route = route
    this.priority = priority
  }

  push(waiter: Waiter): void {
    this.#waiters.push(waiter)
  }

  /** The first who still waits. */
  head(): Waiter | undefined {
    while (this.#first < this.#waiters.length) {
      const waiter = this.#waiters[this.#first]
      if (waiter !== undefined && !waiter.settled) {
        if (this.#first > 64 && this.#first * 2 > this.#waiters.length) this.#compact()
        return waiter
      }
      this.#waiters[this.#first++] = undefined
    }
    this.#waiters = []
    this.#first = 0
    return undefined
  }

  #compact(): void {
    this.#waiters = this.#waiters.slice(this.#first)
    this.#first = 0
  }

  /** The last who still waits. */
  last(): Waiter | undefined {
    return this.#waiters.findLast((waiter) => waiter !== undefined && !waiter.settled)
  }
}

/** All who wait: bounded, by priority, and in the order of arrival within it. */
export class WaitQueue {
  readonly #max: number
  readonly #byRoute = new Map<Route, Lane[]>()
  readonly #deadlines = new Heap<Waiter>((a, b) => a.deadline < b.deadline)
  #size = 0
  #sequence = 0

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#size
  }

  get full(): boolean {
    return this.#size >= this.#max
  }

  /** Number for the next to come. */
  next(): number {
    return this.#sequence++
  }

  push(waiter: Waiter): void {
    let lanes = this.#byRoute.get(waiter.route)
    if (lanes === undefined) {
      lanes = []
      this.#byRoute.set(waiter.route, lanes)
    }
    let lane = lanes.find(({ priority }) => priority === waiter.priority)
    if (lane === undefined) {
      lane = new Lane(waiter.route, waiter.priority)
      lanes.push(lane)
    }
    lane.push(waiter)
    this.#deadlines.push(waiter)
    this.#size++
  }

  /** It does not wait any more. False when it had ceased to already. */
  settle(waiter: Waiter): boolean {
    if (waiter.settled) return false
    waiter.settled = true
    waiter.release()
    this.#size--
    // Those who have gone stay in the heap until their deadline, or until they are the greater part of it.
    if (this.#deadlines.size > 2 * this.#size + 64) this.#deadlines.keep((other) => !other.settled)
    return true
  }

  /** The first whose deadline has passed. */
  overdue(now: number): Waiter | undefined {
    const first = this.#firstDeadline()
    return first !== undefined && first.deadline < now ? first : undefined
  }

  /** The next deadline, Infinity when nobody waits. */
  nextDeadline(): number {
    return this.#firstDeadline()?.deadline ?? Number.POSITIVE_INFINITY
  }

  /** Begins a pass over all lanes. Forgets empty ones. */
  beginPass(): void {
    for (const [route, lanes] of this.#byRoute) {
      const left = lanes.filter((lane) => lane.head() !== undefined)
      for (const lane of left) lane.stuck = false
      if (left.length === 0) this.#byRoute.delete(route)
      else if (left.length < lanes.length) this.#byRoute.set(route, left)
    }
  }

  /** Whose turn it is: of the lanes that are not stuck, the one with the most important and then longest waiting head. */
  turn(): Lane | undefined {
    let best: Lane | undefined
    let bestHead: Waiter | undefined
    for (const lanes of this.#byRoute.values()) {
      for (const lane of lanes) {
        if (lane.stuck) continue
        const head = lane.head()
        if (head === undefined || (bestHead !== undefined && !comesBefore(head, bestHead))) continue
        best = lane
        bestHead = head
      }
    }
    return best
  }

  /** Who has to go when somebody of `priority` comes and the queue is full: the last of the least important, if that is below it. */
  leastBelow(priority: number): Waiter | undefined {
    let least: Waiter | undefined
    for (const lanes of this.#byRoute.values()) {
      for (const lane of lanes) {
        if (lane.priority <= priority) continue
        const last = lane.last()
        if (last !== undefined && (least === undefined || comesBefore(least, last))) least = last
      }
    }
    return least
  }

  /** Everybody who waits. */
  all(): Waiter[] {
    return this.#deadlines.items().filter((waiter) => !waiter.settled)
  }

  #firstDeadline(): Waiter | undefined {
    for (;;) {
      const first = this.#deadlines.peek()
      if (first === undefined || !first.settled) return first
      this.#deadlines.pop()
    }
  }
}

function comesBefore(a: Waiter, b: Waiter): boolean {
  return a.priority < b.priority || (a.priority === b.priority && a.sequence < b.sequence)
}
