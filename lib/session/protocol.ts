import type { Grant } from '../policy/limit/grant.js'
import type { Route } from '../policy/limit/route.js'
import type { Classifier } from '../policy/retry/outcome.js'
import type { AuthClock } from '../sign/auth.js'

/** Parameters of a request. What they may hold is up to the protocol. */
export type SessionParams = Readonly<Record<string, unknown>>

/** A message that answers a request, or the login. */
export interface SessionAnswer {
  /** The request's id; null: it answers the login, for venues that do not repeat its id. */
  readonly id: string | null
  /** As of HTTP; 200 where the venue has none. */
  readonly status: number
  /** The venue's error code, `''` when there is none. */
  readonly code: string
  readonly message: string
  /** What stands for header fields, by their names in lower case. */
  header(name: string): string | undefined
}

/** A limiter, as far as answers tell it something. */
export interface LevelObserver {
  observeLevel(route: Route, rule: string, meter: string, level: number, grant?: Grant | null): void
}

/** How requests and answers are written on a WebSocket. Pure. */
export interface SessionProtocol {
  readonly name: string
  /** What answers mean. */
  readonly classify: Classifier
  /** Fields of messages that must not be shown. */
  readonly secretFields: readonly string[]
  /** Milliseconds after it was sent during which the venue accepts a request; NaN: requests carry no such limit. */
  validMs(clock: AuthClock & { validMs(recvWindow: number): number }): number
  /**
   * A request's message. `auth` false: unsigned, where that makes a difference.
   * @throws SignError for parameters that cannot be written.
   */
  request(id: string, method: string, params: SessionParams, clock: AuthClock, auth: boolean): string
  /** The message that has to be answered before anything else is sent; null: none. */
  login(id: string, clock: AuthClock): string | null
  /**
   * Reads a message's text. Default: JSON in which integers beyond 2^53 are text.
   * @throws SyntaxError
   */
  parse?(text: string): unknown
  /** What a parsed message answers; null: it answers nothing. Never throws. */
  answer(message: unknown): SessionAnswer | null
  /** Levels of limits that an answer tells other than by what stands for headers. */
  observe?(message: unknown, limiter: LevelObserver, route: Route, grant: Grant): void
}
