/** How what goes over connections gets to whom records it. */

/** Something that went over a feed's connection, or happened to it. */
export interface TrafficEvent {
  readonly kind: 'open' | 'close' | 'received' | 'sent'
  /** Nanoseconds on the monotonic clock; of received messages when they were read. */
  readonly timeNs: number
  readonly binary: boolean
  /** Of a close: the WebSocket close code, 0 when there was none. */
  readonly code: number
  /** The message, or the reason of a close; valid during the call only. */
  readonly data: Uint8Array
}

/** A feed as its recorder sees it. */
export interface TrafficSource {
  /** Where it connects to; may hold secrets. */
  readonly url: string
  /** Hands over what has come since, in its order; returns how many were lost because there was no room for them, ever. */
  drain(visit: (event: TrafficEvent) => void): number
}

/** What a feed tells its recorder. */
export interface TrafficSink {
  /** A message was sent by its user. */
  sent(data: string | Uint8Array): void
  /** Nothing follows. */
  end(): void
}

/** Who records traffic: a `Recorder` of `tickwire/capture`. */
export interface TrafficRecorder {
  /** Bytes that a feed keeps for it between two looks, a power of two from 64 KiB to 1 GiB. */
  readonly tapBytes: number
  attach(source: TrafficSource): TrafficSink
  /** An answer of a REST API has come. @param url may hold secrets. */
  answer(url: string, body: Uint8Array, timeNs: number): void
}

/** Whether a value is one. */
export function isTrafficRecorder(value: unknown): value is TrafficRecorder {
  const { tapBytes, attach, answer } = (
    typeof value === 'object' && value !== null ? value : {}
  ) as Partial<TrafficRecorder>
  return (
    typeof attach === 'function' &&
    typeof answer === 'function' &&
    typeof tapBytes === 'number' &&
    tapBytes >= 65_536 &&
    tapBytes <= 2 ** 30 &&
    Number.isInteger(Math.log2(tapBytes))
  )
}
