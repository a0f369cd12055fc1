/** Seeded generator (xoshiro128**): the same seed plays the same market on every machine. */
export class Random {
  readonly #s = new Uint32Array(4)

  constructor(seed: number) {
    // Splitmix32 spreads small seeds over the whole state.
    let x = seed >>> 0
    for (let i = 0; i < 4; i++) {
      x = (x + 0x9e3779b9) >>> 0
      let z = x
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
      this.#s[i] = (z ^ (z >>> 16)) >>> 0
    }
  }

  /** 32 random bits. */
  bits(): number {
    const s = this.#s as unknown as [number, number, number, number]
    const product = Math.imul(s[1], 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const t = s[1] << 9
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = (s[3] << 11) | (s[3] >>> 21)
    return result
  }

  /** [0, 1). */
  unit(): number {
    return this.bits() / 4294967296
  }

  /** 0 … n − 1. */
  below(n: number): number {
    return Math.floor(this.unit() * n)
  }

  chance(probability: number): boolean {
    return this.unit() < probability
  }

  /** Mean 0, deviation 1. */
  normal(): number {
    const u = 1 - this.unit()
    return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * this.unit())
  }

  /** Mean 1: sizes and waiting times. */
  exponential(): number {
    return -Math.log(1 - this.unit())
  }
}
