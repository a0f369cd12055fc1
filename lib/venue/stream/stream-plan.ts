import type { HeartbeatOptions } from '../../feed/options.js'
import type { Rest } from '../../rest/rest.js'
import type { SessionProtocol } from '../../session/protocol.js'
import type { RequestSession } from '../../session/request-session.js'
import type { OrderRef } from '../order/order.js'
import type { OrderForm } from '../order/order-dialect.js'
import type { AccountEvent, Fill } from './account-events.js'

/** How a venue tells an account what becomes of its orders and money. */
export interface StreamPlan {
  readonly name: string
  /** What keeps the connection alive, and tells that it is dead. */
  readonly heartbeat?: HeartbeatOptions | undefined
  /** Whether each fill comes with its trade id. False: the stream tells how much was filled; the trades have to be asked for. */
  readonly tellsTrades: boolean
  protocol(): SessionProtocol
  /**
   * Where to connect, out of the address that was given. Default: that one.
   * @throws RestError
   */
  address?(base: string, rest: Rest): Promise<string>
  /**
   * Subscribes on a connection that is logged in. Resolves when the venue has confirmed all of it.
   * @throws SessionError, RestError
   */
  subscribe(session: RequestSession, rest: Rest): Promise<void>
  /** Reads the messages of one connection. What it returns never throws. */
  reader(): (message: unknown) => readonly AccountEvent[]
  /** What has to be done now and then for the stream to go on. */
  readonly keepAlive?: { readonly everyMs: number; run(rest: Rest): Promise<void> } | undefined
}

/** Asks for the trades of an order, over REST. `ask` resolves with the parsed body. @throws OrderError */
export type TradesOf = (ref: OrderRef, ask: (form: OrderForm) => Promise<unknown>) => Promise<readonly Fill[]>
