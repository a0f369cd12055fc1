import { RestError } from '../../rest/rest-error.js'
import type { OrderDialect } from '../order/order-dialect.js'
import { OrderError, type OrderErrorCode } from '../order/order-error.js'

/** What a failed request means for the order that it was about. What is no failure of a request is passed on as it is. */
export function orderErrorOf(error: unknown, dialect: OrderDialect): unknown {
  if (!(error instanceof RestError)) return error
  const { mayHaveExecuted, venueCode, venueMessage, retryAfterMs } = error
  return new OrderError(codeOf(error, dialect), error.message, {
    mayHaveExecuted,
    venueCode,
    venueMessage,
    retryAfterMs,
    cause: error,
  })
}

function codeOf({ code, mayHaveExecuted, venueCode, venueMessage }: RestError, dialect: OrderDialect): OrderErrorCode {
  if (mayHaveExecuted) return 'ERR_ORDER_UNKNOWN'
  if (code === 'ERR_REST_DUPLICATE') return 'ERR_ORDER_DUPLICATE'
  if (code === 'ERR_REST_LIMITED' || code === 'ERR_REST_BANNED' || code.startsWith('ERR_RATE_LIMIT_')) {
    return 'ERR_ORDER_LIMITED'
  }
  return code === 'ERR_REST_REFUSED' ? dialect.refusal(venueCode, venueMessage) : 'ERR_ORDER_UNSENT'
}
