import type { TrafficRecorder, TrafficSink } from '../runtime/traffic.js'
import { FeedTap } from './feed-tap.js'

/** A feed that is recorded: a tap for each time that it is opened. */
export class Recording {
  readonly #recorder: TrafficRecorder
  readonly #url: string
  #sink: TrafficSink | null = null

  constructor(recorder: TrafficRecorder, url: string) {
    this.#recorder = recorder
    this.#url = url
  }

  /** Memory for the core to copy into. */
  begin(): ArrayBuffer {
    const tap = new FeedTap(this.#url, this.#recorder.tapBytes)
    this.#sink = this.#recorder.attach(tap)
    return tap.memory
  }

  sent(data: string | Uint8Array): void {
    this.#sink?.sent(data)
  }

  end(): void {
    this.#sink?.end()
    this.#sink = null
  }
}
