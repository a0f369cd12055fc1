/**
 * Policies: how requests are kept within a venue's limits, tried again, kept away from what fails, and spread over endpoints. Pure: no
 * sockets, and time and chance are handed in.
 */

export type { Listener } from '../runtime/emitter.js'
export { ConfigError, type ConfigIssue, TickwireError } from '../runtime/errors.js'
export { Balancer, type BalancerEvents, type HealthChange } from './balance/balancer.js'
export type { Admission, Endpoint, EndpointOptions } from './balance/endpoint.js'
export {
  type BalanceMode,
  type BalanceOptions,
  type BalancePolicy,
  balancePolicy,
  type HealthOptions,
} from './balance/policy.js'
export {
  Breaker,
  type BreakerChange,
  type BreakerEvents,
  type BreakerReason,
  type BreakerState,
} from './breaker/breaker.js'
export { type BreakerOptions, type BreakerPolicy, breakerPolicy } from './breaker/policy.js'
export { ClockOffset, type ClockOffsetOptions } from './clock-offset.js'
export { LimitError, type LimitErrorCode } from './limit/errors.js'
export { Grant } from './limit/grant.js'
export { parseHttpDate, parseRetryAfter } from './limit/headers.js'
export { type Blocked, Limiter, type LimiterEvents, type LimiterStats } from './limit/limiter.js'
export type { AcquireOptions, LimiterOptions, LimitQueueOptions, VenueClock } from './limit/limiter-options.js'
export type { Cells } from './limit/meter.js'
export type { MeterUsage } from './limit/meter-set.js'
export {
  type BucketSpec,
  type DecayingCounterOptions,
  decayingCounter,
  type FixedSpec,
  type FixedWindowOptions,
  fixedWindow,
  type MeterOptions,
  type MeterSpec,
  type SlidingSpec,
  type SlidingWindowOptions,
  slidingWindow,
  type TokenBucketOptions,
  tokenBucket,
} from './limit/meter-spec.js'
export { type RedisCommands, RedisLimitStore, type RedisLimitStoreOptions } from './limit/redis-store.js'
export { RemoteLimiter, type RemoteLimiterStats } from './limit/remote-limiter.js'
export type { GateScope, Route } from './limit/route.js'
export {
  type LimitRule,
  type LimitRuleOptions,
  type LimitScope,
  type RequestKind,
  type RouteOptions,
  type RouteSpec,
  weighted,
} from './limit/rule.js'
export { SharedLimitStore, type SharedLimitStoreOptions, sharedLimitBytes } from './limit/shared-store.js'
export {
  LocalLimitStore,
  type MemoryLimitStore,
  type RemoteCharge,
  type RemoteGrant,
  type RemoteLimitStore,
  type RemoteMeter,
  type RemoteObservation,
} from './limit/store.js'
export { type PolicyOptions, PolicySet } from './policy-set.js'
export type { ExponentialOptions, ReconnectPolicy, StormGuard } from './reconnect.js'
export { exponential, never } from './reconnect.js'
export { Attempts, type RetryRequest } from './retry/attempts.js'
export { RetryBudget } from './retry/budget.js'
export { bannedBy, classifyFailure, classifyStatus, httpClassifier, limitedBy } from './retry/classify.js'
export { type Decision, decide, delayOf, type GiveUpReason, type RetryContext } from './retry/decide.js'
export {
  type Answer,
  type Classifier,
  type Failure,
  type FailurePhase,
  type Outcome,
  Outcomes,
} from './retry/outcome.js'
export { type RetryBudgetOptions, type RetryOptions, type RetryPolicy, retryPolicy } from './retry/policy.js'
export { type CancelTimer, type Random, systemTime, type Time } from './time.js'
export {
  type BinanceLimitOptions,
  type BinanceRateLimit,
  binance,
  binanceRateLimits,
  observeBinanceRateLimits,
} from './venue/binance.js'
export { type BybitLimitOptions, bybit } from './venue/bybit.js'
export { type CoinbaseLimitOptions, coinbase } from './venue/coinbase.js'
export { type KrakenLimitOptions, type KrakenTier, kraken } from './venue/kraken.js'
export { type KrakenOrderAction, KrakenOrderAges, krakenOrderWeight } from './venue/kraken-order-ages.js'
export { type OkxLimitOptions, okx } from './venue/okx.js'
export {
  type CodeMeaning,
  codeClassifier,
  type VenueError,
  type VenueLimitOptions,
  type VenuePolicy,
} from './venue/venue.js'
