/** What a user holds: options, errors, events, iteration, closing. */
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigError, Shm, ShmError, ShmReader, type ShmWait, ShmWriter } from 'tickwire'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ShmDirectory } from '../support/shm-directory.js'
import { messageOf } from '../support/shm-message.js'

let directory: ShmDirectory
beforeEach(() => {
  directory = new ShmDirectory()
})
afterEach(() => directory[Symbol.dispose]())

const create = (options: object = {}, name = 'ticks'): ShmWriter =>
  ShmWriter.create(name, { directory: directory.path, bytes: 65_536, ...options })
const open = (options: object = {}, name = 'ticks'): Promise<ShmReader> =>
  ShmReader.open(name, { directory: directory.path, ...options })
const code = (value: string) => expect.objectContaining({ code: value })
const texts = (reader: ShmReader): string[] => {
  const seen: string[] = []
  reader.poll((message) => void seen.push(message.toString()))
  return seen
}
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(1)
}

describe('wrong options', () => {
  it.each([
    [{ bytes: 0 }, 'bytes'],
    [{ bytes: 2 ** 30 + 1 }, 'bytes'],
    [{ bytes: 1.5 }, 'bytes'],
    [{ table: -1 }, 'table'],
    [{ table: 2 ** 26 + 1 }, 'table'],
    [{ mode: 0o400 }, 'mode'],
    [{ mode: 0o700 }, 'mode'],
    [{ mode: 0o1600 }, 'mode'],
    [{ directory: 'relative' }, 'directory'],
    [{ heartbeat: -1 }, 'heartbeat'],
    [{ signal: {} }, 'signal'],
    [{ size: 1 }, 'size'],
  ])('of a writer: %j', (options, field) => {
    let error: unknown
    try {
      create(options)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(ConfigError)
    expect((error as ConfigError).issues[0]?.path).toEqual([field])
  })

  it.each([
    [{ wait: 'sleep' }, 'wait'],
    [{ start: 'middle' }, 'start'],
    [{ resume: 'start' }, 'resume'],
    [{ timeout: -1 }, 'timeout'],
    [{ checkInterval: 0 }, 'checkInterval'],
    [{ owner: -1 }, 'owner'],
    [{ owner: 2 ** 32 }, 'owner'],
    [{ bytes: 65_536 }, 'bytes'],
  ])('of a reader: %j', async (options, field) => {
    const error = await open(options).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ConfigError)
    expect((error as ConfigError).issues[0]?.path).toEqual([field])
  })

  it.each(['', '.x', 'a/b', '..', 'ä', 'a b', 'x'.repeat(65)])('a name: %j', async (name) => {
    expect(() => create({}, name)).toThrow(ConfigError)
    await expect(open({}, name)).rejects.toThrow(ConfigError)
    expect(() => Shm.unlinkStale({ name })).toThrow(ConfigError)
  })
})

