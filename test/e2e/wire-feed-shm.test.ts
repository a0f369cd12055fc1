import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { never, ShmWriter, WireFeed, type WireFeedOptions } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { Sender, say } from '../peers/wire-hub.ts'
import { ShmDirectory } from '../support/shm-directory.ts'
import type { WireWorkerPlan, WireWorkerReport } from './programs/worker-wire-feed.ts'
import { rejection, until, within } from './waiting.ts'
import { counted, noted, quotes } from './wire-notes.ts'

const program = fileURLToPath(new URL('./programs/shm-wire-writer.ts', import.meta.url))
const worker = new URL('./programs/worker-wire-feed.ts', import.meta.url)

/** A writer whose topics are `t` and `u`, sources 1 and 2, from number 0. */
function writerOf(directory: ShmDirectory, sender: Sender, bytes = 1 << 20): ShmWriter {
  const writer = ShmWriter.create('ticks', { directory: directory.path, bytes })
  writer.define(
    say.topics([
      [1, 0, 't'],
      [2, 0, 'u'],
    ]),
  )
  writer.define(say.symbols(sender.symbols))
  return writer
}

const options = (directory: ShmDirectory) => ({ shm: { directory: directory.path } })

async function writing(directory: ShmDirectory, count: number): Promise<ChildProcess> {
  const child = fork(program, [directory.path, 'ticks', String(count)], { execArgv: [] })
  const told = new Promise<unknown>((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', (code, signal) => reject(new Error(`the writer has ended: ${signal ?? code}`)))
  })
  expect(await within(told, 'the writer')).toBe('ready')
  return child
}

describe.each(['park', 'inline', 'spin', 'backoff'] as const)(
  'a wire feed of shared memory on a loop that is %s',
  (mode) => {
    it('gets what is written from when it came, of its topics alone', async () => {
      using directory = new ShmDirectory()
      const sender = new Sender('AAA')
      using writer = writerOf(directory, sender)
      for (let n = 1; n <= 5; n++) writer.write(sender.quote(n))
      const notes = noted('shm://ticks', { ...options(directory), loop: mode })
      await using feed = notes.feed
      expect(await feed.open()).toMatchObject({ address: '', port: 0, hub: '', heartbeatMs: 0, resumed: false })
      writer.write(sender.quote(6))
      writer.write(sender.quote(1, { source: 2 }))
      for (let n = 7; n <= 1_000; n++) writer.write(sender.quote(n))
      await until(() => notes.numbers.at(-1) === 1_000, 'the last quote has come')
      expect(notes.numbers).toEqual(counted(6, 1_000))
      // Sleeps by now, where it sleeps at all.
      await sleep(30)
      writer.write(sender.quote(1_001))
      writer.write(sender.quote(1_003))
      await until(() => notes.numbers.at(-1) === 1_003, 'the next has come')
      expect(notes.story.slice(-3)).toEqual(['t 1001', 't 1002…1002 overrun lost', 't 1003'])
      expect(feed.stats()).toMatchObject({ malformed: 0, overrun: 0, gaps: 1 })
    })
  },
)

