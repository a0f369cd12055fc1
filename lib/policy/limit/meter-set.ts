import type { Time } from '../time.js'
import type { Grant } from './grant.js'
import { amountOf } from './headers.js'
import { makeMeter, meterLayout, meterWords } from './make-meter.js'
import type { Cells, Meter } from './meter.js'
import {
  type BoundRoute,
  chargedAmount,
  type GateScope,
  gateKey,
  gateScopes,
  type MeterUse,
  meterUses,
  type Route,
} from './route.js'
import type { LimitRule } from './rule.js'
import type { MemoryLimitStore } from './store.js'

/** Where one meter stands. */
export interface MeterUsage {
  readonly rule: string
  readonly meter: string
  /** For whom: `account=main`. */
  readonly key: string
  readonly limit: number
  readonly used: number
}

/** What a route is charged on, under one version of the rules. */
export class Resolved implements BoundRoute {
  readonly owner: MeterSet
  readonly version: number
  readonly uses: readonly MeterUse[]
  readonly meters: readonly Meter[]
  readonly gates: readonly Cells[]
  constructor(
    owner: MeterSet,
    version: number,
    uses: readonly MeterUse[],
    meters: readonly Meter[],
    gates: readonly Cells[],
  ) {
    this.owner = owner
    this.version = version
    this.uses = uses
    this.meters = meters
    this.gates = gates
  }

  /** Whether somebody who is as important waits for one of the meters. Who may use the reserve is not behind those who may not. */
  isBehind(priority: number, privileged: boolean): boolean {
    const { pass } = this.owner
    for (let i = 0; i < this.meters.length; i++) {
      const meter = this.meters[i] as Meter
      if (meter.blockedIn === pass && (privileged ? meter.blockedPrivileged : meter.blockedPriority) <= priority)
        return true
    }
    return false
  }

  /** Somebody waits for those of the meters that are short of what it needs; `take` has just said which. */
  markBlocked(priority: number, privileged: boolean): void {
    const { pass } = this.owner
    for (let i = 0; i < this.meters.length; i++) {
      const meter = this.meters[i] as Meter
      if (!meter.short) continue
      if (meter.blockedIn !== pass) {
        meter.blockedIn = pass
        meter.blockedPriority = Number.POSITIVE_INFINITY
        meter.blockedPrivileged = Number.POSITIVE_INFINITY
      }
      meter.blockedPriority = Math.min(meter.blockedPriority, priority)
      if (privileged) meter.blockedPrivileged = Math.min(meter.blockedPrivileged, priority)
    }
  }
}

/** Meters that are kept before those at rest are let go. */
const mostAtRest = 4_096

/** The meters of one limiter, made when a route first needs them, over a store that may be shared. */
export class MeterSet {
  readonly #store: MemoryLimitStore
  readonly #time: Time
  /** From the limiter's clock to the store's. */
  readonly #skew: number
  readonly #meters = new Map<string, { meter: Meter; use: MeterUse }>()
  readonly #gates = new Map<string, Cells>()
  #rules: readonly LimitRule[]
  #version = 0
  #sweepAt = mostAtRest
  /** Number of the pass over the queue: who waits for which meter is found out anew in each. */
  pass = 0

  constructor(store: MemoryLimitStore, rules: readonly LimitRule[], time: Time) {
    this.#store = store
    this.#rules = rules
    this.#time = time
    this.#skew = Number.isNaN(store.machineOrigin) ? 0 : time.machineOrigin - store.machineOrigin
  }

  use(rules: readonly LimitRule[]): void {
    this.#rules = rules
    this.#version++
  }