describe('what cannot be opened', () => {
  it('is told by its code', async () => {
    await expect(open()).rejects.toEqual(code('ERR_SHM_NOT_FOUND'))
    writeFileSync(directory.file('ticks'), 'x'.repeat(300_000))
    await expect(open()).rejects.toEqual(code('ERR_SHM_LAYOUT'))
    symlinkSync('/etc/passwd', directory.file('link'))
    await expect(open({}, 'link')).rejects.toEqual(code('ERR_SHM_LAYOUT'))
    mkdirSync(directory.file('folder'))
    await expect(open({}, 'folder')).rejects.toThrow(ShmError)
    using writer = create()
    expect(() => create()).toThrow(code('ERR_SHM_WRITER_ACTIVE'))
    truncateSync(writer.path, 100_000)
    await expect(open()).rejects.toEqual(code('ERR_SHM_LAYOUT'))
    truncateSync(writer.path, 262_144)
    expect(() => create({ directory: '/nowhere' })).toThrow(code('ERR_SHM_NOT_FOUND'))
    expect(() => Shm.list({ directory: '/nowhere' })).toThrow(code('ERR_SHM_NOT_FOUND'))
  })

  it('is waited for, as long as is asked', async () => {
    await expect(open({ timeout: 30 })).rejects.toEqual(code('ERR_SHM_TIMEOUT'))
    const late = open({ timeout: Number.POSITIVE_INFINITY, start: 'oldest' })
    await sleep(30)
    using writer = create()
    writer.write('first')
    using reader = await late
    expect(texts(reader)).toEqual(['first'])
    const abort = new AbortController()
    const never = open({ timeout: 60_000, signal: abort.signal }, 'never')
    abort.abort(new Error('enough'))
    await expect(never).rejects.toThrow('enough')
    await expect(open({ signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before')
  })
})

describe('messages', () => {
  it('are strings or bytes of any length up to the longest', async () => {
    using writer = create()
    using reader = await open()
    expect(writer.maxMessage).toBe(16_368)
    const all = ['', 'a', 'grüße ☃ 🚀', 'x'.repeat(16_368), 'é'.repeat(8_184), '☃'.repeat(5_456)]
    for (const text of all) {
      writer.write(text)
      expect(texts(reader)).toEqual([text])
    }
    for (const bytes of [0, 1, 7, 8, 63, 64, 319, 320, 2_047, 2_048, 2_049, 16_368]) {
      writer.write(messageOf(1, bytes))
      writer.write(new Uint8Array(messageOf(2, bytes)))
      writer.reserve(bytes).set(messageOf(3, bytes))
      writer.commit()
      const seen: Buffer[] = []
      reader.poll((message) => {
        expect(message.byteOffset % 8).toBe(0)
        seen.push(Buffer.from(message))
      })
      expect(seen).toEqual([messageOf(1, bytes), messageOf(2, bytes), messageOf(3, bytes)])
    }
    expect(reader.lost).toBe(0)
    for (const long of ['x'.repeat(16_369), '☃'.repeat(5_457), messageOf(1, 16_369)]) {
      expect(() => writer.write(long)).toThrow(code('ERR_SHM_TOO_LONG'))
    }
    expect(() => writer.reserve(16_369)).toThrow(code('ERR_SHM_TOO_LONG'))
    expect(texts(reader)).toEqual([])
  })

  it('are seen when they are published', async () => {
    using writer = create()
    using reader = await open()
    writer.append('one')
    writer.append('two')
    expect(reader.pending).toBe(false)
    writer.publish()
    expect(reader.pending).toBe(true)
    expect(texts(reader)).toEqual(['one', 'two'])
    writer.reserve(3).write('abc')
    writer.commit(2, false)
    expect(texts(reader)).toEqual([])
    writer.write('three')
    expect(texts(reader)).toEqual(['ab', 'three'])
    expect(writer.sequence).toBe(4)
    expect(reader.sequence).toBe(4)
  })

  it('are made of what was reserved last', async () => {
    using writer = create()
    using reader = await open()
    expect(() => writer.commit()).toThrow(RangeError)
    for (const bytes of [100, 5_000]) {
      writer.reserve(bytes)
      expect(() => writer.commit(bytes + 1)).toThrow(RangeError)
      expect(() => writer.commit(-1)).toThrow(RangeError)
      expect(() => writer.commit(1.5)).toThrow(RangeError)
      writer.reserve(bytes)
      writer.write('instead')
      expect(() => writer.commit()).toThrow(RangeError)
    }
    expect(() => writer.reserve(-1)).toThrow(RangeError)
    expect(() => writer.reserve(0.5)).toThrow(RangeError)
    expect(texts(reader)).toEqual(['instead', 'instead'])
  })

  it('go to the handler at most so many at a time; what it throws reaches the caller', async () => {
    using writer = create()
    using reader = await open()
    for (let i = 0; i < 10; i++) writer.write(String(i))
    expect(reader.poll(() => {}, 3)).toBe(3)
    expect(() =>
      reader.poll(() => {
        throw new Error('mine')
      }),
    ).toThrow('mine')
    expect(reader.sequence).toBe(4)
    let inner = -1
    reader.poll(() => {
      inner = reader.poll(() => {})
    }, 1)
    expect(inner).toBe(0)
    const rest: string[] = []
    reader.poll((message) => {
      rest.push(message.toString())
      if (rest.length === 2) reader.close()
    })
    expect(rest).toEqual(['5', '6'])
    expect(() => reader.poll(() => {})).toThrow(code('ERR_SHM_CLOSED'))
  })

  it('begin and go on where they are asked to', async () => {
    using writer = create()
    for (let i = 1; i <= 100; i++) writer.write(String(i))
    using newest = await open()
    using oldest = await open({ start: 'oldest' })
    expect(texts(newest)).toEqual([])
    expect(texts(oldest)).toHaveLength(100)
    for (let i = 101; i <= 10_000; i++) writer.write(String(i))
    using start = await open({ start: 'start', resume: 'oldest' })
    const kept = texts(start)
    expect(kept.at(-1)).toBe('10000')
    expect(kept.length + start.lost).toBe(10_000)
    expect(texts(newest).length + newest.lost).toBe(9_900)
    expect(newest.lost).toBeGreaterThan(start.lost)
  })

  it('come with definitions however late', async () => {
    using writer = create({ table: 64 })
    using early = await open()
    writer.define('BTCUSDT=1')
    writer.define(Buffer.from('ETHUSDT=2'))
    expect(early.definitions().map(String)).toEqual(['BTCUSDT=1', 'ETHUSDT=2'])
    expect(() => writer.define('x'.repeat(20))).toThrow(code('ERR_SHM_NO_SPACE'))
    using late = await open()
    expect(late.definitions().map(String)).toEqual(['BTCUSDT=1', 'ETHUSDT=2'])
    expect(late.definitions()).toEqual([])
  })
})

describe.each<ShmWait>(['park', 'backoff', 'spin'])('events, waiting by %s', (wait) => {
  it('bring messages until nobody listens', async () => {
    using writer = create()
    using reader = await open({ wait })
    const seen: string[] = []
    const listener = (message: Buffer): void => void seen.push(message.toString())
    reader.on('message', listener)
    await sleep(5)
    for (let i = 0; i < 30; i++) {
      writer.write(String(i))
      if (i % 10 === 0) await sleep(3)
    }
    await until(() => seen.length === 30)
    reader.off('message', listener)
    writer.write('unheard')
    await sleep(10)
    expect(seen).toHaveLength(30)
    const one: string[] = []
    reader.once('message', (message) => void one.push(message.toString()))
    await until(() => one.length > 0)
    writer.write('another')
    await sleep(10)
    expect(one).toEqual(['unheard'])
  })

  it('tell of losses, and of writers that go and come', async () => {
    const first = create()
    using reader = await open({ wait, checkInterval: 5 })
    const log: string[] = []
    reader.on('message', (message) => void log.push(message.toString()))
    reader.on('lost', ({ count, total }) => void log.push(`lost ${count} ${total}`))
    reader.on('writerGone', ({ reason, epoch }) => void log.push(`gone ${reason} ${epoch === first.epoch}`))
    reader.on('writerBack', ({ epoch }) => void log.push(`back ${epoch > first.epoch}`))
    for (let i = 1; i <= 5_000; i++) first.append('x'.repeat(48))
    first.publish()
    await until(() => log.length > 1)
    await until(() => !reader.pending)
    const lost = reader.lost
    expect(log[0]).toBe(`lost ${lost} ${lost}`)
    expect(log.filter((entry) => entry.startsWith('x')).length + lost).toBe(5_000)
    log.length = 0
    first.write('last')
    first.close()
    await until(() => log.length === 2)
    expect([...log].sort()).toEqual(['gone closed true', 'last'])
    using second = create()
    second.write('again')
    await until(() => log.length === 4)
    expect(log.slice(2)).toEqual(['back true', 'again'])
    expect(reader.epoch).toBe(second.epoch)
    expect(reader.writerAlive).toBe(true)
    expect(reader.lost).toBe(lost)
  })

  it('are iterated over, without losing one that fits', async () => {
    using writer = create()
    using reader = await open({ wait })
    const seen: string[] = []
    const consumer = (async () => {
      for await (const message of reader) {
        seen.push(message.toString())
        if (seen.length % 100 === 0) await sleep(1)
        if (seen.length === 700) break
      }
    })()
    for (let i = 0; i < 700; i++) {
      writer.write(String(i))
      if (i % 50 === 0) await sleep(1)
    }
    await consumer
    expect(seen).toEqual(Array.from({ length: 700 }, (_, i) => String(i)))
    expect(reader.lost).toBe(0)
    const again = reader[Symbol.asyncIterator]()
    writer.write('more')
    expect(String((await again.next()).value)).toBe('more')
    expect(() => reader[Symbol.asyncIterator]()).toThrow(code('ERR_TICKWIRE_ITERATING'))
    const next = again.next()
    await expect(again.next()).rejects.toEqual(code('ERR_TICKWIRE_ITERATING'))
    reader.close()
    expect(await next).toEqual({ done: true, value: undefined })
    expect(await again.next()).toEqual({ done: true, value: undefined })
  })
})

describe('the end', () => {
  it('comes by close(), by disposal, by a signal', async () => {
    const abort = new AbortController()
    const writer = create({ signal: abort.signal })
    const reader = await open({ signal: abort.signal })
    const closed: string[] = []
    reader.on('close', () => void closed.push('reader'))
    const failing = reader[Symbol.asyncIterator]().next()
    abort.abort(new Error('stop'))
    await expect(failing).rejects.toThrow('stop')
    expect([writer.closed, reader.closed, closed]).toEqual([true, true, ['reader']])
    expect(directory.files).toEqual([])
    for (const use of [
      () => writer.write('x'),
      () => writer.append('x'),
      () => writer.publish(),
      () => writer.reserve(1),
      () => writer.commit(),
      () => writer.define('x'),
    ]) {
      expect(use).toThrow(code('ERR_SHM_CLOSED'))
    }
    expect(reader.definitions()).toEqual([])
    expect([reader.pending, reader.writerAlive, reader.checkWriter()]).toEqual([false, false, false])
    writer.close()
    reader.close()
    {
      using disposed = create()
      await using opened = await open()
      disposed.write('x')
      expect(texts(opened)).toEqual(['x'])
    }
    expect(directory.files).toEqual([])
    expect(() => create({ signal: AbortSignal.abort(new Error('never')) })).toThrow('never')
  })

  it('is not the end of what JavaScript still holds', async () => {
    const writer = create()
    const view = writer.reserve(10_000)
    writer.close()
    view.fill(7)
    expect(view[9_999]).toBe(7)
  })

  it('comes with an error when the segment is damaged', async () => {
    using writer = create()
    using reader = await open({ wait: 'backoff' }) // nobody wakes a reader that sleeps
    const errors: unknown[] = []
    reader.on('error', (error) => void errors.push(error))
    reader.on('message', () => {})
    const damage = Buffer.alloc(8)
    damage.writeBigUInt64LE(24n)
    const { open: openFile } = await import('node:fs/promises')
    await using file = await openFile(writer.path, 'r+')
    await file.write(damage, 0, 8, 256)
    await until(() => reader.closed)
    expect(errors).toEqual([code('ERR_SHM_CORRUPT')])
  })
})

describe('segments', () => {
  it('are listed, and removed when nobody writes them', () => {
    using writer = create({}, 'alive')
    writeFileSync(directory.file('rubbish'), 'x')
    const where = { directory: directory.path }
    const [alive, rubbish] = Shm.list(where)
    expect(alive).toEqual({
      name: 'alive',
      bytes: 262_144,
      valid: true,
      alive: true,
      ring: 65_536,
      epoch: writer.epoch,
      writerPid: process.pid,
      createdMs: expect.closeTo(Date.now(), -5),
    })
    expect(rubbish).toMatchObject({ name: 'rubbish', bytes: 1, valid: false, alive: false, writerPid: 0 })
    expect(Shm.list({ ...where, owner: 54_321 })).toEqual([])
    expect(Shm.unlinkStale({ ...where, name: 'alive' })).toEqual([])
    expect(Shm.unlinkStale(where)).toEqual(['rubbish'])
    expect(Shm.list(where).map(({ name }) => name)).toEqual(['alive'])
  })
})
