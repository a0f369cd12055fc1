import type { VirtualTime } from '../../support/virtual-time.js'

/** A request as it arrives at a venue. */
export interface StormRequest {
  readonly kind: 'order' | 'cancel' | 'lookup'
  readonly endpoint: string
  readonly clientId: string
  readonly account: string
  readonly instrument: string
  readonly ip: string
  readonly weight: number
  /** On the venue's clock, as the client believes it to be. */
  readonly timestamp: number
  readonly recvWindow: number
}

/** What a venue answers. */
export interface StormAnswer {
  readonly status: number
  readonly body: unknown
  readonly headers: Readonly<Record<string, string>>
}

/** Limits as a venue enforces them: it counts at arrival, by its own clock, and knows nothing of the client. */
export interface Scheme {
  /** Null: accepted and counted. Otherwise the refusal, which may also be counted. */
  admit(request: StormRequest, now: number): StormAnswer | null
  /** Headers of every answer. */
  headers(request: StormRequest, now: number): Record<string, string>
  done(body: 'executed' | 'found' | 'absent' | 'cancelled'): unknown
  skewed(): StormAnswer
  duplicate(): StormAnswer
  /** Somebody else at the same address uses so much. */
  foreign(now: number): void
  readonly bans: number
  readonly refusals: number
}

/** What goes wrong on the way and behind the gateway, as shares of all requests. */
export interface Trouble {
  /** The request is lost before the venue sees it. */
  readonly lostThere: number
  /** The answer is lost after the venue has done what was asked. */
  readonly lostBack: number
  /** The answer comes after the client has stopped waiting. */
  readonly late: number
  /** The venue says that it does not know, and has executed it in half of the cases. */
  readonly internal: number
  /** The order waits inside the venue until close to the end of its validity, and is executed then. */
  readonly slow: number
}

export const noTrouble: Trouble = { lostThere: 0, lostBack: 0, late: 0, internal: 0, slow: 0 }

/** A venue behind a network: enforces its limits, executes orders once per arrival, forgets answers. */
export class Venue {
  /** How often each order was executed. */
  readonly executions = new Map<string, number>()
  readonly #open = new Set<string>()
  readonly #time: VirtualTime
  readonly #scheme: Scheme
  readonly #random: () => number
  readonly #clockAhead: () => number
  trouble: Trouble = noTrouble

  constructor(time: VirtualTime, scheme: Scheme, random: () => number, clockAhead: () => number) {
    this.#time = time
    this.#scheme = scheme
    this.#random = random
    this.#clockAhead = clockAhead
  }

  get scheme(): Scheme {
    return this.#scheme
  }

  now(): number {
    return this.#time.origin + this.#time.now() + this.#clockAhead()
  }

  /** Sends a request; `respond` is called with the answer unless it is lost. The way takes from 2 up to 90 ms. */
  send(request: StormRequest, respond: (answer: StormAnswer) => void): void {
    const { lostThere, lostBack, late } = this.trouble
    const there = 2 + this.#random() * 88
    if (this.#random() < lostThere) return
    this.#time.after(there, () => {
      this.#arrive(request, (answer) => {
        if (this.#random() < lostBack) return
        const back = this.#random() < late ? 1_200 + this.#random() * 4_000 : 2 + this.#random() * 88
        this.#time.after(back, () => respond(answer))
      })
    })
  }

  #arrive(request: StormRequest, respond: (answer: StormAnswer) => void): void {
    const now = this.now()
    const refused = this.#scheme.admit(request, now)
    if (refused !== null) {
      respond({ ...refused, headers: { ...this.#scheme.headers(request, now), ...refused.headers } })
      return
    }
    const answer = (status: number, body: unknown): void =>
      respond({ status, body, headers: this.#scheme.headers(request, this.now()) })
    if (request.kind === 'lookup') {
      answer(200, this.#scheme.done(this.executions.has(request.clientId) ? 'found' : 'absent'))
      return
    }
    if (request.kind === 'cancel') {
      this.#open.delete(request.clientId)
      answer(200, this.#scheme.done('cancelled'))
      return
    }
    if (!this.#valid(request)) {
      respond(this.#scheme.skewed())
      return
    }
    const draw = this.#random()
    const { internal, slow } = this.trouble
    if (draw < internal) {
      if (this.#random() < 0.5) this.#execute(request)
      answer(503, {})
    } else if (draw < internal + slow) {
      // Executed at the last moment at which the venue still takes it, and never answered.
      const left = request.timestamp + request.recvWindow - now
      this.#time.after(Math.max(0, left) * 0.999, () => this.#execute(request))
    } else if (this.#open.has(request.clientId)) {
      respond(this.#scheme.duplicate())
    } else {
      this.#execute(request)
      answer(200, this.#scheme.done('executed'))
    }
  }

  /** As Binance does: not more than a second ahead, not older than its window. */
  #valid({ timestamp, recvWindow }: StormRequest): boolean {
    const now = this.now()
    return timestamp < now + 1_000 && now - timestamp <= recvWindow
  }

  /** Half of the orders are filled at once: their id may then be used again, and nothing but the client prevents a second execution. */
  #execute(request: StormRequest): void {
    if (!this.#valid(request) || this.#open.has(request.clientId)) return
    this.executions.set(request.clientId, (this.executions.get(request.clientId) ?? 0) + 1)
    if (this.#random() < 0.5) this.#open.add(request.clientId)
  }
}
