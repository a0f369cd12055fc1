import { Meter } from './meter.ts'
import { countParsed, type Parsed } from './parsed.ts'
import { Ages } from './strategies.ts'
import type { Task } from './task.ts'

/** Node's built-in WebSocket with JSON.parse. */
export async function run(task: Task, report: (result: unknown) => void): Promise<void> {
  const socket = new WebSocket(task.url)
  socket.onclose = (event) => {
    throw new Error(`closed with ${event.code} ${event.reason}`)
  }
  switch (task.kind) {
    case 'throughput': {
      const { tally } = new Meter(task.cycle, task.warmUpMs ?? 0, task.measureMs ?? 0, report)
      socket.onmessage = (event) => countParsed(tally, JSON.parse(event.data as string) as Parsed)
      break
    }
    case 'latency': {
      const ages = new Ages(task.count ?? 0, task.cycle, report)
      socket.onmessage = (event) => {
        const message = JSON.parse(event.data as string) as Parsed
        if (message.e === 'bookTicker') ages.see(message.T)
      }
      break
    }
    default:
      throw new Error(`the built-in WebSocket has no part in ${task.kind}`)
  }
}
