/** One side in a process of its own: does its task and sends what it measured. */
import { openSync, readSync } from 'node:fs'
import { quantile } from '../report.ts'
import { type Client, clientOf } from './clients.ts'
import type { RestResult, RestTask } from './task.ts'

const task = JSON.parse(process.argv[2] ?? '') as RestTask
const client = clientOf(task)

/** Waits for an answer; a spinning side hands its records over itself and gives the event loop nothing to do. */
async function ended(answer: Promise<void>): Promise<void> {
  if (task.side !== 'spin') return answer
  let open = true
  const done = (): void => {
    open = false
  }
  answer.then(done, done)
  while (open) {
    client.poll?.()
    await undefined
  }
  return answer
}

async function serial(requests: number): Promise<Float64Array> {
  const samples = new Float64Array(requests)
  for (let i = 0; i < requests; i++) {
    const start = performance.now()
    await ended(client.post())
    samples[i] = (performance.now() - start) * 1e6
  }
  return samples
}

/** From the call until the write of the request begins; JS is busy for a while right after the call. */
async function wire(requests: number, busyMs: number): Promise<Float64Array> {
  const file = openSync(process.env['TICKWIRE_WIRE_STAMP'] ?? '', 'r')
  const stamp = Buffer.alloc(16)
  const samples = new Float64Array(requests)
  let seen = 0n
  for (let i = 0; i < requests; i++) {
    const start = process.hrtime.bigint()
    const answer = client.post()
    if (busyMs > 0) {
      const end = performance.now() + busyMs
      while (performance.now() < end);
    }
    await answer
    readSync(file, stamp, 0, 16, 0)
    const count = stamp.readBigUInt64LE(0)
    if (count <= seen) throw new Error('a request left without being stamped')
    seen = count
    samples[i] = Number(stamp.readBigUInt64LE(8) - start)
  }
  return samples
}

async function concurrent(requests: number, lanes: number): Promise<void> {
  let left = requests
  const lane = async (of: Client): Promise<void> => {
    while (left-- > 0) await of.post()
  }
  await Promise.all(Array.from({ length: lanes }, () => lane(client)))
}

if (task.kind === 'concurrent') await concurrent(task.warmUp, task.lanes)
else if (task.kind === 'wire') await wire(task.warmUp, 0)
else await serial(task.warmUp)

const cpu = process.cpuUsage()
const start = performance.now()
let samples: Float64Array = new Float64Array()
if (task.kind === 'concurrent') await concurrent(task.requests, task.lanes)
else samples = task.kind === 'wire' ? await wire(task.requests, task.busyMs) : await serial(task.requests)
const wallMs = performance.now() - start
const { user, system } = process.cpuUsage(cpu)
samples.sort()
const result: RestResult = {
  p50: quantile(samples, 0.5),
  p99: quantile(samples, 0.99),
  perSecond: (task.requests / wallMs) * 1e3,
  cpuNs: ((user + system) * 1e3) / task.requests,
}
process.send?.(result)
await client.close()
