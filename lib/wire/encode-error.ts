import { TickwireError } from '../runtime/errors.js'

/** A message that cannot be put into the wire format. `code` is `ERR_WIRE_ENCODE`. Nothing of it was sent. */
export class EncodeError extends TickwireError {
  /** Name of the message type. */
  readonly messageType: string
  /** The field at fault: `bid`, `bids[3].price`; empty when it is the message as a whole. */
  readonly field: string

  constructor(messageType: string, field: string, problem: string) {
    super('ERR_WIRE_ENCODE', `${messageType}${field === '' ? '' : `.${field}`}: ${problem}`)
    this.messageType = messageType
    this.field = field
  }
}
