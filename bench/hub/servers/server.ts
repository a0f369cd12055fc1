/**
 * The part of a measured server that does not depend on how it sends: it takes commands as JSON lines on stdin and answers on
 * stdout, so that Node and Bun are asked in the same way.
 */
import { createInterface } from 'node:readline'
import { Messages } from '../message.ts'
import type { Command, ServerReport, ServerTask } from '../task.ts'

export interface Publisher {
  readonly port: number
  /** Monotonic nanoseconds, where the runtime's own clock starts with the process. */
  readonly clock?: () => number
  /** Further figures of this server's own; numbers are only passed on. */
  readonly counters?: () => Readonly<Record<string, number>>
  publish(message: Buffer): void
  /** A batch is complete. */
  flush(): void
  /** No subscriber has more waiting than its share; false: `goOn` will be called when it may be otherwise. */
  hasRoom(goOn: () => void): boolean
  subscribers(): number
}

export const task = JSON.parse(process.argv[2] ?? '{}') as ServerTask

/** Beyond this a rate is given up rather than caught up with. */
const mostBehindMs = 100

function say(answer: unknown): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}

/** Obeys until stdin ends. */
export function serve(publisher: Publisher): void {
  const messages = new Messages(publisher.clock)
  let stop = (): void => {}

  /** As fast as the subscribers take it. */
  const publishFull = (batch: number): void => {
    let isOn = true
    stop = () => {
      isOn = false
    }
    const turn = (): void => {
      if (!isOn || !publisher.hasRoom(turn)) return
      for (let i = 0; i < batch; i++) publisher.publish(messages.next())
      publisher.flush()
      setImmediate(turn)
    }
    turn()
  }

  const publishAtRate = (rate: number, batch: number): void => {
    const everyMs = (1000 * batch) / rate
    let due = performance.now()
    let timer: NodeJS.Timeout
    stop = () => clearTimeout(timer)
    const turn = (): void => {
      // Timers count whole milliseconds, so what is due is worked out anew each time. Who cannot keep the rate falls behind.
      const now = performance.now()
      due = Math.max(due, now - mostBehindMs)
      while (due <= now) {
        for (let i = 0; i < batch; i++) publisher.publish(messages.next())
        publisher.flush()
        due += everyMs
      }
      timer = setTimeout(turn, Math.max(0, due - performance.now()))
    }
    turn()
  }

  const report = (): ServerReport => {
    const { user, system } = process.cpuUsage()
    return {
      atNs: performance.now() * 1e6,
      cpuNs: (user + system) * 1000,
      published: messages.sequence,
      subscribers: publisher.subscribers(),
      rssBytes: process.memoryUsage().rss,
      counters: publisher.counters?.() ?? {},
    }
  }

  const obey = (command: Command): void => {
    if (command.do === 'report') return
    stop()
    stop = () => {}
    if (command.do === 'full') publishFull(command.batch)
    else if (command.do === 'rate') publishAtRate(command.rate, command.batch)
  }

  createInterface(process.stdin)
    .on('line', (line) => {
      obey(JSON.parse(line) as Command)
      say(report())
    })
    .on('close', () => process.exit(0))
  say({ port: publisher.port })
}
