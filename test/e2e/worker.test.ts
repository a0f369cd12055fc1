import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Feed, json, Loop, type LoopMode } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { localhostCertificates } from '../peers/certificates.ts'
import { silent } from '../peers/misbehaviours.ts'
import { startRawServer } from '../peers/raw-server.ts'
import { startWsServer, type WsServer } from '../peers/ws-server.ts'
import type { WorkerPlan, WorkerReport } from './programs/worker-feed.ts'
import { until, within } from './waiting.ts'

const program = new URL('./programs/worker-feed.ts', import.meta.url)
const restless = new URL('./programs/worker-restless.ts', import.meta.url)
const row = (n: number): string => `{"n":${n},"s":"S${n % 10}"}`

function start(plan: WorkerPlan): Worker {
  return new Worker(program, { workerData: plan, execArgv: [] })
}

/** The worker's message; its failure or its silent end is one here. */
function report(worker: Worker): Promise<WorkerReport> {
  const message = new Promise<WorkerReport>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`the worker ended with ${code} and said nothing`)))
  })
  return within(message, 'the report of the worker')
}

function exitOf(worker: Worker): Promise<number> {
  return within(new Promise((resolve) => worker.once('exit', resolve)), 'the end of the worker')
}

/** Sends numbered rows to everybody who comes: `count`, or for ever, never far ahead of the client. */
function startStream(count: number, options: Parameters<typeof startWsServer>[0] = {}): Promise<WsServer> {
  return startWsServer({
    ...options,
    onConnection: (socket) => {
      let n = 0
      const pour = (): void => {
        if (socket.readyState !== socket.OPEN) return
        for (let k = 0; k < 200 && n < count && socket.bufferedAmount < 200_000; k++) socket.send(row(n++))
        if (n < count) setImmediate(pour)
      }
      pour()
    },
  })
}

const sumBelow = (count: number): number => (count * (count - 1)) / 2

describe('a feed in a worker', () => {
  const count = 30_000
  it.each([
    ['park', 'signal'],
    ['spin', 'signal'],
    ['backoff', 'signal'],
    ['inline', 'signal'],
    ['park', 'spin'],
    ['spin', 'spin'],
    ['inline', 'spin'],
  ] as const)('loop %s, driven by %s, gets every row in order, and ends by itself', async (mode, drive) => {
    await using server = await startStream(count)
    const worker = start({ url: server.url, mode, drive, count })
    const exit = exitOf(worker)
    const told = await report(worker)
    expect(told).toMatchObject({ rows: count, sum: sumBelow(count), inOrder: true, connects: 1 })
    if (mode === 'inline') expect(told.cpuTimeNs).toBe(0)
    else expect(told.cpuTimeNs).toBeGreaterThan(0)
    expect(await exit).toBe(0)
    await until(() => server.closeCodes.length === 1, 'the server has seen the end')
    expect(server.closeCodes).toEqual([1000])
  })

  it('does not share loops with others: two workers and the main thread at once', async () => {
    await using server = await startStream(count)
    const plans = [
      { url: server.url, mode: 'park', drive: 'signal', count },
      { url: server.url, mode: 'inline', drive: 'signal', count },
    ] as const
    const workers = plans.map(start)
    const exits = workers.map(exitOf)
    await using loop = new Loop()
    await using feed = new Feed({ url: server.url, decode: json({ n: json.number('/n') }), loop })
    let rows = 0
    let sum = 0
    feed.on('rows', (batch) => {
      for (const each of batch) {
        rows += 1
        sum += each.n
      }
    })
    const [reports] = await Promise.all([Promise.all(workers.map(report)), feed.open()])
    for (const told of reports) expect(told).toMatchObject({ rows: count, sum: sumBelow(count), inOrder: true })
    expect(await Promise.all(exits)).toEqual([0, 0])
    // The end of the workers is none for this thread's feed.
    await until(() => rows === count, 'the main thread has every row too')
    expect(sum).toBe(sumBelow(count))
    expect(feed.state).toBe('connected')
  })
})

