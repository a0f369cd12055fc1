/** Numbers from 0 to 1, the same for the same seed. */
export class Random {
  #state: number

  /** @param seed any 32-bit number. */
  constructor(seed: number) {
    this.#state = seed | 0
  }

  next(): number {
    this.#state = (this.#state + 0x9e37_79b9) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 16), 0x21f0_aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a_2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 4_294_967_296
  }

  /** Whether something of this likelihood happens. */
  chance(likelihood: number): boolean {
    return likelihood > 0 && this.next() < likelihood
  }
}
