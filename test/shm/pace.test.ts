/** How often a reader looks: counted by its loads, with a writer that writes between two looks. No clock is involved. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ShmLayout } from '../../lib/shm/layout.js'
import { RingReader } from '../../lib/shm/ring-reader.js'
import { RingWriter } from '../../lib/shm/ring-writer.js'
import { shmMemory } from '../support/shm-memory.js'

afterEach(() => {
  vi.restoreAllMocks()
})

const load = Atomics.load.bind(Atomics) as (array: Int32Array, index: number) => number
const shortest = 32
const longest = 512
/** Looks close behind until it pauses, and until each pause becomes longer. */
const streak = 16
/** Looks in vain after which it is not close behind any more. */
const idle = 8

/** A reader, and a writer of so many messages before each of its looks. */
function close(write: (look: number) => number) {
  const { memory, ...geometry } = shmMemory({ ring: 1 << 20 })
  const writer = new RingWriter(memory, geometry)
  const reader = new RingReader(memory, geometry, 'newest', 'newest')
  /** For each look: loads of the reader's own memory before it. */
  const pauses: number[] = []
  let own = 0
  let inLook = false
  let isDone = false
  vi.spyOn(Atomics, 'load').mockImplementation(((array: Int32Array, index: number) => {
    if (array.buffer !== memory) {
      own++
      return load(array, index)
    }
    // A look begins with the upper half of the writer's position, and asks for it once more.
    if (index === ShmLayout.publishedWord + 1) {
      if (!inLook) {
        pauses.push(own)
        own = 0
        const count = write(pauses.length)
        isDone = count < 0
        for (let i = 0; i < count; i++) writer.append(Buffer.alloc(16))
        if (count > 0) writer.publish()
      }
      inLook = !inLook
    }
    return load(array, index)
  }) as typeof Atomics.load)
  let messages = 0
  const sink = { onMessage: () => ++messages > 0, onLost: () => {} }
  while (!isDone) reader.poll(sink, Number.POSITIVE_INFINITY)
  return { pauses: pauses.slice(0, -1), messages }
}

/** In each of `looks` looks `count` messages are there. */
const steady = (count: number, looks: number) => (look: number) => (look > looks ? -1 : count)

describe('a reader', () => {
  it('close behind a writer that does not stop looks less and less often, down to a limit', () => {
    const { pauses, messages } = close(steady(8, streak * 8))
    const expected = [0, 32, 64, 128, 256, longest, longest, longest].flatMap((pause) => Array(streak).fill(pause))
    expect(pauses).toEqual(expected)
    expect(messages).toBe(streak * 8 * 8)
  })

  it('that finds whole batches at each look does not pause', () => {
    expect(close(steady(64, 200)).pauses.every((pause) => pause === 0)).toBe(true)
    // One fewer is not a batch.
    expect(close(steady(63, 200)).pauses.at(-1)).toBe(longest)
  })

  it('looks all the time again at once when messages come one by one', () => {
    const burst = streak * 3
    const { pauses } = close((look) => (look > burst + 12 ? -1 : look <= burst ? 8 : 1))
    expect(pauses[burst - 1]).toBe(64)
    // The pause that was due still comes; what it finds says that it was one too many.
    expect(pauses.slice(burst)).toEqual([128, ...Array(11).fill(0)])
  })

  it('of single messages, close behind each, finds its way back from the shortest pause', () => {
    const { pauses } = close(steady(1, 100))
    // It has to try now and then, for what waits behind a pause is what tells a writer that does not stop.
    expect(pauses.filter((pause) => pause > 0)).toEqual(Array(Math.floor(99 / (streak + 1))).fill(shortest))
    for (const [i, pause] of pauses.entries()) if (pause > 0) expect(pauses[i + 1] ?? 0).toBe(0)
  })

  it.each([
    [idle - 1, true],
    [idle, false],
  ])('%i looks in vain between messages: close behind is %s', (empty, isClose) => {
    const { pauses } = close((look) => (look > 400 ? -1 : look % (empty + 1) === 0 ? 8 : 0))
    expect(Math.max(...pauses) > 0).toBe(isClose)
  })

  it('does not pause any more when the writer falls silent, and not for what comes then', () => {
    const burst = streak * 4
    const { pauses } = close((look) => {
      if (look > burst + 60) return -1
      if (look <= burst) return 8
      return look % 20 === 0 ? 8 : 0
    })
    expect(pauses[burst]).toBe(256)
    // As long as it may go on at any moment; then not.
    expect(pauses.slice(burst, burst + idle)).toEqual(Array(idle).fill(256))
    expect(pauses.slice(burst + idle).every((pause) => pause === 0)).toBe(true)
  })
})
