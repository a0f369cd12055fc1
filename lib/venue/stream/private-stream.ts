import type { Rest } from '../../rest/rest.js'
import { RestError } from '../../rest/rest-error.js'
import { TickwireError } from '../../runtime/errors.js'
import type { SessionConnection } from '../../session/options.js'
import { RequestSession } from '../../session/request-session.js'
import { SessionError } from '../../session/session-error.js'
import type { AccountEvent } from './account-events.js'
import type { StreamPlan } from './stream-plan.js'

/** Between two tries, in milliseconds: venues shut out who hammers at the door. */
const firstPause = 1_000
const longestPause = 30_000

/** Refusals in a row of a key that was taken before: perhaps the clock, perhaps the venue. From then on it counts as refused for good. */
const mostRefusals = 10

/** Who listens to a {@link PrivateStream}. */
export interface StreamSink {
  events(events: readonly AccountEvent[]): void
  /** Subscribed, and confirmed: from now on all that happens is told, what has happened before is not. */
  subscribed(): void
  /** Nothing is heard any more. It is tried again by itself unless `ended` follows. */
  lost(reason: string, error: Error | null): void
  /** Nothing will be heard again; null: that was asked for. */
  ended(error: Error | null): void
}

/**
 * The private stream of an account: connected, logged in and subscribed, again and again. It tells honestly when it hears and when it does not;
 * what happened while it did not is for others to find out.
 */
export class PrivateStream {
  readonly #plan: StreamPlan
  readonly #base: string
  readonly #rest: Rest
  readonly #connection: SessionConnection
  readonly #sink: StreamSink
  #session: RequestSession | null = null
  #read: (message: unknown) => readonly AccountEvent[] = () => []
  #hearing = false
  /** It was subscribed once: what is refused from then on may be granted another time. */
  #everHeard = false
  #closed = false
  #tries = 0
  #heardAt = Number.NaN
  /** Of this one the venue has ended what was subscribed: another follows. */
  #doomed: RequestSession | null = null
  #refusals = 0
  #retry: NodeJS.Timeout | undefined
  #keepAlive: NodeJS.Timeout | undefined
  #opening: { readonly promise: Promise<void>; resolve(): void; reject(error: Error): void } | null = null

  constructor(parts: {
    readonly plan: StreamPlan
    readonly base: string
    readonly rest: Rest
    readonly connection: SessionConnection
    readonly sink: StreamSink
  }) {
    this.#plan = parts.plan
    this.#base = parts.base
    this.#rest = parts.rest
    this.#connection = parts.connection
    this.#sink = parts.sink
  }

  /** Subscribed on a connection that stands. */
  get hearing(): boolean {
    return this.#hearing && this.#session?.ready === true
  }

  /** The connection, while there is one that is logged in. */
  get session(): RequestSession | null {
    return this.#session?.ready === true ? this.#session : null
  }

