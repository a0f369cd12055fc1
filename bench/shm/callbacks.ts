/** The two ends of a pipe that calls back, whatever it is made of. */
import { monoNs } from '../../examples/venue/clock.ts'
import { quantile } from '../report.ts'
import { confirmEvery, type LatencyResult, type PipeTask, type ThroughputResult, window } from './task.ts'

export interface End {
  /** A promise when the pipe wants to be waited for. */
  send(bytes: Uint8Array): Promise<void> | void
  listen(onMessage: (bytes: Uint8Array) => void): void
}

/** A message of `bytes` bytes that starts with `n`. */
export class Numbered {
  readonly bytes: Uint8Array
  readonly #view: DataView
  constructor(bytes: number) {
    this.bytes = new Uint8Array(bytes).fill(0x5a)
    this.#view = new DataView(this.bytes.buffer)
  }
  with(n: number): Uint8Array {
    this.#view.setFloat64(0, n, true)
    return this.bytes
  }
}

export function numberOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(0, true)
}

export function checkNumber(n: number, expected: number): void {
  if (n !== expected) throw new Error(`message ${n} instead of ${expected}`)
}

export function summary(samples: number[]): LatencyResult {
  const sorted = Float64Array.from(samples).sort()
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), count: sorted.length }
}

/** There and back, one message at a time. */
export function measureLatency(end: End, { bytes, warmUpMs, measureMs }: PipeTask): Promise<LatencyResult> {
  const message = new Numbered(bytes)
  const samples: number[] = []
  const warmUntil = monoNs() + warmUpMs * 1e6
  const until = warmUntil + measureMs * 1e6
  return new Promise((resolve) => {
    let n = 0
    let sentAt = monoNs()
    end.listen((answer) => {
      const now = monoNs()
      checkNumber(numberOf(answer), n)
      if (now >= warmUntil) samples.push((now - sentAt) / 2)
      if (now >= until) return resolve(summary(samples))
      n += 1
      sentAt = monoNs()
      void end.send(message.with(n))
    })
    void end.send(message.with(n))
  })
}

/** As many as the other end confirms, never more than `window` on their way. */
export async function measureThroughput(end: End, task: PipeTask): Promise<ThroughputResult> {
  const message = new Numbered(task.bytes)
  const warmUntil = monoNs() + task.warmUpMs * 1e6
  const until = warmUntil + task.measureMs * 1e6
  let sent = 0
  let confirmed = 0
  let start: { readonly at: number; readonly confirmed: number } | null = null
  let result: ThroughputResult | null = null
  let wake = (): void => {}
  end.listen((bytes) => {
    confirmed = numberOf(bytes)
    const now = monoNs()
    if (start === null) {
      if (now >= warmUntil) start = { at: now, confirmed }
    } else if (now >= until) {
      result ??= { messagesPerSecond: ((confirmed - start.confirmed) * 1e9) / (now - start.at) }
    }
    wake()
  })
  while (result === null) {
    while (sent - confirmed < window) {
      const waiting = end.send(message.with(sent))
      sent += 1
      if (waiting !== undefined) await waiting
    }
    await new Promise<void>((resolve) => {
      wake = resolve
    })
  }
  return result
}

/** The other end: sends back what it gets, or confirms it. */
export function answer(end: End, { kind }: PipeTask): void {
  if (kind === 'latency') {
    end.listen((bytes) => void end.send(bytes))
    return
  }
  const confirmation = new Numbered(8)
  let next = 0
  end.listen((bytes) => {
    checkNumber(numberOf(bytes), next)
    next += 1
    if (next % confirmEvery === 0) void end.send(confirmation.with(next).slice())
  })
}
