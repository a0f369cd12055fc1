/** Why and how long the venue answers nobody. Real milliseconds. */
export interface Refusal {
  readonly status: number
  readonly leftMs: number
}

/** Bans and maintenance: the one that was begun last holds. */
export class Outage {
  #status = 0
  #until = 0
  #turnedAway = 0
  #down = 0

  /** Requests and sockets that came while it lasted. */
  get turnedAway(): number {
    return this.#turnedAway
  }

  /** Whether the venue is down, so that nothing is traded. */
  get isDown(): boolean {
    return this.#down > 0
  }

  begin(ms: number, status: number): void {
    this.#status = status
    this.#until = performance.now() + ms
  }

  /** One more maintenance begins. */
  down(): void {
    this.#down++
  }

  /** True when it was the last one. */
  up(): boolean {
    return --this.#down === 0
  }

  /** Null: welcome. Counts who is turned away. */
  turnAway(): Refusal | null {
    const leftMs = this.#until - performance.now()
    if (leftMs <= 0) return null
    this.#turnedAway++
    return { status: this.#status, leftMs }
  }
}