  /**
   * Resolves when it is subscribed for the first time.
   * @throws SessionError, RestError: the venue refuses the key; FeedError when the reconnect policy gives up.
   */
  open(): Promise<void> {
    if (this.#opening !== null) return this.#opening.promise
    let resolve!: () => void
    let reject!: (error: Error) => void
    const promise = new Promise<void>((yes, no) => {
      resolve = yes
      reject = no
    })
    this.#opening = { promise, resolve, reject }
    void this.#connect()
    return promise
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#end(null)
  }

  async #connect(): Promise<void> {
    const plan = this.#plan
    let url = this.#base
    if (plan.address !== undefined) {
      try {
        url = await plan.address(this.#base, this.#rest)
      } catch (error) {
        this.#failed(error)
        return
      }
    }
    if (this.#closed) return
    const { heartbeat, ...connection } = this.#connection
    const session = new RequestSession({
      url,
      protocol: plan.protocol(),
      connection: { ...connection, heartbeat: { ...plan.heartbeat, ...heartbeat } },
      rest: this.#rest,
    })
    this.#session = session
    const mine = (): boolean => this.#session === session
    session.on('ready', () => void this.#subscribe(session))
    session.on('lost', ({ reason }) => {
      if (mine()) this.#lose(reason, null)
    })
    session.on('login', ({ error }) => {
      if (mine()) this.#sink.lost('login', error)
    })
    session.on('message', (message) => {
      if (mine()) this.#hear(message)
    })
    session.on('close', (error) => {
      if (!mine() || this.#closed) return
      // A login that was refused ends the session; one that closed by itself was closed by the venue.
      if (this.#everHeard && (error === null || error instanceof SessionError)) {
        this.#failed(error ?? new TickwireError('ERR_NOT_OPEN', 'the venue closed the stream'))
      } else this.#end(error ?? new TickwireError('ERR_NOT_OPEN', 'the venue closed the stream'))
    })
    session.open().catch(() => {})
  }

  async #subscribe(session: RequestSession): Promise<void> {
    const { epoch } = session
    this.#read = this.#plan.reader()
    try {
      await this.#plan.subscribe(session, this.#rest)
    } catch (error) {
      if (session === this.#session && session.epoch === epoch) this.#failed(error)
      return
    }
    if (session !== this.#session || session.epoch !== epoch || !session.ready || session === this.#doomed) return
    clearTimeout(this.#retry)
    this.#hearing = true
    this.#everHeard = true
    this.#heardAt = performance.now()
    this.#refusals = 0
    this.#keep()
    this.#sink.subscribed()
    this.#opening?.resolve()
  }

  #hear(message: unknown): void {
    const events = this.#read(message)
    const told = events.filter(({ type }) => type !== 'renew' && type !== 'readdress' && type !== 'ended')
    if (told.length > 0) this.#sink.events(told)
    const ended = events.find((event) => event.type === 'ended')
    if (ended !== undefined) {
      this.#doomed = this.#session
      this.#failed(new TickwireError('ERR_SESSION_LOST', ended.reason))
    } else if (events.some(({ type }) => type === 'readdress')) this.#startOver('the address has expired')
    else if (events.some(({ type }) => type === 'renew')) {
      this.#lose('the venue ends the connection', null)
      this.#session?.reconnect()
    }
  }

  /** Something on the way to being subscribed went wrong. */
  #failed(thrown: unknown): void {
    if (this.#closed) return
    const error = thrown instanceof Error ? thrown : new TickwireError('ERR_SESSION_LOST', 'it could not be subscribed')
    // The connection was lost: another is under way already.
    if (error instanceof SessionError && (error.code === 'ERR_SESSION_LOST' || error.code === 'ERR_NOT_OPEN')) return
    const refused = refusedForGood(error)
    this.#refusals = refused ? this.#refusals + 1 : 0
    if (refused && (!this.#everHeard || this.#refusals >= mostRefusals)) {
      this.#end(error)
      return
    }
    this.#lose('not subscribed', error)
    const pause = Math.min(longestPause, firstPause * 2 ** Math.min(10, this.#tries++))
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => this.#startOver(null), pause)
  }

  /** With another connection, and another address where that changes. */
  #startOver(reason: string | null): void {
    if (this.#closed) return
    if (reason !== null) this.#lose(reason, null)
    const session = this.#session
    this.#session = null
    void session?.close().catch(() => {})
    void this.#connect()
  }

  #lose(reason: string, error: Error | null): void {
    clearInterval(this.#keepAlive)
    // What holds no longer than a pause is no reason to try sooner the next time.
    if (this.#hearing && performance.now() - this.#heardAt > longestPause) this.#tries = 0
    this.#hearing = false
    this.#sink.lost(reason, error)
  }

  #keep(): void {
    const { keepAlive } = this.#plan
    clearInterval(this.#keepAlive)
    if (keepAlive === undefined) return
    const run = (): void => {
      keepAlive.run(this.#rest).catch((error: unknown) => {
        // The venue does not know the address any more; a venue that is not reached is asked again the next time.
        if (refusedForGood(error)) this.#startOver('the stream could not be kept alive')
      })
    }
    this.#keepAlive = setInterval(run, keepAlive.everyMs)
    this.#keepAlive.unref()
  }

  #end(error: Error | null): void {
    this.#closed = true
    this.#hearing = false
    clearTimeout(this.#retry)
    clearInterval(this.#keepAlive)
    const session = this.#session
    this.#session = null
    void session?.close().catch(() => {})
    const { promise, reject } = this.#opening ?? {}
    // One that is settled already does not mind.
    promise?.catch(() => {})
    reject?.(error ?? new TickwireError('ERR_ABORTED', 'closed before it was open'))
    this.#sink.ended(error)
  }
}

/** The venue said no, and will say so again. */
function refusedForGood(error: unknown): boolean {
  if (error instanceof SessionError) return error.code === 'ERR_SESSION_REFUSED' || error.code === 'ERR_SESSION_LOGIN'
  return error instanceof RestError && error.code === 'ERR_REST_REFUSED'
}
