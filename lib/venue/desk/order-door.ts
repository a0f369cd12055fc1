import type { Rest } from '../../rest/rest.js'
import type { RestResponse } from '../../rest/rest-response.js'
import { exactJson } from '../../runtime/exact-json.js'
import type { SessionConnection } from '../../session/options.js'
import { OrderEntry } from '../../session/order-entry.js'
import type { SessionParams } from '../../session/protocol.js'
import { RequestSession } from '../../session/request-session.js'
import { type OrderDialect, type OrderForm, unreadable } from '../order/order-dialect.js'
import { OrderError } from '../order/order-error.js'
import type { EntryPlan } from './entry-plan.js'
import { orderErrorOf } from './rest-refusal.js'

/** Which way orders go: `auto` over the WebSocket when that is ready, else over REST; `rest` and `ws` over this one alone. */
export type EntryMode = 'rest' | 'ws' | 'auto'

/** An answer, parsed. `found`: the request's own was lost, and this is what a look-up has found. */
export interface DoorAnswer {
  readonly body: unknown
  readonly found: boolean
}

/** Between two tries to prepare, in milliseconds. */
const firstPause = 1_000
const longestPause = 30_000

/** The way to the venue: REST, and a WebSocket besides where that is wanted. Both count on the same limits. */
export class OrderDoor {
  readonly rest: Rest
  readonly session: RequestSession | null
  readonly #dialect: OrderDialect
  readonly #plan: EntryPlan | null
  readonly #mode: EntryMode
  readonly #entry: OrderEntry | null
  /** What a request over the WebSocket was made of. */
  readonly #forms = new WeakMap<SessionParams, OrderForm>()
  #prepared = true
  #preparing: Promise<void> | null = null
  #again: NodeJS.Timeout | undefined
  #soon: NodeJS.Timeout | undefined

  constructor(parts: {
    readonly rest: Rest
    readonly dialect: OrderDialect
    readonly mode: EntryMode
    readonly plan: EntryPlan | null
    readonly url: string | null
    readonly connection: SessionConnection
  }) {
    const { rest, dialect, mode, plan, url, connection } = parts
    this.rest = rest
    this.#dialect = dialect
    this.#plan = plan
    this.#mode = mode
    if (plan === null || url === null || mode === 'rest') {
      this.session = null
      this.#entry = null
      return
    }
    const { heartbeat, ...others } = connection
    const session = new RequestSession({
      url,
      protocol: plan.protocol(),
      connection: { ...others, heartbeat: { ...plan.heartbeat, ...heartbeat } },
      rest,
    })
    this.session = session
    if (plan.prepare !== undefined) {
      this.#prepared = false
      session.on('ready', () => this.#keepPrepared())
      session.on('close', () => this.#stopPreparing())
      const { prepareEveryMs } = plan
      if (prepareEveryMs !== undefined) {
        this.#again = setInterval(() => this.#keepPrepared(), prepareEveryMs)
        this.#again.unref()
      }
    }
    const toRest = (_method: string, params: SessionParams): OrderForm => this.#forms.get(params) as OrderForm
    this.#entry = new OrderEntry({ session, rest, toRest })
  }

  /** Resolves when the WebSocket can be used; at once when there is none. @throws SessionError, FeedError */
  async open(): Promise<void> {
    if (this.session === null) return
    await this.rest.ready()
    await this.session.open()
    if (!this.#prepared) await this.#prepare()
  }

  /** @throws OrderError */
  async send(form: OrderForm): Promise<DoorAnswer> {
    const written = this.#written(form)
    try {
      if (written === null) {
        const response = await this.rest.request(form.method, form.path, form.request)
        return { body: bodyOf(response), found: response.found }
      }
      const { method, params, plan, entry } = written
      const { request } = form
      const { weight, count, kind, instrument, priority, account, signal, deadline } = request
      const options = { weight, count, kind, instrument, priority, account, signal, timeout: deadline }
      // Under the name that REST counts it by: it is one limit.
      const route = request.route ?? `${form.method} ${form.path}`
      if (this.#mode === 'ws') {
        const { body } = await entry.session.request(method, params, { ...defined(options), route })
        return { body: plan.read(body, form), found: false }
      }
      const { idempotencyKey, idempotent = form.method === 'DELETE' } = request
      const result = await entry.request(method, params, { ...defined(options), route, idempotencyKey, idempotent })
      if (result.via === 'session') return { body: plan.read(result.body, form), found: false }
      return { body: bodyOf(result.response), found: result.response.found }
    } catch (error) {
      throw orderErrorOf(error, this.#dialect)
    }
  }

  /** Milliseconds after it was sent during which the venue may execute a request; NaN: it does not say. */
  get validMs(): number {
    const window = this.rest.auth?.recvWindow
    return window === undefined ? Number.NaN : this.rest.clock.validMs(window)
  }

  async close(): Promise<void> {
    this.#stopPreparing()
    await this.session?.close()
  }

  #written(form: OrderForm) {
    const [plan, entry] = [this.#plan, this.#entry]
    if (plan === null || entry === null) return null
    if (this.#prepared && plan.stale?.() === true && this.#soon === undefined) this.#keepPrepared()
    const written = this.#prepared ? plan.write(form) : null
    if (written === null) {
      // Questions, and what the venue has for REST alone, are not orders' way.
      if (this.#mode === 'ws' && (form.request.kind === 'order' || form.request.kind === 'amend')) {
        throw new OrderError('ERR_ORDER_UNSENT', 'it cannot be sent over the WebSocket')
      }
      return null
    }
    this.#forms.set(written.params, form)
    return { ...written, plan, entry }
  }

  /** Asks for what has to be known, until it is. */
  #keepPrepared(tries = 0): void {
    clearTimeout(this.#soon)
    this.#soon = undefined
    if (this.session?.ready !== true) return
    this.#prepare().catch(() => {
      // It may have been asked for by others meanwhile, or be wanted no more.
      if (this.#soon !== undefined || this.session?.ready !== true) return
      const pause = Math.min(longestPause, firstPause * 2 ** Math.min(10, tries))
      this.#soon = setTimeout(() => this.#keepPrepared(tries + 1), pause)
      this.#soon.unref()
    })
  }

  #stopPreparing(): void {
    clearInterval(this.#again)
    clearTimeout(this.#soon)
    this.#soon = undefined
  }

  /** What has to be known; asked once at a time. Until it is, REST is the way. @throws RestError */
  #prepare(): Promise<void> {
    this.#preparing ??= (async () => {
      try {
        await this.#plan?.prepare?.(this.rest)
        this.#prepared = true
      } finally {
        this.#preparing = null
      }
    })()
    return this.#preparing
  }
}

/** @throws OrderError `ERR_ORDER_UNKNOWN` for what is no JSON: it was answered, so it may have been executed. */
function bodyOf(response: RestResponse): unknown {
  try {
    return exactJson(response.text())
  } catch {
    throw unreadable()
  }
}

/** Without what is undefined, which would hide defaults. */
function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>
}
