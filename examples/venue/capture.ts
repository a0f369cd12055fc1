import { readFileSync } from 'node:fs'

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

const connected = /^(\S+) <-> ([\d.]+)$/
const sentLine = /^(\S+) <- ([\d.]+): (.*)$/s
const answered = /^(\S+) -> ([\d.]+): (.*)$/s
const receivedLine = /^([\d.]+): (.*)$/s

/**
 * Text format, one event per line: `URL <-> TIME` connection opened, `URL <- TIME: TEXT` sent, `TIME: TEXT` received,
 * `URL -> TIME: BODY` REST answer. Lines of any other form are an error: half a capture would pass for a whole one.
 */
export function parseCapture(content: string): Capture {
  const connections: CapturedConnection[] = []
  const sent: CapturedMessage[] = []
  const received: CapturedMessage[] = []
  const answers: (CapturedMessage & { url: string })[] = []

  content.split('\n').forEach((line, index) => {
    if (line === '' || line === '\r') return
    let match = receivedLine.exec(line)
    if (match) {
      received.push({ time: Number(match[1]), text: match[2] ?? '' })
      return
    }
    match = connected.exec(line)
    if (match) {
      connections.push({ url: match[1] ?? '', opened: Number(match[2]) })
      return
    }
    match = sentLine.exec(line)
    if (match) {
      sent.push({ time: Number(match[2]), text: match[3] ?? '' })
      return
    }
    match = answered.exec(line)
    if (match) {
      answers.push({ url: match[1] ?? '', time: Number(match[2]), text: match[3] ?? '' })
      return
    }
    throw new SyntaxError(`line ${index + 1} of the capture has no known form: ${line.slice(0, 60)}`)
  })
  return { connections, sent, received, answers }
}

export function readCapture(path: string): Capture {
  return parseCapture(readFileSync(path, 'utf8'))
}

export function formatCapture(url: string, opened: number, received: readonly CapturedMessage[]): string {
  const lines = received.map((message) => `${message.time.toFixed(6)}: ${message.text}`)
  return `${url} <-> ${opened.toFixed(6)}\n${lines.join('\n')}\n`
}
