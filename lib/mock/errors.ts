import { TickwireError } from '../runtime/errors.js'

/**
 * - `ERR_MOCK_WS_MISSING`: the package `ws`, which serves the sockets, is not installed;
 * - `ERR_MOCK_LISTEN`: the address cannot be listened on;
 * - `ERR_MOCK_CAPTURE`: the capture cannot be served: beyond `maxBytes`, or without anything of this venue;
 * - `ERR_MOCK_ACCOUNT`, `ERR_MOCK_SYMBOL`: the venue has no such account or instrument;
 * - `ERR_MOCK_ORDERS`: the venue tells of no orders of its market;
 * - `ERR_MOCK_CLOSED`: the venue is closed.
 */
export type MockErrorCode =
  | 'ERR_MOCK_WS_MISSING'
  | 'ERR_MOCK_LISTEN'
  | 'ERR_MOCK_CAPTURE'
  | 'ERR_MOCK_ACCOUNT'
  | 'ERR_MOCK_SYMBOL'
  | 'ERR_MOCK_ORDERS'
  | 'ERR_MOCK_CLOSED'

/** The mock venue itself failed. What it answers its clients is no error of this kind. */
export class MockError extends TickwireError {
  declare readonly code: MockErrorCode

  constructor(code: MockErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(code, message, options)
  }
}
