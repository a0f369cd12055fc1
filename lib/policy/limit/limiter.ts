import { Emitter, type Listener, throwLater } from '../../runtime/emitter.js'
import type { CancelTimer, Time } from '../time.js'
import type { LimitError, LimitErrorCode } from './errors.js'
import type { Grant } from './grant.js'
import {
  type AcquireOptions,
  checkLimiterOptions,
  checkRules,
  type LimiterOptions,
  type VenueClock,
} from './limiter-options.js'
import { MeterSet, type MeterUsage, type Resolved } from './meter-set.js'
import { checkAmounts, Refusals } from './refusals.js'
import { type GateScope, type Route, RouteTable } from './route.js'
import type { LimitRule, RouteOptions } from './rule.js'
import { LocalLimitStore, type MemoryLimitStore } from './store.js'
import { type Waiter, WaitQueue } from './wait-queue.js'

/** A venue has shut us out. */
export interface Blocked {
  readonly scope: GateScope
  readonly route: Route
  /** For how long from now, in milliseconds; 0: opened again. */
  readonly forMs: number
}

/** Events of a limiter. */
export interface LimiterEvents {
  blocked: Blocked
}

/** What a limiter has done, and where it stands. */
export interface LimiterStats {
  /** Granted, at once or after waiting. */
  readonly granted: number
  /** Of these, after waiting. */
  readonly waited: number
  readonly refused: Readonly<Record<LimitErrorCode, number>>
  /** Those who wait now. */
  readonly waiting: number
  readonly meters: readonly MeterUsage[]
}

/** Timers are set at least so far ahead, so that time passes between two tries. */
export const shortestWaitMs = 0.01

const granted: Promise<void> = Promise.resolve()

/**
 * Keeps requests within a venue's limits. A request is charged on all meters of its route, or on none and waits. Within a priority the
 * first to come is the first to go: nobody overtakes somebody who waits for a meter that both need.
 */
export class Limiter {
  readonly #time: Time
  readonly #clock: VenueClock
  readonly #meters: MeterSet
  readonly #routes = new RouteTable()
  readonly #queue: WaitQueue
  readonly #usualWait: number
  readonly #emitter = new Emitter<LimiterEvents>()
  readonly #refusals = new Refusals()
  #granted = 0
  #waited = 0
  #cancelTimer: CancelTimer | null = null
  #timerAt = Number.POSITIVE_INFINITY
  #closed = false

  /** @throws ConfigError naming every field that is wrong. */
  constructor(options: LimiterOptions<MemoryLimitStore>) {
    const { rules, queue, clock, time } = checkLimiterOptions(options)
    this.#time = time
    this.#clock = clock
    this.#meters = new MeterSet(options.store ?? new LocalLimitStore(), rules, time)
    this.#queue = new WaitQueue(queue.max)
    this.#usualWait = queue.wait
  }

  /**
   * The route of a kind of request, the same object each time.
   * @throws ConfigError naming what is wrong.
   */
  route(options: RouteOptions): Route {
    return this.#routes.get(options)
  }

