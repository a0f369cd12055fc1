/** Counts of successes and failures over a time that slides: a ring of slices, of which the oldest is dropped as time goes on. */
export class SampleWindow {
  static readonly slices = 10
  readonly #counts = new Int32Array(2 * SampleWindow.slices)
  readonly #sliceMs: number
  /** Number of the newest slice since time began. */
  #slice = Number.NEGATIVE_INFINITY
  #failed = 0
  #total = 0

  constructor(windowMs: number) {
    this.#sliceMs = windowMs / SampleWindow.slices
  }

  get total(): number {
    return this.#total
  }

  get failed(): number {
    return this.#failed
  }

  add(now: number, failed: boolean): void {
    this.moveTo(now)
    const at = placeOf(this.#slice)
    this.#counts[at] = (this.#counts[at] as number) + 1
    this.#total++
    if (!failed) return
    this.#counts[at + 1] = (this.#counts[at + 1] as number) + 1
    this.#failed++
  }

  /** Drops what is older than the window. */
  moveTo(now: number): void {
    const slice = Math.floor(now / this.#sliceMs)
    // A clock that goes back leaves the newest slice in place.
    if (slice <= this.#slice) return
    const gone = Math.min(SampleWindow.slices, slice - this.#slice)
    for (let i = 0; i < gone; i++) this.#drop(slice - i)
    this.#slice = slice
  }

  clear(): void {
    this.#counts.fill(0)
    this.#failed = 0
    this.#total = 0
  }

  #drop(slice: number): void {
    const at = placeOf(slice)
    this.#total -= this.#counts[at] as number
    this.#failed -= this.#counts[at + 1] as number
    this.#counts[at] = 0
    this.#counts[at + 1] = 0
  }
}

/** Where a slice's two counts are. Slices before the clock's origin have negative numbers. */
function placeOf(slice: number): number {
  const turn = slice % SampleWindow.slices
  return 2 * (turn < 0 ? turn + SampleWindow.slices : turn)
}
