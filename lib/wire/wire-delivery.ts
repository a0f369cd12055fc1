import { Delivery } from '../feed/delivery.js'
import { RecordKind } from '../native/addon.js'
import type { GapRecord } from '../runtime/records.js'
import type { MemoryViews } from '../runtime/row-window.js'
import { readRefused, readSequenceGap, readSubscribed } from '../runtime/wire-records.js'
import { refusedWhys, type WireConnection, type WireLifeEvents } from './wire-events.js'

/** What the core tells of a connection: the epoch as text, since JSON has no integers of 64 bits. */
type ToldConnection = Omit<WireConnection, 'epoch'> & { readonly epoch: string }

export function connectionOf(text: string): WireConnection {
  const told = JSON.parse(text) as ToldConnection
  return { ...told, epoch: BigInt(told.epoch) }
}

/** Takes a wire feed's records to its listeners: those of every feed, and its own. */
export class WireDelivery extends Delivery {
  override onGap({ lost, timeNs }: GapRecord): void {
    this.#emit('gap', { topic: null, from: 0n, to: 0n, lost, cause: 'overflow', fate: 'lost', timeNs })
  }

  onOther(type: number, word: number, views: MemoryViews): void {
    if (type === RecordKind.sequenceGap) {
      const gap = readSequenceGap(views, word)
      this.#emit('gap', { ...gap, lost: Number(gap.to - gap.from) + 1 })
    } else if (type === RecordKind.subscribed) {
      this.#emit('subscribed', readSubscribed(views, word))
    } else if (type === RecordKind.refused) {
      const refused = readRefused(views, word)
      this.#emit('refused', { ...refused, why: refusedWhys[refused.code] ?? 'other' })
    }
  }

  #emit<E extends keyof WireLifeEvents>(event: E, value: WireLifeEvents[E]): void {
    this.emitAny(event, value)
  }
}
