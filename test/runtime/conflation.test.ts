import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rowInternals } from '../../lib/feed/decoder.js'
import { json } from '../../lib/feed/json.js'
import { conflateRegionBytes, createConflateMemory } from '../../lib/runtime/conflation.js'
import type { RowBatch } from '../../lib/runtime/row-batch.js'
import { ReaderSetup } from '../support/reader-setup.js'
import { encodeRow } from '../support/ring-producer.js'

const decoder = json({
  symbol: json.symbol('/s'),
  a: json.number('/a'),
  b: json.number('/b'),
  levels: json.levels('/l', { max: 8 }),
  c: json.number('/c'),
})
const layout = rowInternals(decoder).compiled[0]?.layout
if (layout === undefined) throw new Error('no layout')
const keys = 3

type Row = { symbol: string; a: number; b: number; c: number; levels: { length: number; price(i: number): number } }

function setupConflation(maxBatch = 1_000_000) {
  const setup = new ReaderSetup()
  const sink = setup.attach(1, decoder, { keys, maxBatch })
  const [slots] = sink.conflate
  if (slots === undefined || layout === undefined) throw new Error('no slots')
  const versions = new Array<number>(keys).fill(0)
  const pendingWrite = new Array<Uint8Array | null>(keys).fill(null)
  let replaced = 0
  const encode = (slot: number, version: number): Uint8Array => {
    const levels = Array.from({ length: version % 9 }, (_, i) => ({ price: version, size: i }))
    const values = { symbol: `S${slot}`, a: version, b: version, c: version, levels }
    return encodeRow(layout, values, setup.symbols, { handle: 1, rxTimeNs: version })
  }
  /** Half of the next value. */
  const begin = (slot: number): void => {
    if (pendingWrite[slot] !== null) return
    const version = (versions[slot] as number) + 1
    const row = encode(slot, version)
    pendingWrite[slot] = row
    slots.write(slot, row, 0, row.length >> 1)
  }
  /** The other half, and the hand-over. */
  const finish = (slot: number): void => {
    begin(slot)
    const row = pendingWrite[slot] as Uint8Array
    slots.write(slot, row, row.length >> 1)
    pendingWrite[slot] = null
    versions[slot] = (versions[slot] as number) + 1
    if (!slots.swapIn(slot)) replaced++
    else if (!setup.producer.conflated(1, 0, slot)) throw new Error('the ring is full')
    setup.producer.publish()
  }
  return { setup, sink, begin, finish, versions, replaced: () => replaced }
}

