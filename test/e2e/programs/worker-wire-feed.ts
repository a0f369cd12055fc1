/** A wire feed in a worker; what to do comes as `workerData`, what came of it goes back as one message. */
import { parentPort, workerData } from 'node:worker_threads'
import { Loop, type LoopMode, Quote, WireFeed, wire } from 'tickwire'

export interface WireWorkerPlan {
  readonly url: string
  readonly directory?: string
  readonly mode: LoopMode
  /** `signal`: wakes up; `spin`: calls poll() and does nothing else; `endless`: goes on until somebody ends the worker. */
  readonly drive: 'signal' | 'spin' | 'endless'
  /** Rows to take. */
  readonly count: number
}

export interface WireWorkerReport {
  readonly rows: number
  readonly first: number
  readonly inOrder: boolean
  readonly gaps: number
  readonly malformed: number
}

const { url, mode, drive, count, directory } = workerData as WireWorkerPlan
const loop = new Loop({ mode })
const feed = new WireFeed({
  url,
  topics: ['t'],
  decode: wire.rows([Quote.select({ bid: 'bid', n: wire.int64('sequence', { as: 'number' }) })]),
  loop,
  wake: drive === 'spin' ? 'poll' : 'signal',
  ...(directory === undefined ? {} : { shm: { directory } }),
})
let rows = 0
let first = 0
let inOrder = true
let done = (): void => {}
const complete = new Promise<void>((resolve) => {
  done = resolve
})
feed.on('rows', (batch) => {
  for (const row of batch) {
    if (rows === 0) first = row.n
    inOrder &&= row.n === first + rows && row.bid === row.n
    rows += 1
  }
  if (rows >= count) done()
})
await feed.open()
if (directory !== undefined) parentPort?.postMessage('open')
if (drive === 'spin') while (rows < count) feed.poll()
await complete
const { gaps, malformed } = feed.stats()
const report: WireWorkerReport = { rows, first, inOrder, gaps, malformed }
parentPort?.postMessage(report)
if (drive !== 'endless') await loop.close()
