/** tickwire/venue: what all venues have in common. Each of them is imported by itself: `tickwire/venue/binance`. */

export { exactJson } from '../runtime/exact-json.js'
export type { BackoffOptions } from './book/backoff.js'
export type { VenueBookFetch, VenueBookPlan, VenueBookStream } from './book/plan.js'
export type { BookSend } from './book/sender.js'
export { VenueBooks, type VenueBooksOptions } from './book/venue-books.js'
export type { DeadMan, DeadManOptions } from './desk/dead-man.js'
export { Desk } from './desk/desk.js'
export type { DeadManEvent, DeskEvents, DeskState, FillEvent, OrderEvent, StreamEvent } from './desk/desk-events.js'
export type { DeskOptions } from './desk/desk-options.js'
export type { EntryMode } from './desk/order-door.js'
export {
  chunks,
  type MarketFeed,
  type MarketLimits,
  type MarketOptions,
  type MarketPlan,
  type MarketStream,
  marketFeeds,
} from './market/market-feeds.js'
export { answerField, byStream, inMessages, requestId, said } from './market-data/answer-fields.js'
export {
  MarketDataError,
  type MarketDataEvents,
  type MarketDataStats,
  type MarketGap,
  type MarketOutage,
  type MarketPathEvent,
  type MarketRollover,
  type MarketSocketInfo,
  type MarketState,
} from './market-data/events.js'
export { MarketData } from './market-data/market-data.js'
export type { MarketDataOptions, MarketPath } from './market-data/options.js'
export type { AnswerRow, MarketAnswer, MarketProtocol, MarketRequest, Topic } from './market-data/protocol.js'
export { compareDecimals, subtractDecimals } from './order/decimal-text.js'
export type {
  OrderAmend,
  OrderRef,
  OrderRequest,
  OrderSide,
  OrderStatus,
  OrderType,
  OrderUpdate,
  TimeInForce,
} from './order/order.js'
export type { CancelResult, OrderDialect, OrderForm, OrderPage } from './order/order-dialect.js'
export { OrderError, type OrderErrorCode, type OrderErrorDetails } from './order/order-error.js'
export { type OrderChange, OrderTrack, type TrackedStatus } from './order/order-track.js'
export type { AccountEvent, BalanceUpdate, Fill, PositionUpdate } from './stream/account-events.js'
export {
  keyOrNone,
  type VenueProfile,
  type VenueRestOptions,
  type VenueRestPlan,
  venueRest,
} from './venue-rest.js'