describe('workers that are ended', () => {
  const isLinux = existsSync('/proc/self/fd')
  const fds = (): number => (isLinux ? readdirSync('/proc/self/fd').length : 0)
  const threads = (): number => (isLinux ? readdirSync('/proc/self/task').length : 0)

  /** Starts workers, ends each at a moment of its own, two at a time. */
  async function churn(plan: WorkerPlan, times: number, moment: 'streaming' | 'any'): Promise<void> {
    let begun = 0
    const lane = async (): Promise<void> => {
      while (begun < times) {
        const n = begun++
        const worker = start(plan)
        worker.on('error', () => {})
        const exit = exitOf(worker)
        if (moment === 'streaming') await report(worker)
        else await new Promise((resolve) => setTimeout(resolve, (n * 7) % 90))
        await within(worker.terminate(), 'the worker to end')
        await exit
      }
    }
    await Promise.all([lane(), lane()])
  }

  it('in the middle of a stream or of anything else leave no thread and no descriptor behind', async () => {
    const { authority: _, server: certificate } = localhostCertificates()
    await using plain = await startStream(Number.POSITIVE_INFINITY)
    await using secure = await startStream(Number.POSITIVE_INFINITY, { tls: { ...certificate } })
    const plan = (mode: LoopMode): WorkerPlan => ({ url: plain.url, mode, drive: 'endless', count: 500 })
    const calm = (): boolean => plain.clients.size === 0 && secure.clients.size === 0
    await churn(plan('park'), 4, 'streaming')
    await churn(plan('inline'), 4, 'streaming')
    await until(calm, 'the server has seen every end')
    const before = { fds: fds(), threads: threads() }

    await churn(plan('park'), 70, 'streaming')
    await churn(plan('inline'), 50, 'streaming')
    await churn(plan('spin'), 20, 'streaming')
    await churn(plan('park'), 30, 'any')
    await churn(plan('inline'), 30, 'any')
    await until(calm, 'the server has seen every end')
    // A pool of Node's own may have grown by a few; what leaked from each of 200 workers would show.
    if (isLinux) {
      await until(() => fds() <= before.fds + 8, `the descriptors are closed: ${before.fds} before`)
      await until(() => threads() <= before.threads + 8, `the threads are gone: ${before.threads} before`)
    }
    // And what is left of the addon works.
    const worker = start({ url: plain.url, mode: 'park', drive: 'signal', count: 100 })
    const exit = exitOf(worker)
    expect((await report(worker)).inOrder).toBe(true)
    expect(await exit).toBe(0)
  }, 240_000)

  it('in the middle of calls into the core do not take the process along', async () => {
    await using server = await startRawServer(silent)
    // In a process of its own: what this is about would end the one that it runs in.
    const child = spawn(process.execPath, [fileURLToPath(restless), server.url, '60'], { stdio: 'pipe' })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString()
      })
    }
    const end = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal, output })))
    expect(await within(end, 'the end of the process', 90_000)).toEqual({ code: 0, signal: null, output: 'survived\n' })
  }, 100_000)

  it('while they spin in poll()', async () => {
    await using server = await startStream(Number.POSITIVE_INFINITY)
    for (const mode of ['park', 'inline'] as const) {
      for (let i = 0; i < 5; i++) {
        // It never returns to its event loop: it asks for more than it gets in time.
        const worker = start({ url: server.url, mode, drive: 'spin', count: 2 ** 40 })
        const exit = exitOf(worker)
        await until(() => server.clients.size === 1, 'the worker is connected')
        await new Promise((resolve) => setTimeout(resolve, 20))
        await within(worker.terminate(), 'the worker to end')
        await exit
        await until(() => server.clients.size === 0, 'the server has seen the end')
      }
    }
  }, 60_000)
})
