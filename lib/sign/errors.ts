import { TickwireError } from '../runtime/errors.js'

/**
 * - `ERR_SIGN_KEY`: a key cannot be read, or is of another kind than asked for;
 * - `ERR_SIGN_VALUE`: a parameter cannot be written exactly;
 * - `ERR_SIGN_FAILED`: the signature could not be computed.
 */
export type SignErrorCode = 'ERR_SIGN_KEY' | 'ERR_SIGN_VALUE' | 'ERR_SIGN_FAILED'

/** A request could not be signed. Says nothing of the key, and carries no cause that might. */
export class SignError extends TickwireError {
  declare readonly code: SignErrorCode

  constructor(code: SignErrorCode, message: string) {
    super(code, message)
  }
}
