import type { WriteStream } from 'node:tty'

const enter = '\x1b[?1049h\x1b[?25l'
const leave = '\x1b[?25h\x1b[?1049l'

/** The terminal's second screen, drawn over and over; gives the first one back as it was. */
export class Screen {
  readonly #out: WriteStream
  #open = false

  constructor(out: WriteStream) {
    this.#out = out
  }

  get width(): number {
    return Math.max(20, this.#out.columns)
  }

  get height(): number {
    return Math.max(5, this.#out.rows)
  }

  open(onResize: () => void): void {
    if (this.#open) return
    this.#open = true
    this.#out.write(enter)
    this.#out.on('resize', onResize)
    process.on('exit', () => this.close())
  }

  draw(lines: readonly string[]): void {
    if (!this.#open) return
    // Between these two the terminal shows nothing of a half-drawn picture.
    this.#out.write(`\x1b[?2026h\x1b[H${lines.map((line) => `${line}\x1b[0m\x1b[K`).join('\r\n')}\x1b[J\x1b[?2026l`)
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#out.write(leave)
  }
}
