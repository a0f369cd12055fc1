import type { TapeEvent } from './tape.js'

/** Messages between two looks at who cannot follow, when the tape goes as fast as it can. */
const burst = 256

/** What a player is made with. */
export interface PlayerOptions {
  readonly events: readonly TapeEvent[]
  /** Recorded time per real time; Infinity: as fast as the clients take it. */
  readonly speed: number
  readonly play: (event: TapeEvent) => void
  /** Resolves when all clients have taken what they were sent. */
  readonly drained: () => Promise<void>
  readonly onEnd: () => void
}

/** Plays a tape in its own rhythm. */
export class Player {
  readonly #options: PlayerOptions
  #speed: number
  #at = 0
  /** Real and recorded milliseconds that belong together. */
  #realMs = 0
  #tapeMs = 0
  #isPlaying = false
  #timer: NodeJS.Timeout | null = null
  #isEnded = false

  constructor(options: PlayerOptions) {
    this.#options = options
    this.#speed = options.speed
  }

  /** Events that were played. */
  get position(): number {
    return this.#at
  }

  get isPlaying(): boolean {
    return this.#isPlaying
  }

  /** Recorded milliseconds since the first event. */
  get atMs(): number {
    if (!this.#isPlaying || this.#speed === Number.POSITIVE_INFINITY) return this.#tapeMs
    return this.#tapeMs + (performance.now() - this.#realMs) * this.#speed
  }

  get speed(): number {
    return this.#speed
  }

  set speed(speed: number) {
    this.#tapeMs = this.atMs
    this.#realMs = performance.now()
    this.#speed = speed
    if (this.#timer !== null) {
      clearTimeout(this.#timer)
      this.#timer = null
      this.#next()
    }
  }

  play(): void {
    if (this.#isPlaying || this.#isEnded) return
    this.#isPlaying = true
    this.#realMs = performance.now()
    this.#next()
  }

  pause(): void {
    this.#tapeMs = this.atMs
    this.#isPlaying = false
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  /** For ever. */
  stop(): void {
    this.pause()
    this.#isEnded = true
  }

  #next(): void {
    if (!this.#isPlaying) return
    const { events, play } = this.#options
    if (this.#speed === Number.POSITIVE_INFINITY) {
      void this.#pour()
      return
    }
    for (let count = 0; ; count++) {
      const event = events[this.#at]
      if (event === undefined) {
        this.#end()
        return
      }
      const waitMs = (event.atMs - this.atMs) / this.#speed
      // Timers are no finer than a millisecond, and others want a turn between two of many.
      if (waitMs > 0.5 || count === burst) {
        this.#timer = setTimeout(() => {
          this.#timer = null
          this.#next()
        }, waitMs)
        return
      }
      this.#at++
      play(event)
      if (!this.#isPlaying) return
    }
  }

  async #pour(): Promise<void> {
    const { events, play, drained } = this.#options
    while (this.#isPlaying && this.#speed === Number.POSITIVE_INFINITY) {
      for (let count = 0; count < burst && this.#isPlaying; count++) {
        const event = events[this.#at]
        if (event === undefined) return this.#end()
        this.#at++
        this.#tapeMs = event.atMs
        play(event)
      }
      await drained()
    }
    this.#next()
  }

  #end(): void {
    this.pause()
    this.#isEnded = true
    this.#options.onEnd()
  }
}
