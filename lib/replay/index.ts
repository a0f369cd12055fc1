/** tickwire/replay: captures played into the API of feeds. */

export { CaptureError, type CaptureErrorCode } from '../capture/errors.js'
export { ConfigError, type ConfigIssue, TickwireError } from '../runtime/errors.js'
export type {
  ReplayConnection,
  ReplayDisconnect,
  ReplayEvents,
  ReplayLifeEvents,
  ReplayMalformed,
  ReplayStats,
} from './events.js'
export type { Moment, ReplayOptions, ReplaySource } from './options.js'
export { Replay, replay } from './replay.js'
