import { rows } from './decoder.js'
import { type WireFieldBuilders, wireFieldBuilders } from './row-fields.js'
import { userType } from './user-type.js'

/** The wire format: message types of one's own, and rows made of messages. */
export interface Wire extends WireFieldBuilders {
  /** A message type of one's own: see {@link userType}. */
  readonly type: typeof userType
  /** What a receiver makes rows of: see {@link rows}. */
  readonly rows: typeof rows
}

/** The wire format: message types of one's own, and rows made of messages. */
export const wire: Wire = { ...wireFieldBuilders, type: userType, rows }
