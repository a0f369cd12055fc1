import { Random } from './random.js'

/** What is wrong with the venue. Likelihoods are 0…1 and hit each market-data message of each socket; all default to 0. */
export interface ChaosOptions {
  /** Of the random numbers, which are the same in every run. Default 1. */
  readonly seed?: number | undefined
  /** Not sent. */
  readonly drop?: number | undefined
  /** Sent twice. */
  readonly duplicate?: number | undefined
  /** Sent after its successor. */
  readonly reorder?: number | undefined
  /** A byte of it is another, or its end is missing. */
  readonly corrupt?: number | undefined
  /** Its socket is cut without a close frame. */
  readonly disconnect?: number | undefined
  /** Its socket says nothing for `stallMs`. */
  readonly stall?: number | undefined
  /** Milliseconds of a stall, 1…600,000. Default 1,000. */
  readonly stallMs?: number | undefined
  /** Milliseconds by which everything is late, answers too, 0…60,000. Default 0. */
  readonly slowMs?: number | undefined
  /** What becomes of a request that changes something. Default: it is answered. */
  readonly fate?: ((request: ChaosRequest) => RequestFate) | undefined
}

/** A request that would change something. */
export interface ChaosRequest {
  /** Its number among these, from 0. */
  readonly number: number
  readonly method: string
  readonly path: string
}

/** - `answered`; `answerLost`: executed, then the connection is cut; `requestLost`: cut before it is looked at; `lateMs`: answered with 504 at once and executed so much later, if its timestamp still allows. */
export type RequestFate = 'answered' | 'answerLost' | 'requestLost' | { readonly lateMs: number }

/** How often something has gone wrong on purpose. */
export interface ChaosStats {
  /** Messages that were lost to everybody, by `lose()`. */
  readonly lost: number
  readonly dropped: number
  readonly doubled: number
  readonly reordered: number
  readonly corrupted: number
  readonly disconnected: number
  readonly stalled: number
}

type MessageFate = 'sent' | 'lost' | 'dropped' | 'doubled' | 'reordered' | 'corrupted'

/** Decides what goes wrong next. */
export class Chaos {
  #options: ChaosOptions
  #random: Random
  /** By topic: how many messages reach nobody. */
  readonly #losing = new Map<string, number>()
  #isLost = false
  #sent = 0
  readonly #counts = { lost: 0, dropped: 0, doubled: 0, reordered: 0, corrupted: 0, disconnected: 0, stalled: 0 }

  constructor(options: ChaosOptions) {
    this.#options = options
    this.#random = new Random(options.seed ?? 1)
  }

  get options(): ChaosOptions {
    return this.#options
  }

  set options(options: ChaosOptions) {
    this.#options = options
    if (options.seed !== undefined) this.#random = new Random(options.seed)
  }

  lose(topic: string, messages: number): void {
    this.#losing.set(topic, messages)
  }

  /** A message of this topic goes out, to however many sockets. */
  begin(topic: string): void {
    this.#sent = 0
    const left = this.#losing.get(topic) ?? 0
    this.#isLost = left > 0
    if (!this.#isLost) return
    this.#counts.lost++
    if (left === 1) this.#losing.delete(topic)
    else this.#losing.set(topic, left - 1)
  }

  /** It has gone out. To how many sockets. */
  end(): number {
    this.#isLost = false
    return this.#sent
  }

  /** One socket is sent it. */
  sent(): void {
    this.#sent++
  }

  fate(): MessageFate {
    if (this.#isLost) return 'lost'
    const { drop = 0, duplicate = 0, reorder = 0, corrupt = 0 } = this.#options
    if (drop + duplicate + reorder + corrupt === 0) return 'sent'
    const at = this.#random.next()
    if (at < drop) return this.#count('dropped')
    if (at < drop + duplicate) return this.#count('doubled')
    if (at < drop + duplicate + reorder) return this.#count('reordered')
    return at < drop + duplicate + reorder + corrupt ? this.#count('corrupted') : 'sent'
  }

  /** What happens to a socket before it is sent a message. */
  socketFate(): 'cut' | 'stalled' | null {
    const { disconnect = 0, stall = 0 } = this.#options
    if (this.#random.chance(disconnect)) {
      this.#counts.disconnected++
      return 'cut'
    }
    if (!this.#random.chance(stall)) return null
    this.#counts.stalled++
    return 'stalled'
  }

  /** Milliseconds by which something is late. */
  delay(): number {
    return this.#options.slowMs ?? 0
  }

  get stallMs(): number {
    return this.#options.stallMs ?? 1_000
  }

  damaged(text: string): string {
    const at = Math.floor(this.#random.next() * text.length)
    if (this.#random.chance(0.5)) return text.slice(0, at)
    return `${text.slice(0, at)}\u0001${text.slice(at + 1)}`
  }

  stats(): ChaosStats {
    return { ...this.#counts }
  }

  #count<K extends keyof ChaosStats & MessageFate>(kind: K): K {
    this.#counts[kind]++
    return kind
  }
}
