/** tickwire/mock: a venue on this machine that serves captures over real sockets, and trades on them. */

export { ConfigError, type ConfigIssue, TickwireError } from '../runtime/errors.js'
export type { ChaosOptions, ChaosRequest, ChaosStats, RequestFate } from './chaos.js'
export { MockError, type MockErrorCode } from './errors.js'
export type { LevelText } from './market/market-book.js'
export type { MarketOrder, MarketOrderBook, MarketOrderChange, OrderLevel } from './market/order-queues.js'
export type { CaptureSource } from './market/tape.js'
export { MockVenue } from './mock-venue.js'
export type {
  MockAccountOptions,
  MockInstrumentOptions,
  MockMaintenance,
  MockVenueName,
  MockVenueOptions,
  PlayedMessage,
} from './options.js'
export type { MockAccountState, MockVenueStats } from './state.js'