  /**
   * Takes what the request needs from all its meters and returns 0, or takes nothing and returns the milliseconds after which it may be
   * tried again: Infinity when it never can be granted. Never overtakes who waits. Allocates nothing.
   * @throws LimitError `ERR_RATE_LIMIT_KEYS` when the route is new and there is no memory for its counts; `ERR_RATE_LIMIT_WEIGHT` when
   * `weight` or `count` is no number from 0.
   */
  tryAcquire(route: Route, weight: number = route.weight, count = 1, grant: Grant | null = null): number {
    checkAmounts(weight, count)
    const resolved = this.#meters.resolve(route)
    if (this.#closed) return Number.POSITIVE_INFINITY
    if (this.#queue.size > 0 && resolved.isBehind(route.priority, route.privileged)) return shortestWaitMs
    const wait = this.#take(resolved, weight, count, grant)
    if (wait === 0) this.#granted++
    return wait
  }

  /**
   * Resolves once the request is granted: at once, or when its turn has come.
   * @throws LimitError (as a rejection) when it cannot be granted in time; the signal's reason when that was aborted.
   */
  acquire(route: Route, options: AcquireOptions = {}): Promise<void> {
    const {
      weight = route.weight,
      count = 1,
      priority = route.priority,
      wait = this.#usualWait,
      grant = null,
    } = options
    const { signal } = options
    if (signal?.aborted) return Promise.reject(signal.reason)
    let resolved: Resolved
    try {
      checkAmounts(weight, count)
      checkAmounts(wait, priority)
      resolved = this.#meters.resolve(route)
    } catch (error) {
      return Promise.reject(this.#refusals.count(error))
    }
    if (this.#closed) return Promise.reject(this.#refusals.make('ERR_RATE_LIMIT_CLOSED', Number.POSITIVE_INFINITY))
    if (this.#queue.size === 0 || !resolved.isBehind(priority, route.privileged)) {
      const left = this.#take(resolved, weight, count, grant)
      if (left === 0) {
        this.#granted++
        return granted
      }
      if (left > wait) return Promise.reject(this.#hopeless(resolved, left))
    }
    return this.#wait(route, weight, count, priority, wait, grant, signal)
  }

  /**
   * Reads what an answer's headers tell about the route's limits. `header` gives the value of a header by its name in lower case, or
   * undefined; `grant` is what the request was granted with.
   */
  observe(route: Route, header: (name: string) => string | undefined, grant: Grant | null = null): void {
    this.#meters.observe(this.#meters.resolve(route), header, grant, this.#venueNow())
    if (this.#queue.size > 0) this.#pass()
  }

  /** The venue told how much of a limit is used, other than by a header. Unknown names are ignored. */
  observeLevel(route: Route, rule: string, meter: string, level: number, grant: Grant | null = null): void {
    this.#meters.observeLevel(this.#meters.resolve(route), rule, meter, level, grant, this.#venueNow())
  }

  /**
   * Shuts everything out that shares `scope` with the route, for so many milliseconds from now, unless it is shut out for longer already:
   * after 429, 418 and their like. 0 ends it.
   */
  block(route: Route, scope: GateScope, forMs: number): void {
    this.#meters.block(route, scope, forMs)
    this.#emitter.slot('blocked').emit(Object.freeze({ scope, route, forMs }), throwLater)
    if (this.#queue.size > 0) this.#pass()
  }

  /** Milliseconds for which the route is still shut out; 0: it is not. */
  blockedFor(route: Route): number {
    return this.#meters.blockedFor(this.#meters.resolve(route))
  }

  /**
   * Puts other rules in force. What was used so far stays used under rules and meters of the same name. Requests that wait are judged by
   * the new rules.
   * @throws ConfigError when the rules do not go together; the old ones then stay.
   */
  use(rules: readonly LimitRule[]): void {
    this.#meters.use(checkRules(rules))
    if (this.#queue.size > 0) this.#pass()
  }

  stats(): LimiterStats {
    return {
      granted: this.#granted,
      waited: this.#waited,
      refused: this.#refusals.counts(),
      waiting: this.#queue.size,
      meters: this.#meters.usage(this.#venueNow()),
    }
  }

  /** Refuses those who wait and all who come. */
  close(): void {
    this.#closed = true
    for (const waiter of this.#queue.all()) this.#refuse(waiter, 'ERR_RATE_LIMIT_CLOSED', Number.POSITIVE_INFINITY)
    this.#setTimer(Number.POSITIVE_INFINITY)
  }

  on<K extends keyof LimiterEvents & string>(event: K, listener: Listener<LimiterEvents[K]>): this {
    this.#emitter.slot(event).add(listener)
    return this
  }

  once<K extends keyof LimiterEvents & string>(event: K, listener: Listener<LimiterEvents[K]>): this {
    this.#emitter.slot(event).addOnce(listener)
    return this
  }

  off<K extends keyof LimiterEvents & string>(event: K, listener: Listener<LimiterEvents[K]>): this {
    this.#emitter.slot(event).remove(listener)
    return this
  }

  #venueNow(): number {
    return this.#time.origin + this.#time.now() + this.#clock.ms
  }

  #take(resolved: Resolved, weight: number, count: number, grant: Grant | null): number {
    const now = this.#time.now()
    return this.#meters.take(resolved, now, this.#time.origin + now + this.#clock.ms, weight, count, grant)
  }

  #wait(
    route: Route,
    weight: number,
    count: number,
    priority: number,
    wait: number,
    grant: Grant | null,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (this.#queue.full) {
      const least = this.#queue.leastBelow(priority)
      if (least === undefined) return Promise.reject(this.#refusals.make('ERR_RATE_LIMIT_QUEUE_FULL', Number.NaN))
      this.#refuse(least, 'ERR_RATE_LIMIT_QUEUE_FULL', Number.NaN)
    }
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        if (this.#queue.settle(waiter)) reject(signal?.reason)
        this.#pass()
      }
      const waiter: Waiter = {
        route,
        weight,
        count,
        priority,
        sequence: this.#queue.next(),
        deadline: this.#time.now() + wait,
        grant,
        resolve,
        reject,
        release: () => signal?.removeEventListener('abort', abort),
        settled: false,
      }
      signal?.addEventListener('abort', abort)
      this.#queue.push(waiter)
      this.#pass()
    })
  }

  /** Grants whatever can be granted in its turn, refuses what cannot be in time, and sets the timer for the next pass. */
  #pass(): void {
    const queue = this.#queue
    const now = this.#time.now()
    for (let late = queue.overdue(now); late !== undefined; late = queue.overdue(now)) {
      this.#refuse(late, 'ERR_RATE_LIMIT_DEADLINE', Number.NaN)
    }
    this.#meters.pass++
    queue.beginPass()
    let next = Number.POSITIVE_INFINITY
    for (let lane = queue.turn(); lane !== undefined; lane = queue.turn()) {
      const left = this.#serve(lane.head() as Waiter, now)
      if (left === 0) continue
      lane.stuck = true
      next = Math.min(next, now + left)
    }
    this.#setTimer(Math.min(next, queue.nextDeadline()))
  }

  /**
   * Grants what the head of a lane needs, or refuses it when that cannot be in time: 0. Otherwise it goes on waiting: milliseconds until it
   * may be granted, Infinity when somebody who goes first waits for one of its meters.
   */
  #serve(waiter: Waiter, now: number): number {
    const { weight, count, priority, route } = waiter
    let resolved: Resolved
    try {
      resolved = this.#meters.resolve(route)
    } catch (error) {
      if (this.#queue.settle(waiter)) waiter.reject(this.#refusals.count(error))
      return 0
    }
    if (resolved.isBehind(priority, route.privileged)) return Number.POSITIVE_INFINITY
    const left = this.#take(resolved, weight, count, waiter.grant)
    if (left === 0) {
      this.#queue.settle(waiter)
      this.#granted++
      this.#waited++
      waiter.resolve()
    } else if (now + left > waiter.deadline) {
      if (this.#queue.settle(waiter)) waiter.reject(this.#hopeless(resolved, left))
      return 0
    } else {
      resolved.markBlocked(priority, route.privileged)
    }
    return left
  }

  #setTimer(at: number): void {
    if (at === this.#timerAt && this.#cancelTimer !== null) return
    this.#cancelTimer?.()
    this.#cancelTimer = null
    this.#timerAt = at
    if (at === Number.POSITIVE_INFINITY) return
    const onTime = (): void => {
      this.#cancelTimer = null
      this.#pass()
    }
    this.#cancelTimer = this.#time.after(Math.max(shortestWaitMs, at - this.#time.now()), onTime)
  }

  #refuse(waiter: Waiter, code: LimitErrorCode, retryAfterMs: number): void {
    if (this.#queue.settle(waiter)) waiter.reject(this.#refusals.make(code, retryAfterMs))
  }

  /** Why it will not be granted in time. */
  #hopeless(resolved: Resolved, left: number): LimitError {
    if (left === Number.POSITIVE_INFINITY) return this.#refusals.make('ERR_RATE_LIMIT_WEIGHT', left)
    const blocked = this.#meters.blockedFor(resolved)
    // Time has passed since `left` was computed.
    return blocked > 0 && blocked >= left - 1
      ? this.#refusals.make('ERR_RATE_LIMIT_BLOCKED', left)
      : this.#refusals.make('ERR_RATE_LIMIT_DEADLINE', left)
  }
}
