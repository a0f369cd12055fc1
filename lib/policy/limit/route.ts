import { z } from 'zod'
import { parseConfig } from '../../runtime/config.js'
import { meterLayout } from './make-meter.js'
import type { MeterSpec } from './meter-spec.js'
import { keyOf, type LimitRule, type LimitScope, type RouteOptions, type RouteSpec, requestKind } from './rule.js'

/** Lower goes first. */
const priorities = { cancel: 0, amend: 1, order: 1, query: 2 } as const

/** A route under one version of a limiter's rules. */
export interface BoundRoute {
  readonly owner: object
  readonly version: number
}

/**
 * A kind of request as a limiter knows it: asked for with `limiter.route()` and handed to every call. Immutable; what it is charged is
 * looked up anew only when the rules have changed.
 */
export class Route {
  readonly spec: RouteSpec
  /** Lower goes first. */
  readonly priority: number
  /** May use what is reserved for cancels. */
  readonly privileged: boolean
  readonly weight: number
  /** What it comes down to for the limiter that uses it, filled in by that. */
  bound: BoundRoute | null = null

  constructor(spec: RouteSpec) {
    this.spec = spec
    this.priority = priorities[spec.kind]
    this.privileged = spec.kind === 'cancel'
    this.weight = spec.weight
  }
}

const text = z.string().max(256).default('')

const routeSchema = z.strictObject({
  endpoint: z.string().min(1).max(256),
  kind: requestKind.default('query'),
  account: text,
  ip: text,
  instrument: text,
  weight: z.number().min(0).max(1e12).default(1),
})

/** Routes that are remembered: as many as requests differ, unless somebody puts an order's id into an endpoint. */
const mostRoutes = 10_000

/** The routes of a limiter: the same object for the same request. */
export class RouteTable {
  readonly #routes = new Map<string, Route>()

  /** @throws ConfigError naming what is wrong. */
  get(options: RouteOptions): Route {
    const { endpoint, kind = '', account = '', ip = '', instrument = '', weight = '' } = options
    const key = `${endpoint}\n${kind}\n${account}\n${ip}\n${instrument}\n${weight}`
    let route = this.#routes.get(key)
    if (route === undefined) {
      route = new Route(Object.freeze(parseConfig('route', routeSchema, options)))
      // A forgotten route is made again; nothing is counted in it.
      if (this.#routes.size >= mostRoutes) this.#routes.clear()
      this.#routes.set(key, route)
    }
    return route
  }
}

/** What is added to a meter. */
const Charge = { weight: 0, count: 1, request: 2 } as const

/** One meter that a route is charged on. */
export interface MeterUse {
  readonly rule: LimitRule
  readonly spec: MeterSpec
  /** Key of its counts, whatever their layout. */
  readonly key: string
  /** Key of its counts in a store. */
  readonly storeKey: string
  /** Part of the limit that this route may use. */
  readonly share: number
  readonly charge: (typeof Charge)[keyof typeof Charge]
}

/** What a request of so much weight with so many orders adds to a meter. */
export function chargedAmount(use: MeterUse, weight: number, count: number): number {
  return use.charge === Charge.weight ? weight : use.charge === Charge.count ? count : 1
}

/** All meters that a route is charged on. */
export function meterUses(rules: readonly LimitRule[], route: Route): MeterUse[] {
  const uses: MeterUse[] = []
  for (const rule of rules) {
    if (!rule.only(route.spec)) continue
    const share = route.privileged ? 1 : 1 - rule.reserve
    for (const spec of rule.meters) {
      const key = `${rule.name}/${spec.name} ${keyOf(rule, route.spec)}`
      uses.push({ rule, spec, key, storeKey: `${meterLayout(spec)} ${key}`, share, charge: Charge[rule.charge] })
    }
  }
  return uses
}

/** Whom a venue shuts out for a while. */
export type GateScope = LimitScope | 'all'
export const gateScopes: readonly GateScope[] = ['all', 'ip', 'account', 'endpoint', 'instrument']

/** Key of what is closed when a venue shuts `scope` out. */
export function gateKey(scope: GateScope, route: Route): string {
  return scope === 'all' ? 'gate all' : `gate ${scope}=${route.spec[scope]}`
}
