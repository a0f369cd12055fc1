/** A feed in a worker; what to do comes as `workerData`, what came of it goes back as one message. */
import { parentPort, workerData } from 'node:worker_threads'
import { Feed, json, Loop, type LoopMode } from 'tickwire'

export interface WorkerPlan {
  readonly url: string
  readonly mode: LoopMode
  /** `signal`: wakes up; `spin`: calls poll() and does nothing else; `endless`: goes on until somebody ends the worker. */
  readonly drive: 'signal' | 'spin' | 'endless'
  /** Rows to take. */
  readonly count: number
}

export interface WorkerReport {
  readonly rows: number
  readonly sum: number
  readonly inOrder: boolean
  readonly connects: number
  readonly cpuTimeNs: number
}

const { url, mode, drive, count } = workerData as WorkerPlan
const loop = new Loop({ mode })
const feed = new Feed({
  url,
  decode: json({ n: json.number('/n'), s: json.symbol('/s') }),
  loop,
  wake: drive === 'spin' ? 'poll' : 'signal',
})
let rows = 0
let sum = 0
let inOrder = true
let done = (): void => {}
const complete = new Promise<void>((resolve) => {
  done = resolve
})
feed.on('rows', (batch) => {
  for (const row of batch) {
    inOrder &&= row.n === rows && row.s === `S${row.n % 10}`
    sum += row.n
    rows += 1
  }
  if (rows >= count) done()
})
await feed.open()
if (drive === 'spin') while (rows < count) feed.poll()
await complete
const report: WorkerReport = { rows, sum, inOrder, connects: feed.stats().connects, cpuTimeNs: loop.cpuTimeNs() }
parentPort?.postMessage(report)
if (drive !== 'endless') await loop.close()
