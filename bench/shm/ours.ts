/** Shared memory, both ends spinning: one ring for each direction. */
import { ShmReader, ShmWriter } from '../../dist/esm/index.js'
import { monoNs } from '../../examples/venue/clock.ts'
import { checkNumber, Numbered, summary } from './callbacks.ts'
import { confirmEvery, type LatencyResult, type PipeTask, type ThroughputResult, window } from './task.ts'

const ring = 4 << 20

interface Ends {
  readonly writer: ShmWriter
  readonly reader: ShmReader
}

async function open(directory: string, out: string, into: string, startOther: () => void = () => {}): Promise<Ends> {
  const writer = ShmWriter.create(out, { directory, bytes: ring })
  startOther()
  const reader = await ShmReader.open(into, { directory, timeout: 20_000, start: 'start' })
  return { writer, reader }
}

/** Reads until one message or more have come. */
function next(reader: ShmReader, take: (message: Buffer) => void): void {
  let looks = 0
  while (reader.poll(take) === 0) {
    // The other end may be gone: a look now and then, far too rarely to be measured.
    if ((++looks & 0xffffff) === 0 && !reader.checkWriter()) throw new Error('the other end has gone')
  }
}

function nothingLost(reader: ShmReader): void {
  if (reader.lost > 0) throw new Error(`${reader.lost} messages were overwritten`)
}

export async function measure(task: PipeTask, startOther: () => void): Promise<LatencyResult | ThroughputResult> {
  const { writer, reader } = await open(task.directory, 'there', 'back', startOther)
  const message = new Numbered(task.bytes)
  const warmUntil = monoNs() + task.warmUpMs * 1e6
  const until = warmUntil + task.measureMs * 1e6
  if (task.kind === 'latency') {
    const samples: number[] = []
    let n = 0
    const take = (answer: Buffer): void => checkNumber(answer.readDoubleLE(0), n)
    for (;;) {
      const start = monoNs()
      writer.write(message.with(n))
      next(reader, take)
      const now = monoNs()
      if (now >= warmUntil) samples.push((now - start) / 2)
      if (now >= until) return summary(samples)
      n += 1
    }
  }
  let sent = 0
  let confirmed = 0
  let start: { readonly at: number; readonly confirmed: number } | null = null
  const take = (bytes: Buffer): void => {
    confirmed = bytes.readDoubleLE(0)
  }
  for (;;) {
    while (sent - confirmed < window) writer.write(message.with(sent++))
    next(reader, take)
    const now = monoNs()
    if (start === null) {
      if (now >= warmUntil) start = { at: now, confirmed }
    } else if (now >= until) {
      nothingLost(reader)
      return { messagesPerSecond: ((confirmed - start.confirmed) * 1e9) / (now - start.at) }
    }
  }
}

export async function answerAll({ kind, directory }: PipeTask): Promise<void> {
  const { writer, reader } = await open(directory, 'back', 'there')
  if (kind === 'latency') {
    for (;;) next(reader, (message) => writer.write(message))
  }
  const confirmation = new Numbered(8)
  let n = 0
  const take = (message: Buffer): void => {
    checkNumber(message.readDoubleLE(0), n)
    n += 1
    if (n % confirmEvery === 0) {
      nothingLost(reader)
      writer.write(confirmation.with(n))
    }
  }
  for (;;) next(reader, take)
}
