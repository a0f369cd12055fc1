import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { compileProgram, nativeBenches, pollerSources } from '../native.ts'
import { Conversation } from './conversation.ts'

/** Some subscribers of one kind. */
export interface SinkClass {
  readonly name: string
  readonly connections: number
  /** Bytes per second that each of them reads; default: all there are. */
  readonly bytesPerSecond?: number
  /** Path and query of its URL; default: the sink's. */
  readonly path?: string
}

export interface SinkOptions {
  readonly port: number
  /** Path and query of the URL; default '/'. */
  readonly path?: string
  readonly classes: readonly SinkClass[]
  /** Text that each sends first, and a part of the answer to it. */
  readonly subscribe?: string
  readonly expect?: string
  /** The latency of every so-manyth message is recorded; a power of two. Default 1. */
  readonly sample?: number
  /** SO_RCVBUF of each; default: the system's own. */
  readonly receiveBuffer?: number
  readonly cpu?: number
}

interface Range {
  readonly min: number
  readonly p50: number
  readonly max: number
}

/** What a class has got. Counters are since the start, latencies (nanoseconds) since the last report. */
export interface ClassReport {
  readonly name: string
  readonly connections: number
  readonly open: number
  readonly messages: number
  /** Of frames, with their headers. */
  readonly bytes: number
  readonly reads: number
  /** Places where numbers are missing, and how many are. */
  readonly gaps: number
  readonly lost: number
  /** Numbers that came twice or too late. */
  readonly backward: number
  /** Of `checked` messages, those whose checksum is wrong. */
  readonly corrupt: number
  readonly checked: number
  /** Messages that do not belong to the stream. */
  readonly other: number
  /** Numbers behind the newest that anybody has, over the connections; and messages of each connection. */
  readonly lag: Range
  readonly perConnection: Range
  readonly latency: {
    readonly count: number
    readonly p50: number
    readonly p99: number
    readonly p999: number
    readonly max: number
  }
  /** Connections that were ended, by close code; 1006: without one. */
  readonly closed: Readonly<Record<string, number>>
}

export interface SinkReport {
  readonly atNs: number
  readonly cpuNs: number
  /** Newest number that anybody has. */
  readonly newest: number
  readonly classes: readonly ClassReport[]
}

/** Many subscribers in one native thread; see `../native/sink/main.cc`. */
export interface Sink extends AsyncDisposable {
  report(): Promise<SinkReport>
  /** A class stops reading, or goes on. */
  stall(name: string): Promise<void>
  resume(name: string): Promise<void>
}

export function compileSink(log: (text: string) => void): string {
  const directory = join(nativeBenches, 'sink')
  const own = readdirSync(directory).filter((file) => file.endsWith('.cc'))
  return compileProgram('hub-sink', [...own.map((file) => join(directory, file)), ...pollerSources()], log)
}

/** Resolves once all are connected and subscribed. */
export async function startSink(options: SinkOptions, log: (text: string) => void): Promise<Sink> {
  const args = ['--port', String(options.port), '--path', options.path ?? '/', '--sample', String(options.sample ?? 1)]
  for (const { name, connections, bytesPerSecond = 0, path = '' } of options.classes) {
    args.push('--class', [name, connections, bytesPerSecond, path].join(':'))
  }
  if (options.subscribe !== undefined && options.expect !== undefined) {
    args.push('--subscribe', options.subscribe, '--expect', options.expect)
  }
  if (options.receiveBuffer !== undefined) args.push('--receive-buffer', String(options.receiveBuffer))
  const conversation = new Conversation({ name: 'the sink', command: compileSink(log), args, cpu: options.cpu })
  try {
    await conversation.answer<{ ready: number }>()
  } catch (error) {
    await conversation[Symbol.asyncDispose]()
    throw error
  }
  return {
    report: () => conversation.ask<SinkReport>('report'),
    stall: async (name) => {
      await conversation.ask(`stall ${name}`)
    },
    resume: async (name) => {
      await conversation.ask(`resume ${name}`)
    },
    [Symbol.asyncDispose]: () => conversation[Symbol.asyncDispose](),
  }
}
