/** Why and how long the venue answers nobody. Real milliseconds. */
export interface Refusal {
  readonly status: number
  readonly leftMs: number
}

interface Current {
  readonly status: number
  readonly until: number
}

/** Bans and maintenance. Of several at once the one that was begun last says why, the one that ends last how long. */
export class Outage {
  /** Those that go on, in the order in which they were begun. */
  #current: readonly Current[] = []
  #turnedAway = 0
  #down = 0
  /** What is done when the venue is back, by what it is done to. */
  readonly #waiting = new Map<string, () => void>()

  /** Requests and sockets that came while it lasted. */
  get turnedAway(): number {
    return this.#turnedAway
  }

  /** Whether the venue is down, so that nothing is traded. */
  get isDown(): boolean {
    return this.#down > 0
  }

  begin(ms: number, status: number): void {
    const now = performance.now()
    this.#current = [...this.#goingOn(now), { status, until: now + ms }]
  }

  /** One more maintenance begins. */
  down(ms: number): void {
    this.begin(ms, 503)
    this.#down++
  }

  /** True when it was the last one: what has waited for that is done. */
  up(): boolean {
    if (--this.#down > 0) return false
    for (const act of this.#waiting.values()) act()
    this.#waiting.clear()
    return true
  }

  /** Calls back once for each name, at once or when the venue is back. */
  whenUp(name: string, act: () => void): void {
    if (this.isDown) this.#waiting.set(name, act)
    else act()
  }

  /** Null: welcome. Counts who is turned away. */
  turnAway(): Refusal | null {
    const now = performance.now()
    this.#current = this.#goingOn(now)
    const last = this.#current.at(-1)
    if (last === undefined) return null
    this.#turnedAway++
    return { status: last.status, leftMs: Math.max(...this.#current.map(({ until }) => until)) - now }
  }

  #goingOn(now: number): readonly Current[] {
    return this.#current.filter(({ until }) => until > now)
  }
}
