/** Records, positions and tables that no writer leaves behind; the table; the longest messages. */
import { describe, expect, it } from 'vitest'
import { ShmLayout } from '../../lib/shm/layout.js'
import { RingReader, type ShmFrom } from '../../lib/shm/ring-reader.js'
import { RingWriter } from '../../lib/shm/ring-writer.js'
import { shmMemory } from '../support/shm-memory.js'
import { isMessage, messageOf } from '../support/shm-message.js'

function ringOf(records: number, table = 1_024) {
  const { memory, ...geometry } = shmMemory({ table })
  const writer = new RingWriter(memory, geometry)
  for (let i = 1; i <= records; i++) writer.append(messageOf(i, 48))
  writer.publish()
  for (let i = 0; i < 5; i++) writer.appendTable(messageOf(1, 20))
  const i32 = new Int32Array(memory)
  const bits = new BigInt64Array(memory)
  return {
    writer,
    i32,
    bits,
    reader: (start: ShmFrom = 'oldest', resume: ShmFrom = 'newest') => new RingReader(memory, geometry, start, resume),
    /** Word of a record of 48 bytes. */
    record: (index: number) => (geometry.dataOffset + index * 64) / 4,
  }
}

/** A message that says itself which one it is. */
function numbered(number: number): Buffer {
  const message = messageOf(number, 48)
  message.writeUInt32LE(number, 0)
  return message
}

function readAll(reader: RingReader, max = 1_000_000): number[] {
  const seen: number[] = []
  reader.poll(
    {
      onMessage: (data) => {
        expect(isMessage(data, reader.sequence)).toBe(true)
        seen.push(reader.sequence)
        return true
      },
      onLost: () => {},
    },
    max,
  )
  return seen
}

const corrupt = expect.objectContaining({ code: 'ERR_SHM_CORRUPT' })

describe('records that cannot be', () => {
  it.each([
    ['a negative length', -1, 1, 51, 0],
    ['the largest length', 0x7fff_ffff, 1, 51, 0],
    ['longer than the longest', 16_369, 1, 51, 0],
    ['beyond what is published', 50 * 64 - 15, 1, 51, 0],
    ['no such kind', 48, 2, 51, 0],
    ['padding that does not end the ring', 48, 0, 51, 0],
    ['padding of negative length', -16, 0, 51, 0],
    ['a sequence twice', 48, 1, 50, 0],
    ['a sequence missing', 48, 1, 52, 0],
    ['a sequence of another upper half', 48, 1, 51, 1],
  ])('%s', (_, bytes, kind, low, high) => {
    const ring = ringOf(100)
    ring.i32.set([bytes, kind, low, high], ring.record(50))
    const reader = ring.reader()
    let n = 0
    const sink = { onMessage: () => ++n > 0, onLost: () => {} }
    expect(() => reader.poll(sink, 1_000)).toThrow(corrupt)
    expect(n).toBe(50)
    expect(reader.corrupt).toBe(true)
    expect(reader.pending).toBe(false)
    expect(reader.poll(sink, 1_000)).toBe(0)
    expect(reader.readTable()).toEqual([])
  })
})

describe('positions that cannot be', () => {
  it.each<[string, number, bigint]>([
    ['published, not on a record', ShmLayout.publishedWord, 6_408n],
    ['published, far away', ShmLayout.publishedWord, 1n << 40n],
    ['published, negative', ShmLayout.publishedWord, -16n],
  ])('%s', (_, word, value) => {
    for (const start of ['oldest', 'newest', 'start'] as const) {
      const ring = ringOf(100)
      ring.bits[word >> 1] = value
      expect(() => readAll(ring.reader(start, 'oldest'))).toThrow(corrupt)
    }
  })

  it.each(['oldest', 'start'] as const)('oldest, not on a record: read from %s', (start) => {
    const ring = ringOf(100)
    ring.bits[ShmLayout.oldestWord >> 1] = 8n
    expect(() => readAll(ring.reader(start, 'oldest'))).toThrow(corrupt)
  })

  it('a published position that goes back', () => {
    const ring = ringOf(100)
    const reader = ring.reader()
    expect(readAll(reader)).toHaveLength(100)
    ring.bits[ShmLayout.publishedWord >> 1] = 64n
    expect(() => readAll(reader)).toThrow(corrupt)
  })

  it('an oldest record beyond all that is published gives nothing, and ends', () => {
    const ring = ringOf(100)
    ring.bits[ShmLayout.oldestWord >> 1] = 1n << 20n
    expect(readAll(ring.reader('start'))).toEqual([])
  })

  it('a noted start that is none is not believed', () => {
    const ring = ringOf(100)
    ring.bits[(ShmLayout.startsWord >> 1) + 3] = 8n
    const reader = ring.reader('newest')
    ring.writer.append(messageOf(101, 48))
    ring.writer.publish()
    expect(readAll(reader)).toEqual([101])
  })
})

