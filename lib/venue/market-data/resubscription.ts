import { type MarketRequest, type Topic, topicKey } from './protocol.js'

/** Topics whose subscriptions are ended and begun anew, while the two messages that do so wait for their turn. */
export class Resubscription {
  #topics: readonly Topic[]
  /** Resolves when both messages are sent, or nothing is left of them. Rejected with `fail`. */
  readonly sent: Promise<void>
  #resolve = (): void => {}
  #reject = (_error: Error): void => {}

  constructor(topics: readonly Topic[]) {
    this.#topics = topics
    this.sent = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  get topics(): readonly Topic[] {
    return this.#topics
  }

  /** This topic is not wanted any more. Returns whether none is left. */
  drop(key: string): boolean {
    this.#topics = this.#topics.filter((topic) => topicKey(topic) !== key)
    if (this.#topics.length === 0) this.#resolve()
    return this.#topics.length === 0
  }

  done(): void {
    this.#resolve()
  }

  fail(error: Error): void {
    this.#reject(error)
  }
}

/** One of the two messages: it is written when its turn comes. */
export interface WaitingAnew {
  readonly op: 'anew'
  readonly part: MarketOp
  readonly of: Resubscription
}

/** A request of one's own that waits for its turn. */
export type WaitingOwn = MarketRequest & { readonly op: MarketOp }

export type MarketOp = 'subscribe' | 'unsubscribe'