describe('conflation slots', () => {
  it('have room for every shape', () => {
    const memory = createConflateMemory([
      { rowBytes: 72, keys: 2 },
      { rowBytes: 8, keys: 1 },
    ])
    expect(memory.regions).toEqual([
      { offset: 0, rowBytes: 72, keys: 2 },
      { offset: 640, rowBytes: 8, keys: 1 },
    ])
    expect(conflateRegionBytes(72, 2)).toBe(640)
    expect(memory.memory.byteLength).toBe(640 + 128)
  })

  it('give the newest value once', () => {
    const { setup, sink, finish, replaced } = setupConflation()
    finish(0)
    finish(0)
    finish(1)
    finish(0)
    expect(setup.drain()).toBe(2)
    expect(sink.log).toMatchObject([
      { symbol: 'S0', a: 3, rxTimeNs: 3 },
      { symbol: 'S1', a: 1 },
    ])
    expect(replaced()).toBe(2)
    expect(setup.drain()).toBe(0)
    finish(0)
    expect(setup.drain()).toBe(1)
    expect(sink.log.at(-1)).toMatchObject({ symbol: 'S0', a: 4, c: 4 })
  })

  it('come as one batch that can be iterated again', () => {
    const { setup, sink, finish } = setupConflation()
    for (let slot = 0; slot < keys; slot++) finish(slot)
    const values = (batch: RowBatch): unknown[] => batch.toArray().map((row) => [row['symbol'], row['a']])
    sink.rows = (batch) => {
      for (const _ of batch) break
      sink.log.push(batch.length, values(batch))
      // A newer value of a key that was read already is for the next batch: this one does not change under its reader.
      finish(0)
      sink.log.push(values(batch), batch.length)
      sink.rows = (next) => void sink.log.push(values(next))
    }
    setup.drain()
    setup.drain()
    const all = [
      ['S0', 1],
      ['S1', 1],
      ['S2', 1],
    ]
    expect(sink.log).toEqual([3, all, all, 3, [['S0', 2]]])
  })

  it('are taken also when nobody looks, or the key would never be announced again', () => {
    const { setup, sink, finish } = setupConflation()
    sink.rows = () => {}
    finish(0)
    finish(1)
    setup.drain()
    sink.rows = (batch) => void sink.log.push(...batch.toArray())
    finish(0)
    finish(1)
    expect(setup.drain()).toBe(2)
    expect(sink.log).toMatchObject([{ a: 2 }, { a: 2 }])
  })

  it('serve rows and conflated rows of one feed', () => {
    const { setup, sink, finish } = setupConflation()
    const plain = encodeRow(layout, { symbol: 'P', a: 7, b: 7, c: 7, levels: [] }, setup.symbols, { handle: 1 })
    finish(0)
    setup.producer.row(1, 0, plain)
    setup.producer.publish()
    finish(1)
    setup.drain()
    expect(sink.log).toMatchObject([
      { symbol: 'S0', a: 1 },
      { symbol: 'P', a: 7 },
      { symbol: 'S1', a: 1 },
    ])
  })

  it('are never torn, never repeated, never older than what was seen, and lose nothing but what was replaced', () => {
    const slot = fc.nat(keys - 1)
    const write = fc.record({ do: fc.constantFrom('begin' as const, 'finish' as const), slot })
    const step = fc.oneof(
      { weight: 5, arbitrary: write },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constant('drain' as const),
          rows: fc.integer({ min: 1, max: 4 }),
          // What the core does while the strategy reads a row.
          meanwhile: fc.array(write, { maxLength: 4 }),
          look: fc.constantFrom('all' as const, 'first' as const, 'none' as const, 'twice' as const),
        }),
      },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), fc.constantFrom(1, 2, 100), (steps, maxBatch) => {
        const { setup, sink, begin, finish, versions, replaced } = setupConflation(maxBatch)
        const seen = new Array<number>(keys).fill(0)
        let delivered = 0
        let unseen = 0
        const act = (action: { do: 'begin' | 'finish'; slot: number }): void => {
          if (action.do === 'begin') begin(action.slot)
          else finish(action.slot)
        }
        for (const now of steps) {
          if (now.do !== 'drain') {
            act(now)
            continue
          }
          const meanwhile = [...now.meanwhile]
          sink.rows = (batch) => {
            const looked: string[] = []
            const pass = (): void => {
              for (const value of batch) {
                const row = value as unknown as Row
                const version = row.a
                for (const action of meanwhile.splice(0, 2)) act(action)
                expect([row.b, row.c, row.levels.length]).toEqual([version, version, version % 9])
                for (let i = 0; i < row.levels.length; i++) expect(row.levels.price(i)).toBe(version)
                looked.push(`${row.symbol} ${version}`)
                if (now.look === 'first') break
              }
            }
            if (now.look !== 'none') pass()
            const once = [...looked]
            if (now.look === 'twice') {
              looked.length = 0
              pass()
              expect(looked).toEqual(once)
            }
            for (const entry of once) {
              const [symbol = '', version = ''] = entry.split(' ')
              const key = Number(symbol.slice(1))
              expect(Number(version)).toBeGreaterThan(seen[key] as number)
              seen[key] = Number(version)
            }
            delivered += once.length
            unseen += batch.length - once.length
          }
          setup.drain(now.rows)
        }
        sink.rows = (batch) => {
          for (const value of batch) {
            const row = value as unknown as Row
            const key = Number(row.symbol.slice(1))
            expect(row.a).toBe(versions[key])
            expect(row.a).toBeGreaterThan(seen[key] as number)
            delivered++
          }
        }
        setup.drain()
        expect(delivered + unseen + replaced()).toBe(versions.reduce((sum, n) => sum + n, 0))
      }),
      { numRuns: 500 },
    )
  }, 60_000)
})