describe('the table', () => {
  it('keeps everything from its first entry on, to the last byte', () => {
    const { memory, ...geometry } = shmMemory({ table: 256 })
    const writer = new RingWriter(memory, geometry)
    const early = new RingReader(memory, geometry, 'newest', 'newest')
    const add = (bytes: number): boolean => writer.appendTable(Buffer.alloc(bytes, bytes))
    const lengths = (reader: RingReader): number[] => reader.readTable().map((entry) => entry.length)
    expect([add(3), add(0), add(16)]).toEqual([true, true, true])
    expect(lengths(early)).toEqual([3, 0, 16])
    expect([add(249), add(208), add(192), add(1), add(0), add(0)]).toEqual([false, false, true, false, true, false])
    expect(writer.tableUsed).toBe(256)
    const late = new RingReader(memory, geometry, 'newest', 'newest')
    const entries = late.readTable()
    expect(entries.map((entry) => entry.length)).toEqual([3, 0, 16, 192, 0])
    expect(entries.every((entry) => entry.every((byte) => byte === entry.length))).toBe(true)
    expect(lengths(early)).toEqual([192, 0])
    expect(lengths(late)).toEqual([])
  })

  it.each<[string, (i32: Int32Array) => void]>([
    ['an end that is no end', (i32) => i32.set([4], ShmLayout.tableEndWord)],
    ['an end beyond the table', (i32) => i32.set([1_032], ShmLayout.tableEndWord)],
    ['a negative end', (i32) => i32.set([-8], ShmLayout.tableEndWord)],
    ['an end of 64 bits', (i32) => i32.set([1], ShmLayout.tableEndWord + 1)],
    ['an entry beyond the end', (i32) => i32.set([1_017], ShmLayout.tableOffset / 4)],
    ['an entry of negative length', (i32) => i32.set([-1], ShmLayout.tableOffset / 4)],
    ['an entry of 64 bits', (i32) => i32.set([20, 1], ShmLayout.tableOffset / 4)],
  ])('%s', (_, damage) => {
    const ring = ringOf(1)
    damage(ring.i32)
    const reader = ring.reader()
    expect(() => reader.readTable()).toThrow(corrupt)
    expect(reader.corrupt).toBe(true)
  })
})

describe('a ring that is full of the longest messages', () => {
  it('still gives each of them to a reader that keeps up', () => {
    const { memory, ...geometry } = shmMemory()
    const writer = new RingWriter(memory, geometry)
    const reader = new RingReader(memory, geometry, 'newest', 'newest')
    expect(writer.maxPayload).toBe(16_368)
    for (let i = 1; i <= 50; i++) {
      writer.append(messageOf(i, writer.maxPayload - (i % 40)))
      writer.publish()
      expect(readAll(reader)).toEqual([i])
    }
    expect(reader.lost).toBe(0)
  })

  it('shows what was appended at the latest with the next 64th of the ring', () => {
    const { memory, ...geometry } = shmMemory()
    const writer = new RingWriter(memory, geometry)
    const reader = new RingReader(memory, geometry, 'newest', 'newest')
    for (let i = 1; i <= 5_000; i++) writer.append(messageOf(i, 48))
    const seen = readAll(reader)
    expect(seen.length + reader.lost).toBe(seen.at(-1))
    expect(seen.at(-1)).toBeGreaterThan(5_000 - 17)
    writer.publish()
    expect(readAll(reader).at(-1)).toBe(5_000)
  })
})

describe('random damage', () => {
  it('ends in an error or in losses; what a length still covers was written', () => {
    let state = 1
    const random = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    let failed = 0
    for (let round = 0; round < 500; round++) {
      const ring = ringOf(0)
      let written = 0
      const write = (count: number): void => {
        for (let i = 0; i < count; i++) ring.writer.append(numbered(++written))
        ring.writer.publish()
      }
      // Damage may give a message another sequence or length, or have it read twice.
      const sink = {
        onMessage: (data: Buffer) => {
          const number = data.length >= 4 ? data.readUInt32LE(0) : 0
          expect(number).toBeLessThanOrEqual(written)
          if (number > 0) expect(numbered(number).subarray(0, data.length).equals(data.subarray(0, 48))).toBe(true)
          return true
        },
        onLost: () => {},
      }
      write(random(2_000))
      try {
        const reader = ring.reader((['newest', 'oldest', 'start'] as const)[round % 3])
        for (let step = 0; step < 4; step++) {
          // Headers, tables and the headers of records: what lies in payloads is not for the ring to judge.
          const at = random(3)
          const word =
            at === 0
              ? 64 + random(224)
              : at === 1
                ? ShmLayout.tableOffset / 4 + random(256)
                : ring.record(random(1_000)) + random(4)
          ring.i32[word] = random(2 ** 32) >> random(32)
          reader.poll(sink, random(200))
          reader.readTable()
          write(random(300))
        }
      } catch (error) {
        expect(error).toEqual(corrupt)
        failed++
      }
    }
    expect(failed).toBeGreaterThan(30)
    expect(failed).toBeLessThan(500)
  })
})
