import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Fault } from './chaos.ts'

export interface VenueOptions {
  readonly rate?: number
  readonly seed?: number
  readonly capture?: string
  readonly chaos?: boolean
  readonly deflate?: boolean
  /** Files with a certificate and its key, PEM: the venue then speaks TLS. */
  readonly cert?: string
  readonly key?: string
  /** Runs the venue on this CPU alone, where the machine has `taskset`. */
  readonly cpu?: number
  readonly onFault?: (fault: Fault) => void
  /** The venue's process is gone though nobody stopped it. */
  readonly onExit?: (code: number | null) => void
}

export interface Venue {
  readonly url: string
  readonly process: ChildProcess
  /** Messages sent on `/stream` so far. */
  sent(): Promise<number>
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** `node` on one CPU alone where that can be had. */
export function pinned(
  cpu: number | undefined,
  args: readonly string[],
  program: string = process.execPath,
): [command: string, args: string[]] {
  return cpu !== undefined && existsSync('/usr/bin/taskset')
    ? ['/usr/bin/taskset', ['-c', String(cpu), program, ...args]]
    : [program, [...args]]
}

/** Starts the venue in a process of its own. */
export async function startVenue(options: VenueOptions = {}): Promise<Venue> {
  const args = [fileURLToPath(new URL('./main.ts', import.meta.url))]
  for (const name of ['rate', 'seed', 'capture', 'cert', 'key'] as const) {
    if (options[name] !== undefined) args.push(`--${name}`, String(options[name]))
  }
  if (options.chaos) args.push('--chaos')
  if (options.deflate) args.push('--deflate')

  const [command, commandArgs] = pinned(options.cpu, args)
  const child = spawn(command, commandArgs, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  let stopped = false
  const answers: ((count: number) => void)[] = []
  const url = await new Promise<string>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => {
      reject(new Error(`the venue ended with status ${code} before it listened`))
      if (!stopped) options.onExit?.(code)
    })
    child.on('message', (message: { url?: string; sent?: number; fault?: Fault }) => {
      if (message.url !== undefined) resolve(message.url)
      if (message.sent !== undefined) answers.shift()?.(message.sent)
      if (message.fault !== undefined) options.onFault?.(message.fault)
    })
  })

  const stop = async (): Promise<void> => {
    if (stopped) return
    stopped = true
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }
  return {
    url,
    process: child,
    sent: () =>
      new Promise((resolve) => {
        answers.push(resolve)
        child.send('sent?')
      }),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
