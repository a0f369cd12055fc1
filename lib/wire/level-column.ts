import { Scaled } from './scaled.js'

/** The prices or sizes of many levels, to be written with one scale. Used again for the next message. */
export class LevelColumn {
  #mantissas = new Float64Array(64)
  #scales = new Uint8Array(64)
  /** Mantissas that are no safe integers. */
  readonly #big = new Map<number, bigint>()
  readonly #number = new Scaled()
  length = 0
  /** The largest scale. */
  scale = 0

  clear(): void {
    this.length = 0
    this.scale = 0
    if (this.#big.size !== 0) this.#big.clear()
  }

  push(value: Scaled): void {
    const at = this.length
    if (at === this.#mantissas.length) this.#grow()
    this.#mantissas[at] = value.mantissa
    this.#scales[at] = value.scale
    if (value.big !== null) this.#big.set(at, value.big)
    if (value.scale > this.scale) this.scale = value.scale
    this.length = at + 1
  }

  /** Number `index` with the scale of all; null when it is then beyond 64 bits. Overwritten by the next call. */
  at(index: number): Scaled | null {
    const number = this.#number
    number.mantissa = this.#mantissas[index] as number
    number.scale = this.#scales[index] as number
    number.big = this.#big.size === 0 ? null : (this.#big.get(index) ?? null)
    return number.rescale(this.scale) ? number : null
  }

  #grow(): void {
    const mantissas = new Float64Array(this.#mantissas.length * 2)
    mantissas.set(this.#mantissas)
    this.#mantissas = mantissas
    const scales = new Uint8Array(mantissas.length)
    scales.set(this.#scales)
    this.#scales = scales
  }
}
