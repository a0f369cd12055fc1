import { RestError } from '../../rest/rest-error.js'
import { SessionError } from '../../session/session-error.js'
import type { OrderDialect } from '../order/order-dialect.js'
import { OrderError, type OrderErrorCode } from '../order/order-error.js'

/** What a failed request means for the order that it was about. What is no failure of a request is passed on as it is. */
export function orderErrorOf(error: unknown, dialect: OrderDialect): unknown {
  if (!(error instanceof RestError) && !(error instanceof SessionError)) return error
  const { mayHaveExecuted, venueCode, venueMessage, retryAfterMs } = error
  return new OrderError(codeOf(error, dialect), error.message, {
    mayHaveExecuted,
    venueCode,
    venueMessage,
    retryAfterMs,
    cause: error,
  })
}

function codeOf(error: RestError | SessionError, dialect: OrderDialect): OrderErrorCode {
  const { code, mayHaveExecuted } = error
  if (mayHaveExecuted) return 'ERR_ORDER_UNKNOWN'
  if (code.startsWith('ERR_RATE_LIMIT_')) return 'ERR_ORDER_LIMITED'
  switch (code.replace(/^ERR_(REST|SESSION)_/, '')) {
    case 'DUPLICATE':
      return 'ERR_ORDER_DUPLICATE'
    case 'LIMITED':
    case 'BANNED':
      return 'ERR_ORDER_LIMITED'
    case 'REFUSED':
      return refusalOf(error, dialect)
    default:
      return 'ERR_ORDER_UNSENT'
  }
}

function refusalOf(
  { venueCode, venueMessage, status }: RestError | SessionError,
  dialect: OrderDialect,
): OrderErrorCode {
  const code = dialect.refusal(venueCode, venueMessage)
  // A gateway in front of the venue refuses a token in a plain word, without a code (Coinbase: `Unauthorized`).
  return code === 'ERR_ORDER_REFUSED' && venueCode === '' && status === 401 ? 'ERR_ORDER_AUTH' : code
}
