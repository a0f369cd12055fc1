import { z } from 'zod'
import { configFault, parseConfig } from '../../runtime/config.js'
import { type MeterSpec, meterSpecSchema } from './meter-spec.js'

/** What a request does. Decides what it is charged for, its usual priority, and whether it may use the reserve. */
export type RequestKind = 'query' | 'order' | 'amend' | 'cancel'

/** What a venue may count separately. */
export type LimitScope = 'ip' | 'account' | 'endpoint' | 'instrument'

/** A kind of request as the limits see it; requests that agree in all of this share one {@link Route}. */
export interface RouteOptions {
  /** Method and path, or the name of the WebSocket method: `'POST /api/v3/order'`. */
  readonly endpoint: string
  /** Default `'query'`. */
  readonly kind?: RequestKind | undefined
  /** Who asks: an account's or sub-account's name, never its key. Default `''`. */
  readonly account?: string | undefined
  /** Local address that the request leaves from. Default `''`. */
  readonly ip?: string | undefined
  /** Instrument or pair. Default `''`. */
  readonly instrument?: string | undefined
  /** What the request weighs unless its grant says otherwise, 0…1e12. Default 1. */
  readonly weight?: number | undefined
}

/** {@link RouteOptions} with its defaults filled in. */
export type RouteSpec = { readonly [K in keyof RouteOptions]-?: Exclude<RouteOptions[K], undefined> }

/** Options of {@link weighted}. */
export interface LimitRuleOptions {
  /** Unique among the rules of a limiter, up to 64 characters. Counts carry over to a rule of the same name. */
  readonly name: string
  /** What is counted: one or several of {@link tokenBucket}, {@link slidingWindow}, {@link fixedWindow}, {@link decayingCounter}. */
  readonly meters: MeterSpec | readonly MeterSpec[]
  /**
   * What is counted apart: one count per address, account, endpoint, instrument, per combination of them, or per text that a function
   * makes of the route. `'all'`: one count. Default `'all'`.
   */
  readonly by?: LimitScope | 'all' | readonly LimitScope[] | ((route: RouteSpec) => string) | undefined
  /** What a request adds: its weight, the number of orders in it, or 1. Default `'weight'`. */
  readonly charge?: 'weight' | 'count' | 'request' | undefined
  /** Which requests are counted. Default: all. */
  readonly only?: readonly RequestKind[] | ((route: RouteSpec) => boolean) | undefined
  /** Share of each limit that only cancels may use, 0…0.9. Default 0. */
  readonly reserve?: number | undefined
}

/** A limit of a venue: what is counted, for whom, and how. Immutable. */
export interface LimitRule {
  readonly name: string
  readonly meters: readonly MeterSpec[]
  readonly by: readonly LimitScope[] | ((route: RouteSpec) => string)
  readonly charge: 'weight' | 'count' | 'request'
  readonly only: (route: RouteSpec) => boolean
  readonly reserve: number
}

const scope = z.enum(['ip', 'account', 'endpoint', 'instrument'])
export const requestKind = z.enum(['query', 'order', 'amend', 'cancel'])
const isFunction = z.custom<(route: RouteSpec) => never>((value) => typeof value === 'function', 'must be a function')
const most = 16

const ruleSchema = z
  .strictObject({
    name: z.string().min(1).max(64),
    meters: z.union([z.array(meterSpecSchema).min(1).max(most), meterSpecSchema]),
    by: z.union([z.literal('all'), scope, z.array(scope).min(1).max(4), isFunction]).default('all'),
    charge: z.enum(['weight', 'count', 'request']).default('weight'),
    only: z.union([z.array(requestKind).min(1), isFunction]).optional(),
    reserve: z.number().min(0).max(0.9).default(0),
  })
  .transform(({ meters, by, only, ...rule }) => ({
    ...rule,
    meters: Array.isArray(meters) ? meters : [meters],
    by: by === 'all' ? [] : typeof by === 'string' ? [by] : by,
    only: only ?? everything,
  }))

function everything(): boolean {
  return true
}

const made = new WeakSet<LimitRule>()

/** Whether {@link weighted} made it, and so has checked it. */
export function isLimitRule(rule: object): rule is LimitRule {
  return made.has(rule as LimitRule)
}

/**
 * A limit that charges requests by weight, in one window or several at once, counted per address, account, endpoint or instrument.
 * @throws ConfigError for options out of range.
 */
export function weighted(options: LimitRuleOptions): LimitRule {
  const { only, by, meters, ...rule } = parseConfig('rate limit', ruleSchema, options)
  const names = meters.map((meter) => meter.name)
  if (new Set(names).size < names.length) throw configFault('rate limit', ['meters'], 'two meters have the same name')
  const kinds = only
  const result: LimitRule = Object.freeze({
    ...rule,
    meters: Object.freeze(meters.map((meter) => Object.freeze(meter))),
    by: typeof by === 'function' ? (by as (route: RouteSpec) => string) : Object.freeze(by),
    only:
      typeof kinds === 'function'
        ? (kinds as (route: RouteSpec) => boolean)
        : (route: RouteSpec) => kinds.includes(route.kind),
  })
  made.add(result)
  return result
}

/** The text under which a rule counts a route. */
export function keyOf(rule: LimitRule, route: RouteSpec): string {
  if (typeof rule.by === 'function') return rule.by(route)
  return rule.by.map((part) => `${part}=${route[part]}`).join('|')
}
