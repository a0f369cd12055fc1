import { TickwireError } from './errors.js'

/**
 * Makes a call into the core whose failures are the caller's to read: what the addon throws is a plain Error with a `code`.
 * @throws TickwireError with that code; `ERR_CHANNEL_FULL`, say: 65,535 feeds, books, hubs and the like are all that a loop takes of
 * one JS context and `wake`. Anything else as it was thrown.
 */
export function coded<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw coreError(error)
  }
}

/** What the addon threw, as the package's own class. */
export function coreError(error: unknown): unknown {
  if (error instanceof TickwireError) return error
  const { code, message } = error as { readonly code?: unknown; readonly message: string }
  return typeof code === 'string' ? new TickwireError(code, message, { cause: error }) : error
}