  resolve(route: Route): Resolved {
    const bound = route.bound
    // A route may be handed to another limiter; each then looks it up anew.
    if (bound !== null && bound.owner === this && bound.version === this.#version) return bound as Resolved
    const resolved = this.#resolve(route)
    route.bound = resolved
    return resolved
  }

  /** 0 when granted; otherwise milliseconds, and `short` of each meter says whether it was the cause. */
  take(
    resolved: Resolved,
    limiterNow: number,
    venueNow: number,
    weight: number,
    count: number,
    grant: Grant | null,
  ): number {
    const { meters, uses, gates } = resolved
    const now = limiterNow + this.#skew
    let wait = 0
    this.#store.lock()
    for (let i = 0; i < gates.length; i++) {
      const { numbers, at } = gates[i] as Cells
      wait = Math.max(wait, (numbers[at] as number) - now)
    }
    for (let i = 0; i < meters.length; i++) {
      const meter = meters[i] as Meter
      const use = uses[i] as MeterUse
      const left = meter.room(now, venueNow, chargedAmount(use, weight, count), use.share)
      meter.short = left > 0
      if (left > wait) wait = left
    }
    if (wait === 0) {
      for (let i = 0; i < meters.length; i++) {
        const meter = meters[i] as Meter
        meter.take(now, venueNow, chargedAmount(uses[i] as MeterUse, weight, count))
        if (grant !== null) grant.marks[i] = meter.mark(now, venueNow)
      }
    }
    this.#store.unlock()
    if (wait === 0 && grant !== null) {
      grant.version = resolved.version
      grant.marks.length = meters.length
    }
    return wait
  }

  observe(
    resolved: Resolved,
    header: (name: string) => string | undefined,
    grant: Grant | null,
    venueNow: number,
  ): void {
    const now = this.#now()
    const marked = grant !== null && grant.version === resolved.version
    for (let i = 0; i < resolved.meters.length; i++) {
      const { spec } = resolved.uses[i] as MeterUse
      if (spec.usedHeader === '' && spec.remainingHeader === '' && spec.limitHeader === '') continue
      const meter = resolved.meters[i] as Meter
      const limit = amountOf(header, spec.limitHeader)
      const used = amountOf(header, spec.usedHeader)
      const remaining = amountOf(header, spec.remainingHeader)
      this.#store.lock()
      if (limit > 0) meter.observeLimit(limit)
      const level = used >= 0 ? used : remaining >= 0 ? (limit > 0 ? limit : meter.spec.limit) - remaining : -1
      if (level >= 0) meter.observe(now, venueNow, level, marked ? (grant.marks[i] as number) : Number.NaN)
      this.#store.unlock()
    }
  }

  observeLevel(
    resolved: Resolved,
    rule: string,
    name: string,
    level: number,
    grant: Grant | null,
    venueNow: number,
  ): void {
    if (!(level >= 0)) return
    const marked = grant !== null && grant.version === resolved.version
    for (let i = 0; i < resolved.meters.length; i++) {
      const use = resolved.uses[i] as MeterUse
      if (use.rule.name !== rule || use.spec.name !== name) continue
      this.#store.lock()
      const mark = marked ? (grant.marks[i] as number) : Number.NaN
      ;(resolved.meters[i] as Meter).observe(this.#now(), venueNow, level, mark)
      this.#store.unlock()
    }
  }

  block(route: Route, scope: GateScope, forMs: number): void {
    const { numbers, at } = this.#gate(gateKey(scope, route))
    const until = this.#now() + forMs
    this.#store.lock()
    if (!(forMs > 0)) numbers[at] = 0
    else if (until > (numbers[at] as number)) numbers[at] = until
    this.#store.unlock()
  }

  blockedFor(resolved: Resolved): number {
    const now = this.#now()
    let left = 0
    for (const { numbers, at } of resolved.gates) left = Math.max(left, (numbers[at] as number) - now)
    return left
  }

  usage(venueNow: number): MeterUsage[] {
    const now = this.#now()
    return [...this.#meters.values()].map(({ meter, use }) => {
      this.#store.lock()
      const used = meter.level(now, venueNow)
      this.#store.unlock()
      const key = use.key.slice(use.key.indexOf(' ') + 1)
      return { rule: use.rule.name, meter: use.spec.name, key, limit: meter.limit, used }
    })
  }

  #now(): number {
    return this.#time.now() + this.#skew
  }

  #resolve(route: Route): Resolved {
    if (this.#meters.size >= this.#sweepAt) this.#sweep()
    const uses = meterUses(this.#rules, route)
    const meters = uses.map((use) => this.#meter(use))
    const gates = gateScopes.map((scope) => this.#gate(gateKey(scope, route)))
    return new Resolved(this, this.#version, uses, meters, gates)
  }

  #meter(use: MeterUse): Meter {
    const known = this.#meters.get(use.key)
    if (known !== undefined && known.use.spec === use.spec) return known.meter
    const meter = makeMeter(use.spec, this.#store.cells(use.storeKey, meterWords(use.spec)))
    // Under another layout the new meter begins with what the old one had counted.
    if (known !== undefined && meterLayout(known.use.spec) !== meterLayout(use.spec))
      this.#carryOver(known.meter, meter)
    this.#meters.set(use.key, { meter, use })
    return meter
  }

  #carryOver(from: Meter, to: Meter): void {
    const now = this.#now()
    const venueNow = this.#time.origin + this.#time.now()
    this.#store.lock()
    const missing = from.level(now, venueNow) - to.level(now, venueNow)
    if (missing > 0) to.take(now, venueNow, missing)
    this.#store.unlock()
  }

  #gate(key: string): Cells {
    let gate = this.#gates.get(key)
    if (gate === undefined) {
      gate = this.#store.cells(key, 1)
      this.#gates.set(key, gate)
    }
    return gate
  }

  /** Lets go of meters and gates at rest: they are made anew when needed. Routes look everything up again. */
  #sweep(): void {
    const now = this.#now()
    const venueNow = this.#time.origin + this.#time.now()
    for (const [key, { meter, use }] of this.#meters) {
      this.#store.lock()
      const atRest = meter.level(now, venueNow) === 0
      this.#store.unlock()
      if (!atRest) continue
      this.#meters.delete(key)
      this.#store.forget(use.storeKey)
    }
    for (const [key, { numbers, at }] of this.#gates) {
      if ((numbers[at] as number) > now) continue
      this.#gates.delete(key)
      this.#store.forget(key)
    }
    this.#sweepAt = Math.max(mostAtRest, 2 * this.#meters.size)
    this.#version++
  }
}