describe('a wire feed of shared memory', () => {
  it('follows definitions that are made later, and topics that are subscribed to later', async () => {
    using directory = new ShmDirectory()
    const sender = new Sender('AAA')
    using writer = writerOf(directory, sender)
    const notes = noted('shm://ticks', { ...options(directory), topics: ['t', 'late'] })
    await using feed = notes.feed
    await feed.open()
    const subscribed: string[] = []
    feed.on('subscribed', ({ topic }) => subscribed.push(topic))
    writer.write(sender.quote(1))
    writer.define(say.topics([[3, 0, 'late']]))
    writer.write(sender.quote(1, { source: 3 }))
    writer.write(sender.quote(1, { source: 2 }))
    await until(() => notes.story.length === 2, 'both have come')
    feed.subscribe(['u'])
    await until(() => subscribed.includes('u'), 'the topic was joined')
    writer.write(sender.quote(2, { source: 2 }))
    await until(() => notes.story.includes('u 2'), 'the next of it has come')
    feed.unsubscribe(['t'])
    writer.write(sender.quote(2))
    writer.write(sender.quote(2, { source: 3 }))
    await until(() => notes.story.includes('late 2'), 'the last has come')
    const mine = notes.story.filter((line) => !line.includes('…'))
    // What was on its way when the topic was left may come.
    expect(mine.filter((line) => line !== 't 2')).toEqual(['t 1', 'late 1', 'u 2', 'late 2'])
  })

  it('tells exactly what a writer has overwritten that does not wait', async () => {
    using directory = new ShmDirectory()
    const sender = new Sender('AAA')
    using writer = writerOf(directory, sender, 65_536)
    const total = 20_000
    const notes = noted('shm://ticks', options(directory))
    await using feed = notes.feed
    await feed.open()
    writer.write(sender.quote(1))
    await until(() => notes.numbers.length === 1, 'the first has come')
    // 80 bytes each: many laps.
    for (let n = 2; n <= total; n++) writer.write(sender.quote(n))
    await until(() => notes.numbers.at(-1) === total, 'the last has come')
    const { missing, overrun, malformed } = feed.stats()
    expect(notes.numbers.length + missing).toBe(total)
    expect(overrun).toBe(missing)
    expect(malformed).toBe(0)
    expect(missing).toBeGreaterThan(0)
    let next = 1
    for (const line of notes.story) {
      const [, from, to] = /^t (\d+)(?:…(\d+) overrun lost)?$/.exec(line) ?? []
      expect(Number(from)).toBe(next)
      next = Number(to ?? from) + 1
    }
    expect(next).toBe(total + 1)
  })

  it('counts records that are no frames, and goes on', async () => {
    using directory = new ShmDirectory()
    const sender = new Sender('AAA')
    using writer = writerOf(directory, sender)
    const notes = noted('shm://ticks', options(directory))
    await using feed = notes.feed
    await feed.open()
    writer.write(sender.quote(1))
    writer.write('nonsense')
    writer.write(sender.quotes(2, 3)) // two frames in one record
    writer.write(sender.quote(2).subarray(0, 63))
    writer.write(sender.quote(2))
    await until(() => notes.numbers.includes(2), 'the last has come')
    expect(notes.numbers).toEqual([1, 2])
    expect(feed.stats()).toMatchObject({ skippedBytes: 8 + 128 + 63, gaps: 0 })
    expect(feed.stats().malformedBy.resync).toBeGreaterThan(0)
  })

  it('waits for a writer that is not there yet, and follows the next one from its start', async () => {
    using directory = new ShmDirectory()
    const notes = noted('shm://ticks', options(directory))
    await using feed = notes.feed
    const opening = feed.open()
    await until(() => notes.states.some(({ reason }) => reason === 'ERR_SHM_NOT_FOUND'), 'nothing was found')
    const first = await writing(directory, 200)
    await within(opening, 'the segment')
    first.send('go')
    await until(() => notes.numbers.length === 200, 'everything of the first writer has come')
    first.send('close')
    await once(first, 'exit')
    const ends = () => notes.states.filter(({ from }) => from === 'connected').map(({ reason }) => reason)
    await until(() => ends().length > 0, 'the end was told')
    expect(ends()).toEqual(['ERR_EOF'])

    const second = await writing(directory, 300)
    second.send('go')
    await once(second, 'message')
    await until(() => notes.numbers.length === 500, 'everything of the second writer has come')
    expect(notes.numbers).toEqual([...counted(1, 200), ...counted(1, 300)])
    expect(notes.gaps).toEqual([])
    second.kill('SIGKILL')
    await until(() => ends().length > 1, 'its end was told')
    expect(ends()).toEqual(['ERR_EOF', 'ERR_SHM_WRITER_GONE'])
  })

  it('loses nothing that was written by a process that is killed in mid-stream, and takes nothing for a message that is none', async () => {
    using directory = new ShmDirectory()
    const notes = noted('shm://ticks', { ...options(directory), reconnect: never() })
    await using feed = notes.feed
    const child = await writing(directory, 0)
    await feed.open()
    const ended = new Promise<unknown>((resolve) => feed.once('close', resolve))
    feed.on('error', () => {})
    child.send('go')
    await until(() => notes.numbers.length > 2_000, 'quotes come')
    child.kill('SIGKILL')
    expect(await within(ended, 'the end')).toMatchObject({ code: 'ERR_SHM_WRITER_GONE' })
    const { missing, malformed } = feed.stats()
    expect(malformed).toBe(0)
    expect(notes.numbers.length + missing).toBe(notes.numbers.at(-1))
  })

  it('conflates, and ends when it is told to, also while it sleeps', async () => {
    using directory = new ShmDirectory()
    const sender = new Sender('AAA')
    using writer = writerOf(directory, sender, 16 << 20)
    const notes = noted('shm://ticks', { ...options(directory), overflow: 'conflate' })
    const { feed } = notes
    await feed.open()
    for (let n = 1; n <= 20_000; n++) writer.write(sender.quote(n))
    await until(() => notes.numbers.at(-1) === 20_000, 'the newest has come')
    const { rows, conflated } = feed.stats()
    expect(rows).toBe(20_000)
    expect(notes.numbers.length + conflated).toBe(20_000)
    await sleep(20)
    await within(feed.close(), 'the end', 2_000)
    expect(() => feed.ping()).toThrow(expect.objectContaining({ code: 'ERR_NOT_OPEN' }))

    const controller = new AbortController()
    const aborted = new WireFeed({
      url: 'shm://ticks',
      topics: ['*'],
      decode: quotes,
      signal: controller.signal,
      ...options(directory),
    } satisfies WireFeedOptions<typeof quotes>)
    await aborted.open()
    const next = aborted[Symbol.asyncIterator]().next()
    controller.abort()
    expect(await rejection(next)).toMatchObject({ code: 'ERR_ABORTED' })
  })

  it('spins in a worker, where no call wakes it', async () => {
    using directory = new ShmDirectory()
    const sender = new Sender('AAA')
    using writer = writerOf(directory, sender)
    const plan: WireWorkerPlan = {
      url: 'shm://ticks',
      directory: directory.path,
      mode: 'inline',
      drive: 'spin',
      count: 500,
    }
    const thread = new Worker(worker, { workerData: plan, execArgv: [] })
    const exit = once(thread, 'exit')
    const messages: unknown[] = []
    thread.on('message', (message) => messages.push(message))
    await until(() => messages.includes('open'), 'the worker reads')
    for (let n = 1; n <= 500; n++) writer.write(sender.quote(n))
    await until(() => messages.length === 2, 'the worker has everything')
    const report = messages[1] as WireWorkerReport
    expect(report).toEqual({ rows: 500, first: 1, inOrder: true, gaps: 0, malformed: 0 })
    expect(await within(exit, 'the end of the worker')).toEqual([0])
  })
})
