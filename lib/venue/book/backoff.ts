/** When the next attempt may be made: twice as long after each failure, drawn from the upper half. Times in milliseconds. */
export interface BackoffOptions {
  /** Before the second attempt, 1…3,600,000. Default 250. */
  readonly first?: number | undefined
  /** Longest, 1…3,600,000. Default 30,000. */
  readonly max?: number | undefined
}

/** How often one book has failed, and what follows from that. */
export class Backoff {
  readonly #first: number
  readonly #max: number
  readonly #settle: number
  #failures = 0
  #goodSince = Number.NaN

  /** @param settle a book that was right for so long has failed never. */
  constructor(first: number, max: number, settle: number) {
    this.#first = first
    this.#max = max
    this.#settle = settle
  }

  /** Attempts that were made since it was last right for long. */
  get failures(): number {
    return this.#failures
  }

  /** It is right. */
  good(now: number): void {
    this.#goodSince = now
  }

  /** It is not right any more. */
  bad(now: number): void {
    if (now - this.#goodSince >= this.#settle) this.#failures = 0
    this.#goodSince = Number.NaN
  }

  attempted(): void {
    this.#failures++
  }

  /** Before the next attempt: 0 for the first. */
  delay(random: number): number {
    if (this.#failures === 0) return 0
    const whole = Math.min(this.#max, this.#first * 2 ** Math.min(this.#failures - 1, 30))
    return whole * (0.5 + random / 2)
  }
}
