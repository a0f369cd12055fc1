import { TickwireError } from '../../runtime/errors.js'

/** Why an order, or what was to be done to it, came to nothing. */
export type OrderErrorCode =
  /** It is not what the venue, or this package, takes; what is wrong stands in the message. */
  | 'ERR_ORDER_INVALID'
  /** The venue does not offer this. */
  | 'ERR_ORDER_UNSUPPORTED'
  /** Not enough money, or margin. */
  | 'ERR_ORDER_BALANCE'
  /** Price, size or value break the instrument's rules: steps, least and greatest, bands around the market. */
  | 'ERR_ORDER_FILTER'
  /** It would have taken, and was not to. */
  | 'ERR_ORDER_POST_ONLY'
  /** The venue knows no such order, or none that is still open. */
  | 'ERR_ORDER_NOT_FOUND'
  /** Its client id is another order's. */
  | 'ERR_ORDER_DUPLICATE'
  /** Too many orders are open, or the position would be too large. */
  | 'ERR_ORDER_CAPACITY'
  /** The instrument is unknown, or does not trade now. */
  | 'ERR_ORDER_INSTRUMENT'
  /** Key, signature or permission. */
  | 'ERR_ORDER_AUTH'
  /** Limits: ours, or the venue's. */
  | 'ERR_ORDER_LIMITED'
  /** Refused for another reason: see `venueCode`. */
  | 'ERR_ORDER_REFUSED'
  /** It may have been executed, and nobody could tell. */
  | 'ERR_ORDER_UNKNOWN'
  /** It was not sent, or the venue could not be reached: certainly not executed. */
  | 'ERR_ORDER_UNSENT'

/** What an {@link OrderError} tells besides its message. */
export interface OrderErrorDetails {
  readonly mayHaveExecuted?: boolean | undefined
  readonly venueCode?: string | undefined
  readonly venueMessage?: string | undefined
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
}

/** An order, or what was to be done to it, that came to nothing, or whose fate is open. */
export class OrderError extends TickwireError {
  declare readonly code: OrderErrorCode
  /** False is a promise: it was not executed and will not be. */
  readonly mayHaveExecuted: boolean
  /** The venue's own code, `''` when there is none. */
  readonly venueCode: string
  readonly venueMessage: string
  /** Milliseconds after which it may be tried again; NaN: not known. */
  readonly retryAfterMs: number

  constructor(code: OrderErrorCode, message: string, details: OrderErrorDetails = {}) {
    super(code, message, details.cause === undefined ? undefined : { cause: details.cause })
    this.mayHaveExecuted = details.mayHaveExecuted ?? false
    this.venueCode = details.venueCode ?? ''
    this.venueMessage = details.venueMessage ?? ''
    this.retryAfterMs = details.retryAfterMs ?? Number.NaN
  }
}

const passing: ReadonlySet<OrderErrorCode> = new Set(['ERR_ORDER_LIMITED', 'ERR_ORDER_UNSENT', 'ERR_ORDER_UNKNOWN'])

/** The venue has not said no: a question that failed like this may be answered when it is asked again. */
export function isPassing({ code }: OrderError): boolean {
  return passing.has(code)
}
