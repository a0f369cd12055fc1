import { HistogramWriter } from './histogram.js'
import { MessageView } from './message-view.js'
import type { RecordSink } from './ring-reader.js'
import type { RowBatch } from './row-batch.js'
import { type MemoryViews, viewsOf } from './row-window.js'

const noBatches: readonly RowBatch[] = []

/** The part of a {@link RecordSink} that whoever is no feed has no use for: no rows, no messages, no feed's states. */
export abstract class ControlSink implements RecordSink {
  readonly batches = noBatches
  readonly message = new MessageView(viewsOf(new ArrayBuffer(64)), 'bytes')
  readonly delivery = new HistogramWriter(new ArrayBuffer(16_384), 0)
  readonly maxBatch = 1
  readonly holding = false

  onRows(): void {}
  onMessage(): void {}
  onState(): void {}
  onGap(): void {}
  onMalformed(): void {}
  onPong(): void {}

  /** A record at `word`. Must not throw. */
  abstract onOther(type: number, word: number, views: MemoryViews): void
}
