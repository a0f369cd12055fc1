/** Who has subscribed what. */
export class Topics<T> {
  readonly #isServed: (topic: string) => boolean
  readonly #byTopic = new Map<string, Set<T>>()
  readonly #bySubscriber = new Map<T, Set<string>>()
  readonly #unserved = new Set<string>()

  /** @param isServed whether the tape has anything of a topic. */
  constructor(isServed: (topic: string) => boolean) {
    this.#isServed = isServed
  }

  add(subscriber: T, topics: readonly string[]): void {
    let own = this.#bySubscriber.get(subscriber)
    if (own === undefined) {
      own = new Set()
      this.#bySubscriber.set(subscriber, own)
    }
    for (const topic of topics) {
      own.add(topic)
      const wanting = this.#byTopic.get(topic)
      if (wanting === undefined) this.#byTopic.set(topic, new Set([subscriber]))
      else wanting.add(subscriber)
      if (!this.#isServed(topic) && this.#unserved.size < 10_000) this.#unserved.add(topic)
    }
  }

  remove(subscriber: T, topics: Iterable<string>): void {
    const own = this.#bySubscriber.get(subscriber)
    for (const topic of topics) {
      own?.delete(topic)
      const wanting = this.#byTopic.get(topic)
      wanting?.delete(subscriber)
      if (wanting?.size === 0) this.#byTopic.delete(topic)
    }
  }

  leave(subscriber: T): void {
    this.remove(subscriber, [...this.of(subscriber)])
    this.#bySubscriber.delete(subscriber)
  }

  of(subscriber: T): ReadonlySet<string> {
    return this.#bySubscriber.get(subscriber) ?? new Set()
  }

  wanting(topic: string): ReadonlySet<T> | undefined {
    return this.#byTopic.get(topic)
  }

  /** Topics that were asked for though the tape has nothing of them. */
  unserved(): string[] {
    return [...this.#unserved]
  }
}
