import type { HeartbeatOptions } from '../../feed/options.js'
import type { Rest } from '../../rest/rest.js'
import type { SessionParams, SessionProtocol } from '../../session/protocol.js'
import type { OrderForm } from '../order/order-dialect.js'

/** How requests of REST are written on a venue's WebSocket. */
export interface EntryPlan {
  readonly heartbeat?: HeartbeatOptions | undefined
  protocol(): SessionProtocol
  /** What has to be known before anything can be sent, asked whenever a connection opens. @throws RestError */
  prepare?(rest: Rest): Promise<void>
  /** Milliseconds after which `prepare` is asked again. Default: never. */
  readonly prepareEveryMs?: number | undefined
  /** What `prepare` has learnt is of no use any more: it is asked again at once, and until then orders do not go this way. Default: never. */
  stale?(): boolean
  /** The same request; null: it goes over REST alone. */
  write(form: OrderForm): { readonly method: string; readonly params: SessionParams } | null
  /** The answer, as REST would have given it. */
  read(body: unknown, form: OrderForm): unknown
}
