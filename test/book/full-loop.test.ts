/** More feeds, books and the like than a loop takes of one JS context. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Arbiter, bytes, Feed, Hub, json, Loop, TickwireError, WireFeed } from 'tickwire'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Books } from '../../dist/esm/book/index.js'
import { CaptureWriter, Recorder } from '../../dist/esm/capture/index.js'
import { HttpClient } from '../../dist/esm/rest/index.js'
import { okx } from '../../dist/esm/venue/okx/index.js'
import { until } from '../e2e/waiting.ts'

const decode = json({ symbol: json.symbol('/s') })
const url = 'ws://127.0.0.1:1/'
const full = { code: 'ERR_CHANNEL_FULL', message: expect.stringMatching(/65,535/) as string }
let loop: Loop
let books: Books
let count = 0
let told: unknown = null

beforeAll(() => {
  loop = new Loop({ mode: 'park' })
  books = new Books({ loop, depth: 1 })
  try {
    for (; count < 70_000; count++) books.add(`S${count}`)
  } catch (caught) {
    told = caught
  }
}, 120_000)
afterAll(() => loop.close())

/** What a call throws, or its promise is rejected with. */
async function failure(call: () => unknown): Promise<unknown> {
  try {
    await call()
  } catch (error) {
    return error
  }
  throw new Error('did not fail')
}

it('books are refused that it has no room for', () => {
  expect(told).toBeInstanceOf(TickwireError)
  expect(told).toMatchObject(full)
  expect(books.size).toBe(count)
  expect(count).toBeGreaterThan(65_000)
  expect(books.get(`S${count}`)).toBeUndefined()
})

it.each<[string, () => unknown]>([
  ['books', () => new Books({ loop })],
  ['a feed', () => new Feed({ url, decode, loop }).open()],
  ["an arbiter's feed", () => new Feed({ url, decode, loop, arbiter: new Arbiter({ decode, loop }) }).open()],
  ['a wire feed', () => new WireFeed({ url: 'tcp://127.0.0.1:1', decode: bytes(), loop }).open()],
  ['a hub', () => Hub.listen({ loop, ws: 'ws://127.0.0.1:0' })],
  ['a hub with a segment', () => Hub.listen({ loop, shm: { name: `tickwire-full-${process.pid}` } })],
  ['an HTTP client', () => new HttpClient({ origin: 'http://127.0.0.1:1', loop })],
])('%s of a full loop is refused with the same class of error', async (_, make) => {
  const error = await failure(make)
  expect(Object.getPrototypeOf(error)).toBe(TickwireError.prototype)
  expect(error).toMatchObject(full)
})

it('a feed that found no room is not among those that are recorded', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tickwire-'))
  try {
    await using writer = await CaptureWriter.create(join(directory, 'full.capture'))
    using recorder = new Recorder(writer)
    const feed = new Feed({ url, decode, loop, record: recorder })
    await expect(feed.open()).rejects.toMatchObject(full)
    expect(recorder.stats().feeds).toBe(0)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

it('there is room again when something goes', async () => {
  books.delete('S0')
  await until(() => {
    try {
      return books.add('another').symbol === 'another'
    } catch {
      return false
    }
  }, 'there is room')
  books.close()
  const many = Array.from({ length: 65_001 }, (_, i) => `S${i}`)
  expect(() => okx.books({ symbols: many })).toThrow(/symbols/)
})
