import { frame } from './frames.ts'
import { Random } from './random.ts'
import type { Session } from './session.ts'

/** What goes wrong; each hits every connection at the same moment. */
export const faults = ['reset', 'goingAway', 'stall', 'corruptJson', 'corruptFrame', 'invalidUtf8', 'refusal'] as const
export type Fault = (typeof faults)[number]

export interface ChaosHooks {
  sessions(): Iterable<Session>
  /** Answers handshakes with 503 for so long. */
  refuseFor(ms: number): void
  /** Called with each fault as it happens. */
  onFault(fault: Fault): void
}

/** Lets a venue misbehave every few seconds, reproducibly. */
export class Chaos {
  readonly #random: Random
  readonly #hooks: ChaosHooks
  #timer: NodeJS.Timeout | undefined

  constructor(seed: number, hooks: ChaosHooks) {
    this.#random = new Random(seed)
    this.#hooks = hooks
  }

  start(): void {
    this.#timer = setTimeout(
      () => {
        this.strike(faults[this.#random.below(faults.length)] ?? 'reset')
        this.start()
      },
      1500 + this.#random.unit() * 3500,
    )
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  strike(fault: Fault): void {
    this.#hooks.onFault(fault)
    if (fault === 'refusal') this.#hooks.refuseFor(600)
    for (const session of this.#hooks.sessions()) {
      switch (fault) {
        case 'reset':
        case 'refusal':
          session.reset()
          break
        case 'goingAway':
          session.close(1001, 'maintenance')
          break
        case 'stall':
          // The connection stays open and says nothing more, as a half-dead peer does.
          session.stalled = true
          break
        case 'corruptJson':
          session.send(frame('{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","b":"674'))
          session.send(frame('{"stream":"ethusdt@bookTicker","data":{"e":"bookTicker","s":null,"b":[],"a":"x"}}'))
          break
        case 'corruptFrame':
          session.send(frame('?', { opcode: 0xb, rsv: 7 }))
          break
        case 'invalidUtf8':
          session.send(frame(Uint8Array.of(0x22, 0xc3, 0x28, 0x22)))
          break
      }
    }
  }
}
