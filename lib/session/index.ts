/** tickwire/session: requests and answers over WebSockets, and order entry that falls back to REST. */

export type { SessionConnection, SessionOptions, SessionRequest } from './options.js'
export {
  OrderEntry,
  type OrderEntryEvents,
  type OrderEntryOptions,
  type OrderRequest,
  type OrderResult,
  type RestForm,
} from './order-entry.js'
export type { LevelObserver, SessionAnswer, SessionParams, SessionProtocol } from './protocol.js'
export { RequestSession, type SessionEvents, type SessionResponse, type SessionStats } from './request-session.js'
export { SessionError, type SessionErrorDetails } from './session-error.js'
export { type BinanceSessionOptions, binanceSession, bybitSession, okxSession } from './venues.js'
