/** tickwire: native market data for Node.js. */

export {
  Arbiter,
  type ArbiterOptions,
  type ArbiterStats,
  type InOrderOptions,
  type PathStats,
} from './feed/arbiter.js'
export type { ArbiterEvents, ArbiterGap } from './feed/arbiter-delivery.js'
export type { Decoder, JsonDecoder, RawDecoder, SbeDecoder } from './feed/decoder.js'
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
export type {
  Json,
  JsonOptions,
  OneOfOptions,
  SchemaLimits,
  SequenceRole,
  ShapeOptions,
  Variants,
} from './feed/json.js'
export { json } from './feed/json.js'
export type {
  BatchOptions,
  ConflateOptions,
  ConnectLimit,
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
export { DecodeError } from './feed/refusal.js'
export type { AnyRows, Message, Row, RowMeta, RowObject, Rows, Shapes } from './feed/row.js'
export type { RowOf } from './feed/row-reader.js'
export type { Admission, AuthorizeRequest, AuthorizeResult } from './hub/authorize.js'
export type { HubAddress } from './hub/endpoint.js'
export type {
  ClientMessage,
  HubEvents,
  HubLane,
  MissedRange,
  RefusalReason,
  RefusedConnection,
  SubscriberCaughtUp,
  SubscriberGone,
  SubscriberSlow,
  Subscription,
} from './hub/events.js'
export type { HubStats } from './hub/hub.js'
export { Hub } from './hub/hub.js'
export type { SubscriberLag } from './hub/lag.js'
export type {
  EndpointOptions,
  Endpoints,
  FlushOptions,
  HubDeflateOptions,
  HubHeartbeatOptions,
  HubLimits,
  HubOptions,
  HubShmOptions,
  HubTlsOptions,
  PublishOptions,
  RateLimit,
  RingOptions,
  SlowOptions,
  SlowPolicy,
  StoreOptions,
} from './hub/options.js'
export { Subscriber } from './hub/subscriber.js'
export { Topic } from './hub/topic.js'
export type { HubMessage, Snapshot, SnapshotProvider, TopicOptions } from './hub/topic-options.js'
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
export type { OrderChange, Orders } from './runtime/orders.js'
export type { FeedState, MalformedKind } from './runtime/records.js'
export type { FeedCounters, FeedStats, WireFeedStats } from './runtime/stats.js'
export type { GapCause, GapFate } from './runtime/wire-records.js'
export { ShmError } from './shm/errors.js'
export type { ShmReaderOptions, ShmWait, ShmWriterOptions } from './shm/options.js'
export type { ShmLost, ShmReaderEvents, ShmWriterBack, ShmWriterGone } from './shm/reader.js'
export { ShmReader } from './shm/reader.js'
export type { ShmFrom } from './shm/ring-reader.js'
export type { ShmSegmentInfo } from './shm/segments.js'
export { Shm } from './shm/segments.js'
export { ShmWriter } from './shm/writer.js'
export type { RowSource, RowsOptions, WireDecoder } from './wire/decoder.js'
export { EncodeError } from './wire/encode-error.js'
export { WireEncoder } from './wire/encoder.js'
export type { IntegerInput, LevelInput, SymbolNumbers } from './wire/encoding.js'
export type { OrderStatus, Side, ValueSpec, Values } from './wire/kinds.js'
export type { MessageType, WireMessage } from './wire/message-type.js'
export type {
  BookInput,
  ExchangeInput,
  ExecutionInput,
  QuoteInput,
  RawInput,
  SignalInput,
  TradeInput,
} from './wire/messages.js'
export { BookDelta, BookSnapshot, Execution, Quote, Raw, Signal, Trade } from './wire/messages.js'
export type {
  WireField,
  WireFieldOptions,
  WireInt64Options,
  WireLevelsOptions,
  WireTextOptions,
} from './wire/row-fields.js'
export type { RowShape, RowShapeOptions } from './wire/row-shape.js'
export type { DecimalInput } from './wire/scaled.js'
export type { UserField, UserFields, UserInput, UserTypeOptions } from './wire/user-type.js'
export type { Wire } from './wire/wire.js'
export { wire } from './wire/wire.js'
export type {
  Refused,
  RefusedWhy,
  Subscribed,
  WireConnection,
  WireFeedEvents,
  WireFeedItem,
  WireGap,
  WireLifeEvents,
} from './wire/wire-events.js'
export type { SubscribeOptions } from './wire/wire-feed.js'
export { WireFeed } from './wire/wire-feed.js'
export type {
  RecoverOptions,
  WireFeedDecoder,
  WireFeedOptions,
  WireFilter,
  WireHeartbeatOptions,
  WireLimitOptions,
} from './wire/wire-options.js'
