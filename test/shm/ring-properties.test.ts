/** The law of the ring: what is handed over is what was written, in order, but for exactly the losses that are counted. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RingReader, type ShmFrom } from '../../lib/shm/ring-reader.js'
import { RingWriter } from '../../lib/shm/ring-writer.js'
import { shmMemory } from '../support/shm-memory.js'
import { isMessage, messageOf } from '../support/shm-message.js'

type Step =
  | { readonly do: 'write' | 'append'; readonly count: number; readonly bytes: number }
  | { readonly do: 'reserve'; readonly bytes: number; readonly used: number }
  | { readonly do: 'publish' }
  | { readonly do: 'poll'; readonly who: number; readonly max: number }

const bytes = fc.oneof(
  { weight: 6, arbitrary: fc.nat(200) },
  { weight: 2, arbitrary: fc.nat(3_000) },
  { weight: 1, arbitrary: fc.integer({ min: 16_000, max: 16_368 }) },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('write' as const, 'append' as const),
      count: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 600 })),
      bytes,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reserve' as const), bytes, used: fc.nat(16_368) }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'publish' }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('poll' as const),
      who: fc.nat(2),
      max: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(1_000_000)),
    }),
  },
)
const firstPosition = fc.oneof(
  fc.constant(0n),
  fc.integer({ min: 0, max: 20_000 }).map((n) => 2n ** 32n - BigInt(n * 16)),
  fc.integer({ min: 0, max: 20_000 }).map((n) => 2n ** 33n + 2n ** 31n - BigInt(n * 16)),
)

class Witness {
  readonly reader: RingReader
  received = 0
  told = 0
  last = 0

  constructor(reader: RingReader) {
    this.reader = reader
  }

  poll(max: number): void {
    const sink = {
      onMessage: (data: Buffer) => {
        const sequence = this.reader.sequence
        expect(sequence).toBeGreaterThan(this.last)
        expect(isMessage(data, sequence)).toBe(true)
        this.last = sequence
        this.received++
        return true
      },
      onLost: (count: number) => {
        expect(count).toBeGreaterThan(0)
        this.told += count
      },
    }
    expect(this.reader.poll(sink, max)).toBeLessThanOrEqual(max)
    expect(this.received + this.reader.lost).toBe(this.last)
    expect(this.told).toBe(this.reader.lost)
  }
}

function play(steps: readonly Step[], first: bigint): { lost: number; written: number } {
  const { memory, ...geometry } = shmMemory({ firstPosition: first })
  const writer = new RingWriter(memory, geometry)
  const witnesses = (['newest', 'oldest', 'newest'] as ShmFrom[]).map(
    (resume, i) => new Witness(new RingReader(memory, geometry, i === 2 ? 'start' : 'newest', resume)),
  )
  for (const now of steps) {
    if (now.do === 'poll') witnesses[now.who]?.poll(now.max)
    else if (now.do === 'publish') writer.publish()
    else if (now.do === 'reserve') {
      const used = Math.min(now.bytes, now.used)
      writer.memory.set(messageOf(writer.sequence + 1, used), writer.reserve(now.bytes))
      writer.commit(used)
    } else {
      for (let i = 0; i < now.count; i++) writer.append(messageOf(writer.sequence + 1, now.bytes))
      if (now.do === 'write') writer.publish()
    }
  }
  writer.publish()
  for (const witness of witnesses) {
    witness.poll(1_000_000)
    expect(witness.last).toBe(writer.sequence)
    expect(witness.reader.pending).toBe(false)
  }
  return { lost: Math.max(...witnesses.map(({ reader }) => reader.lost)), written: writer.sequence }
}

describe('the law of the ring', () => {
  it('holds for any writes and any pauses', { timeout: 120_000 }, () => {
    let lossy = 0
    let lossless = 0
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), firstPosition, (steps, first) => {
        if (play(steps, first).lost > 0) lossy++
        else lossless++
      }),
      { numRuns: 300 },
    )
    expect(lossy).toBeGreaterThan(20)
    expect(lossless).toBeGreaterThan(20)
  })

  it('holds where 32 bits of a position end, over many laps', () => {
    for (const first of [2n ** 32n - 65_536n * 3n, 2n ** 32n - 16n, 2n ** 40n - 64n]) {
      const steps: Step[] = []
      for (let i = 0; i < 400; i++) {
        steps.push({ do: 'write', count: 1 + ((i * 7) % 50), bytes: (i * 37) % 700 })
        steps.push({ do: 'poll', who: 1, max: 1_000_000 })
        if (i % 30 === 0) steps.push({ do: 'poll', who: 0, max: 1_000_000 })
      }
      const { lost, written } = play(steps, first)
      expect(written).toBeGreaterThan(9_000)
      expect(lost).toBeGreaterThan(1_000)
    }
  })
})
