/** What a capture holds. */

interface Timed {
  /**
   * Nanoseconds, 0…2^63-1, on the clock of the capture: with `unixOffsetNs` of its reader added, since 1970. Need not
   * rise from record to record.
   */
  readonly timeNs: bigint
}

interface OfConnection extends Timed {
  /** Number of the connection, 0…2^32-1, as its `open` has given it. */
  readonly connection: number
}

/** A connection was opened. */
export interface OpenRecord extends OfConnection {
  readonly type: 'open'
  readonly url: string
}

/** A connection has ended. */
export interface CloseRecord extends OfConnection {
  readonly type: 'close'
  /** WebSocket close code, 0…65,535; 0 when there was none. */
  readonly code: number
  readonly reason: string
}

/** A message that came, or one that was sent, byte for byte as it was after inflation and unmasking. */
export interface MessageRecord extends OfConnection {
  readonly type: 'received' | 'sent'
  /** Whether it was a binary message; else text. */
  readonly binary: boolean
  readonly data: Uint8Array
}

/** The body of a REST answer. */
export interface AnswerRecord extends Timed {
  readonly type: 'answer'
  readonly url: string
  readonly data: Uint8Array
}

/** Records that the writer had no room for at this place. */
export interface LostRecord extends Timed {
  readonly type: 'lost'
  /** How many, 1…2^53-1. */
  readonly count: number
}

export type CaptureRecord = OpenRecord | CloseRecord | MessageRecord | AnswerRecord | LostRecord
