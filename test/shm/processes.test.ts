/** JavaScript writers and readers in processes and Workers of their own, some of which are killed. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Shm, ShmReader, ShmWriter } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { ShmDirectory } from '../support/shm-directory.js'
import { isMessage, messageOf } from '../support/shm-message.js'

const timeout = 60_000

function program(name: string, args: readonly string[], uid?: number, execArgv: string[] = []): ChildProcess {
  const file = fileURLToPath(new URL(`./programs/${name}.ts`, import.meta.url))
  return fork(file, args, {
    execArgv,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
}

async function started(child: ChildProcess): Promise<ChildProcess> {
  const [message] = await once(child, 'message')
  expect(message).toBe('ready')
  return child
}

function writing(directory: ShmDirectory, plan: object): Promise<ChildProcess> {
  return started(program('writer', ['ticks', JSON.stringify({ directory: directory.path, ...plan })]))
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(1)
}

describe('a writer in another process', { timeout }, () => {
  it('that is killed in mid-stream leaves what can be read and a name that can be taken', async () => {
    using directory = new ShmDirectory()
    let reader: ShmReader | null = null
    const gone: string[] = []
    const back: number[] = []
    let received = 0
    for (let round = 0; round < 5; round++) {
      const child = await writing(directory, {
        bytes: 65_536,
        count: 0,
        longest: round % 2 ? 16_000 : 300,
        end: 'wait',
      })
      if (reader === null) {
        reader = await ShmReader.open('ticks', { directory: directory.path, start: 'start', checkInterval: 5 })
        reader.on('writerGone', ({ reason }) => void gone.push(reason))
        reader.on('writerBack', ({ epoch }) => void back.push(epoch))
      }
      const open: ShmReader = reader
      await until(() => open.checkWriter() && open.writerPid === child.pid)
      const lostBefore = open.lost
      let seen = 0
      let last = 0
      const take = (message: Buffer): void => {
        if (!isMessage(message, open.sequence) || open.sequence <= last) throw new Error(`message ${open.sequence}`)
        last = open.sequence
        seen++
      }
      const end = performance.now() + 20 + round * 7
      while (seen < 50 || performance.now() < end) open.poll(take, 64)
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
      open.poll(take)
      expect(open.pending).toBe(false)
      expect(open.writerAlive).toBe(false)
      expect(seen + open.lost - lostBefore).toBe(last)
      await until(() => gone.length > round)
      received += seen
    }
    expect(received).toBeGreaterThan(250)
    expect(gone).toEqual(Array(5).fill('died'))
    expect(back).toHaveLength(4)
    expect(new Set(back).size).toBe(4)
    expect([...back].sort((a, b) => a - b)).toEqual(back)
    expect(Shm.list({ directory: directory.path })).toMatchObject([{ name: 'ticks', valid: true, alive: false }])
    expect(Shm.unlinkStale({ directory: directory.path })).toEqual(['ticks'])
    expect(Shm.list({ directory: directory.path })).toEqual([])
    reader?.close()
  })

  it.each(['close', 'exit'] as const)('that ends by %s takes its name along', async (end) => {
    using directory = new ShmDirectory()
    const child = await writing(directory, { bytes: 1_048_576, count: 500, longest: 200, end })
    await once(child, 'exit')
    expect(directory.files).toEqual([])
  })

  it('lets no second one in while it lives, also when it is stopped', async () => {
    using directory = new ShmDirectory()
    const child = await writing(directory, { bytes: 65_536, count: 0, longest: 100, end: 'wait' })
    const create = (): ShmWriter => ShmWriter.create('ticks', { directory: directory.path, bytes: 65_536 })
    const active = expect.objectContaining({ code: 'ERR_SHM_WRITER_ACTIVE' })
    expect(create).toThrow(active)
    child.kill('SIGSTOP')
    expect(create).toThrow(active)
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    using writer = create()
    expect(writer.sequence).toBe(0)
    expect(directory.files).toHaveLength(1)
  })
})

describe('readers in other processes', { timeout }, () => {
  it.each(['park', 'backoff', 'spin'] as const)('get everything, waiting by %s', async (wait) => {
    using directory = new ShmDirectory()
    const writer = ShmWriter.create('ticks', { directory: directory.path, bytes: 1_048_576 })
    const options = JSON.stringify({ directory: directory.path, wait, start: 'start', checkInterval: 10 })
    const children = [program('reader', ['ticks', options]), program('reader', ['ticks', options])]
    await Promise.all(children.map(started))
    for (let i = 1; i <= 600; i++) {
      writer.write(messageOf(i, i % 500))
      if (i % 20 === 0) await sleep(1)
    }
    const reports = children.map((child) => once(child, 'message'))
    await sleep(50)
    writer.close()
    for (const report of reports) {
      expect((await report)[0]).toEqual({
        received: 600,
        lost: 0,
        told: 0,
        intact: true,
        last: 600,
        reason: 'closed',
      })
    }
  })

  it('that are killed while they read and sleep are nothing to the writer and to others', async () => {
    using directory = new ShmDirectory()
    using writer = ShmWriter.create('ticks', { directory: directory.path, bytes: 1_048_576 })
    using witness = await ShmReader.open('ticks', { directory: directory.path })
    const options = JSON.stringify({ directory: directory.path, checkInterval: 10 })
    const victims = [program('reader', ['ticks', options]), program('reader', ['ticks', options])]
    await Promise.all(victims.map(started))
    let received = 0
    witness.on('message', (message) => {
      if (!isMessage(message, witness.sequence)) throw new Error(`message ${witness.sequence}`)
      received++
    })
    for (let i = 1; i <= 2_000; i++) {
      writer.write(messageOf(i, i % 300))
      if (i === 700) victims[0]?.kill('SIGKILL')
      if (i === 1_400) victims[1]?.kill('SIGKILL')
      if (i % 50 === 0) await sleep(1)
    }
    await until(() => received === 2_000)
    expect(witness.lost).toBe(0)
  })

  it.skipIf(process.geteuid?.() !== 0)('of other users, as the permissions say', async () => {
    using directory = new ShmDirectory()
    chmodSync(directory.path, 0o755)
    const writer = ShmWriter.create('ticks', { directory: directory.path, bytes: 65_536, mode: 0o644 })
    expect(statSync(directory.file('ticks')).mode & 0o7777).toBe(0o644)
    const options = { directory: directory.path, owner: 0, start: 'start', checkInterval: 10 }
    const child = await started(program('reader', ['ticks', JSON.stringify(options)], 12_345))
    for (let i = 1; i <= 100; i++) writer.write(messageOf(i, 50))
    await sleep(50)
    const report = once(child, 'message')
    writer.close()
    expect((await report)[0]).toMatchObject({ received: 100, lost: 0, intact: true })

    using secret = ShmWriter.create('ticks', { directory: directory.path, bytes: 65_536 })
    expect(statSync(secret.path).mode & 0o7777).toBe(0o600)
    const refused = program('reader', ['ticks', JSON.stringify(options)], 12_345)
    expect((await once(refused, 'exit'))[0]).toBe(1)
    const notTheirs = program('reader', ['ticks', JSON.stringify({ ...options, owner: 12_345 })], 12_345)
    expect((await once(notTheirs, 'exit'))[0]).toBe(1)
  })
})

describe('Workers', { timeout }, () => {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.package).then(async ({ ShmReader, ShmWriter }) => {
      const reader = await ShmReader.open('ticks', { directory: workerData.directory, wait: workerData.wait })
      const writer = ShmWriter.create('answers' + workerData.id, { directory: workerData.directory, bytes: 65536 })
      reader.on('message', (message) => writer.write(message))
      parentPort.postMessage('ready')
      if (workerData.restless) for (;;) reader.poll((message) => writer.write(message))
    })`
  const packageUrl = new URL('../../dist/esm/index.js', import.meta.url).href

  it('read and write, and may be terminated at any time', async () => {
    using directory = new ShmDirectory()
    using writer = ShmWriter.create('ticks', { directory: directory.path, bytes: 65_536 })
    for (let round = 0; round < 12; round++) {
      const workerData = {
        package: packageUrl,
        directory: directory.path,
        id: round,
        wait: (['park', 'backoff', 'spin'] as const)[round % 3],
        restless: round % 4 === 3,
      }
      const worker = new Worker(code, { eval: true, workerData })
      expect((await once(worker, 'message'))[0]).toBe('ready')
      using answers = await ShmReader.open(`answers${round}`, { directory: directory.path })
      let received = 0
      answers.on('message', () => void received++)
      while (received < 100) {
        writer.write('tick')
        await sleep(0)
      }
      await worker.terminate()
      // The environment's end closes its writer.
      await until(() => !directory.files.some((file) => file.endsWith(`answers${round}`)))
    }
    expect(directory.files).toHaveLength(1)
  })
})

describe('a thousand times open and closed', { timeout: 120_000 }, () => {
  it('leaves no descriptor, no memory and no file behind', async () => {
    using directory = new ShmDirectory()
    const child = program('open-close', [directory.path], undefined, ['--expose-gc'])
    const [report] = (await once(child, 'message')) as [Record<'descriptors' | 'mappings' | 'rss', number>]
    expect(report.descriptors).toBe(0)
    // Two mappings of 256 KiB each: 512 MiB if they stayed.
    expect(report.mappings).toBeLessThan(20)
    expect(report.rss).toBeLessThan(64 * 1_048_576)
    expect(directory.files).toEqual([])
  })
})
