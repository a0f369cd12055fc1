import { openCapture } from 'tickwire/capture'

export interface CapturedMessage {
  /** Unix seconds. */
  readonly time: number
  readonly text: string
}

export interface CapturedConnection {
  readonly url: string
  /** Unix seconds. */
  readonly opened: number
}

export interface Capture {
  readonly connections: readonly CapturedConnection[]
  readonly sent: readonly CapturedMessage[]
  readonly received: readonly CapturedMessage[]
  /** REST answers that belong to the streams. */
  readonly answers: readonly (CapturedMessage & { readonly url: string })[]
}

/** A capture of either format as a whole, its messages as text. @throws CaptureError. */
export async function readCapture(path: string): Promise<Capture> {
  const connections: CapturedConnection[] = []
  const sent: CapturedMessage[] = []
  const received: CapturedMessage[] = []
  const answers: (CapturedMessage & { url: string })[] = []
  await using reader = await openCapture(path)
  for await (const record of reader) {
    const time = Number(record.timeNs + reader.unixOffsetNs) / 1e9
    if (record.type === 'open') connections.push({ url: record.url, opened: time })
    if (!('data' in record)) continue
    const text = Buffer.from(record.data.buffer, record.data.byteOffset, record.data.byteLength).toString()
    if (record.type === 'answer') answers.push({ url: record.url, time, text })
    else (record.type === 'sent' ? sent : received).push({ time, text })
  }
  return { connections, sent, received, answers }
}

/** The text format: a connection, and what it received. */
export function formatCapture(url: string, opened: number, received: readonly CapturedMessage[]): string {
  const lines = received.map((message) => `${message.time.toFixed(6)}: ${message.text}`)
  return `${url} <-> ${opened.toFixed(6)}\n${lines.join('\n')}\n`
}
