/** A request that is about to be signed. */
export interface RequestDraft {
  /** In upper case. */
  readonly method: string
  /** Host, with the port when it is not the usual one. */
  readonly host: string
  /** Without query: `/api/v3/order`. */
  readonly path: string
  /** Encoded, without `?`. */
  query: string
  /** As it will be sent. */
  body: string
  setHeader(name: string, value: string): void
}

/** The venue's clock: a `ClockOffset`. */
export interface AuthClock {
  /** Unix milliseconds, whole. */
  timestamp(): number
}

/**
 * Proves to a venue who is asking. Called for each attempt anew, so that timestamps and nonces are fresh.
 */
export interface Auth {
  readonly name: string
  /** Headers, in lower case, and query parameters that must not be shown. */
  readonly secretHeaders: readonly string[]
  readonly secretParams: readonly string[]
  /** Milliseconds for which the venue accepts what was signed; undefined: it does not say. */
  readonly recvWindow?: number | undefined
  /** @throws SignError */
  sign(draft: RequestDraft, clock: AuthClock): void
}

/** Adds a parameter to an encoded query. */
export function withParam(query: string, param: string): string {
  return query === '' ? param : `${query}&${param}`
}
