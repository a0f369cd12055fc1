/** The JavaScript ends of a ring against the C++ ends. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { ShmReader, ShmWriter } from 'tickwire'
import { beforeAll, describe, expect, it } from 'vitest'
import { ShmLayout } from '../../lib/shm/layout.js'
import { nativeProgram } from '../peers/native-program.js'
import { ShmDirectory } from '../support/shm-directory.js'
import { isMessage, messageOf } from '../support/shm-message.js'

let peer: string
beforeAll(() => {
  peer = nativeProgram('test/peers/native/shm_peer.cc', ['base', 'shm'])
}, 300_000)

async function start(args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(peer, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  if (child.stdout === null) throw new Error('no output')
  await once(child.stdout, 'data')
  return child
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.stdin?.end()
  expect(await exited).toEqual([0, null])
}

interface Report {
  readonly received: number
  readonly lost: number
  readonly last: number
  readonly bytes: number
  readonly entries: number
  readonly intact: boolean
  readonly status: string
}

function nativeRead(directory: string, name: string, count: number): Report {
  const { status, stdout } = spawnSync(peer, ['read', directory, name, String(count)], { encoding: 'utf8' })
  expect(status).toBe(0)
  return JSON.parse(stdout) as Report
}

/** The file without what tells one writer from another, and without what readers write. */
function image(path: string): Buffer {
  const bytes = readFileSync(path)
  bytes.fill(0, 12, 16) // flags
  bytes.fill(0, 56, 88) // epoch, creation, start and number of the process
  bytes.fill(0, 136, 144) // heartbeat
  bytes.fill(0, ShmLayout.parkedWord * 4, ShmLayout.parkedWord * 4 + 8)
  return bytes
}

describe('what the two writers leave in memory', () => {
  it.each([
    ['a part of a lap', 200, 400],
    ['many laps', 5_000, 3_000],
    ['many laps of the longest', 300, 16_368],
  ])('is the same to the byte: %s', async (_, count, most) => {
    using directory = new ShmDirectory()
    const sizes = Array.from({ length: count }, (__, i) => ((i * 7_919) % (most / 8 + 1)) * 8)
    const child = await start(['write', directory.path, 'native', '65536', '0', sizes.join(',')])
    using writer = ShmWriter.create('script', { directory: directory.path, bytes: 65_536, heartbeat: 0 })
    for (const [i, bytes] of sizes.entries()) writer.write(messageOf(i + 1, bytes))
    writer.define(messageOf(1, 24))
    writer.define(messageOf(2, 8))
    const native = image(directory.file('native'))
    const script = image(directory.file('script'))
    expect(script.length).toBe(native.length)
    expect(script.compare(native)).toBe(0)
    await end(child)
  })
})

describe('a C++ writer and a JavaScript reader', () => {
  it.each(['0', String(2 ** 32 - 65_536), String(2 ** 32 - 16), String(2 ** 34 - 65_536 * 3 + 16)])(
    'from position %s on',
    async (first) => {
      using directory = new ShmDirectory()
      const sizes = Array.from({ length: 3_000 }, (_, i) => (i * 7_919) % 801)
      const child = await start(['write', directory.path, 'ticks', '65536', first, sizes.join(',')])
      using reader = await ShmReader.open('ticks', { directory: directory.path, start: 'start', resume: 'oldest' })
      expect(reader.writerPid).toBe(child.pid)
      expect(reader.writerAlive).toBe(true)
      let received = 0
      reader.poll((message) => {
        received++
        expect(message.length).toBe(sizes[reader.sequence - 1])
        expect(isMessage(message, reader.sequence)).toBe(true)
      })
      expect(received).toBeGreaterThan(50)
      expect(received + reader.lost).toBe(3_000)
      expect(reader.definitions().map((entry, i) => isMessage(entry, i + 1))).toEqual([true, true])
      await end(child)
      expect(reader.writerAlive).toBe(false)
    },
  )

  it('that is killed while it floods', async () => {
    using directory = new ShmDirectory()
    const child = await start(['flood', directory.path, 'ticks', '1048576'])
    using reader = await ShmReader.open('ticks', { directory: directory.path, start: 'start' })
    let received = 0
    let last = 0
    const take = (message: Buffer): void => {
      received++
      if (!isMessage(message, reader.sequence) || reader.sequence <= last) throw new Error(`message ${last}`)
      last = reader.sequence
    }
    while (received <= 1_000) reader.poll(take, 100)
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    expect(reader.writerAlive).toBe(false)
    reader.poll(take)
    expect(reader.pending).toBe(false)
    expect(received + reader.lost).toBe(last)
  })
})

describe('a JavaScript writer and a C++ reader', () => {
  it('that reads afterwards', () => {
    using directory = new ShmDirectory()
    using writer = ShmWriter.create('ticks', { directory: directory.path, bytes: 65_536 })
    writer.define(messageOf(1, 100))
    for (let i = 1; i <= 4_000; i++) {
      const bytes = (i * 7_919) % 801
      if (i % 3 === 0) {
        writer.reserve(bytes + 50).set(messageOf(i, bytes))
        writer.commit(bytes)
      } else writer.write(messageOf(i, bytes))
    }
    const report = nativeRead(directory.path, 'ticks', 4_000)
    expect(report).toMatchObject({ last: 4_000, entries: 1, intact: true, status: 'NONE' })
    expect(report.received).toBeGreaterThan(50)
    expect(report.received + report.lost).toBe(4_000)
  })

  it('that sleeps and is woken', { timeout: 60_000 }, async () => {
    using directory = new ShmDirectory()
    using writer = ShmWriter.create('ticks', { directory: directory.path, bytes: 1_048_576 })
    const child = spawn(peer, ['read', directory.path, 'ticks', '400'], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += String(chunk)
    })
    const exited = once(child, 'exit')
    for (let i = 1; i <= 400; i++) {
      writer.write(messageOf(i, i))
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 2))
    }
    expect(await exited).toEqual([0, null])
    expect(JSON.parse(output)).toMatchObject({ received: 400, lost: 0, last: 400, intact: true })
  })
})
