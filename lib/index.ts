/** tickwire: native market data for Node.js. */

export type { Decoder, JsonDecoder, RawDecoder } from './feed/decoder.js'
export { bytes, text } from './feed/decoder.js'
export type {
  ConnectionInfo,
  FeedEvents,
  FeedItem,
  FeedLifeEvents,
  Gap,
  Malformed,
  Pong,
  StateChange,
} from './feed/events.js'
export { Feed } from './feed/feed.js'
export type { Field, FieldOptions, Fields, Int64Options, LevelsOptions, TextOptions } from './feed/field.js'
export type { Json, JsonOptions, OneOfOptions, SchemaLimits, ShapeOptions, Variants } from './feed/json.js'
export { json } from './feed/json.js'
export type {
  BatchOptions,
  ConflateOptions,
  DeflateOptions,
  Expectation,
  FeedOptions,
  HeartbeatOptions,
  LimitOptions,
  Overflow,
  QueueOptions,
  SampleOptions,
  TimeoutOptions,
} from './feed/options.js'
export type { Pointer } from './feed/pointer.js'
export type { AnyRows, Message, Row, RowMeta, RowObject, Rows, Shapes } from './feed/row.js'
export { AddonLoadError } from './native/loader.js'
export type { ExponentialOptions, ReconnectPolicy, StormGuard } from './policy/reconnect.js'
export { exponential, never } from './policy/reconnect.js'
export type { WakeMode } from './runtime/channel.js'
export type { SocketOptions, TlsOptions } from './runtime/connect-options.js'
export { Decimal } from './runtime/decimal.js'
export type { ConfigIssue, FeedPhase } from './runtime/errors.js'
export { ConfigError, FeedError, TickwireError } from './runtime/errors.js'
export type { LatencySnapshot } from './runtime/histogram.js'
export type { ExactLevels, Level, Levels } from './runtime/levels.js'
export type { LoopMode, LoopOptions } from './runtime/loop.js'
export { Loop } from './runtime/loop.js'
export type { FeedState, MalformedKind } from './runtime/records.js'
export type { FeedCounters, FeedStats } from './runtime/stats.js'
