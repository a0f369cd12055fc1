import { monoNs } from '../../examples/venue/clock.ts'
import { numberedMessage, writeNumbers } from '../../examples/venue/numbered.ts'
import { Random } from '../../examples/venue/random.ts'

/** Bytes of every message: a book ticker as venues send it. */
export const messageBytes = 150

function template(random: Random): Buffer {
  const digits = (count: number): string => {
    let text = String(1 + random.below(9))
    while (text.length < count) text += random.below(10)
    return text
  }
  const price = (): string => `${digits(5)}.${digits(8)}`
  const size = (): string => `${digits(2)}.${digits(8)}`
  const message = numberedMessage(`,"s":"BTCUSDT","b":"${price()}","B":"${size()}","a":"${price()}","A":"${size()}"}`)
  if (message.length !== messageBytes) throw new RangeError(`a message of ${message.length} bytes`)
  return message
}

/** Numbered, stamped messages. All but the two numbers is made beforehand, so that every server pays the same little for each. */
export class Messages {
  readonly #templates: readonly Buffer[]
  readonly #clock: () => number
  #last = 0

  /** `clock`: monotonic nanoseconds, the same in all processes of the machine. */
  constructor(clock: () => number = monoNs, count = 1024) {
    const random = new Random(1)
    this.#clock = clock
    this.#templates = Array.from({ length: count }, () => template(random))
  }

  /** Number of the newest message, from 1. */
  get sequence(): number {
    return this.#last
  }

  /** The next message, in memory that is used again `count` messages later. */
  next(): Buffer {
    this.#last += 1
    const message = this.#templates[this.#last % this.#templates.length] as Buffer
    writeNumbers(message, this.#last, this.#clock())
    return message
  }
}
