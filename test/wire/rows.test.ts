import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { rowInternals } from '../../lib/feed/decoder.js'
import { ConfigError } from '../../lib/runtime/errors.js'
import { BookDelta, Quote, Signal, Trade } from '../../lib/wire/messages.js'
import { wire } from '../../lib/wire/wire.js'
import { allTypes, funding } from './vectors.js'

const describeRows = (decoder: unknown): unknown => JSON.parse(rowInternals(decoder as never).description)
const faults = (make: () => unknown): unknown => {
  try {
    make()
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).issues.map(({ path }) => path.join('.'))
  }
  return []
}

describe('wire.rows()', () => {
  it('describes all of every type as the native tests read it', () => {
    const path = join(import.meta.dirname, '..', 'vectors', 'wire-rows.json')
    const description = describeRows(wire.rows(allTypes))
    if (process.env['TICKWIRE_WRITE_VECTORS'] !== undefined) {
      writeFileSync(path, `${JSON.stringify(description, null, 2)}\n`)
    }
    expect(description).toEqual(JSON.parse(readFileSync(path, 'utf8')))
  })

  it('describes selections', () => {
    const decoder = wire.rows(
      [
        Quote.select(
          {
            symbol: 'symbol',
            topic: wire.symbol('topic'),
            bid: 'bid',
            exact: wire.decimal('bid', { optional: true }),
            at: 'exchangeTime',
            seq: wire.int64('sequence', { as: 'number' }),
          },
          { key: 'topic', name: 'top' },
        ),
        BookDelta.select({ bids: wire.levels('bids', { max: 5, exact: true }), asks: 'asks' }),
        funding.select({
          rate: wire.number('rate'),
          note: wire.text('note', { maxBytes: 9, optional: true }),
          n: 'next',
        }),
      ],
      { otherwise: 'count' },
    )
    expect(decoder.names).toEqual(['top', 'bookDelta', 'funding'])
    expect(describeRows(decoder)).toEqual({
      shapes: [
        {
          name: 'top',
          type: 1,
          words: 11,
          flagsSlot: 10,
          keyField: 1,
          fields: [
            { name: 'symbol', type: 'symbol', slot: 3, of: 'symbol' },
            { name: 'topic', type: 'symbol', slot: 4, of: 'topic' },
            { name: 'bid', type: 'number', slot: 5, of: 'bid' },
            { name: 'exact', type: 'decimal', slot: 6, of: 'bid', optional: true, bit: 0 },
            { name: 'at', type: 'int64', slot: 8, of: 'exchangeTime', optional: true, bit: 1 },
            { name: 'seq', type: 'int64', slot: 9, of: 'sequence' },
          ],
        },
        {
          name: 'bookDelta',
          type: 3,
          words: 5,
          fields: [
            { name: 'bids', type: 'levels', slot: 3, of: 'bids', maxLevels: 5, exact: true },
            { name: 'asks', type: 'levels', slot: 4, of: 'asks', maxLevels: 1_000, exact: false },
          ],
        },
        {
          name: 'funding',
          type: 64,
          words: 7,
          flagsSlot: 6,
          fields: [
            { name: 'rate', type: 'number', slot: 3, tag: 2, kind: 'decimal' },
            { name: 'note', type: 'text', slot: 4, tag: 5, kind: 'text', maxBytes: 9, optional: true, bit: 0 },
            { name: 'n', type: 'int64', slot: 5, tag: 4, kind: 'int64' },
          ],
        },
      ],
      otherwise: 'count',
    })
  })

  it.each([
    ['nothing', () => wire.rows([]), ['']],
    ['no list', () => wire.rows('x' as never), ['']],
    ['what is no type', () => wire.rows([Quote, {} as never]), ['1']],
    ['a type twice', () => wire.rows([Quote, Quote.select({ b: 'bid' }, { name: 'q' })]), ['1']],
    ['a name twice', () => wire.rows([Quote, Trade.select({ p: 'price' }, { name: 'quote' })]), ['1']],
    ['a bad otherwise', () => wire.rows([Quote], { otherwise: 'x' as never }), ['otherwise']],
    ['no fields', () => Quote.select({}), ['']],
    ['no object', () => Quote.select(null as never), ['']],
    ['no such value', () => Quote.select({ a: 'price' as never }), ['a']],
    ['a property of all objects', () => Quote.select({ a: 'constructor' as never }), ['a']],
    ['no field', () => Quote.select({ a: 5 as never }), ['a']],
    ['a value as what it cannot be', () => Quote.select({ a: wire.text('bid') as never }), ['a']],
    ['a taken name', () => Quote.select({ rxTimeNs: 'bid' }), ['rxTimeNs']],
    ['an option of another kind', () => Quote.select({ a: wire.number('bid', { max: 1 } as never) }), ['a.max']],
    ['levels out of range', () => BookDelta.select({ a: wire.levels('bids', { max: 0 }) }), ['a.max']],
    ['a key that is no symbol', () => Quote.select({ a: 'bid' }, { key: 'a' }), ['key']],
    ['an unknown option', () => Quote.select({ a: 'bid' }, { kye: 'a' } as never), ['kye']],
  ])('refuses %s', (_, make, path) => {
    expect(faults(make)).toEqual(path)
  })
})

describe('wire.type()', () => {
  const field = { tag: 1, kind: 'number' } as const
  it.each([
    ['a number of the format itself', () => wire.type({ id: 63, name: 'a', fields: { a: field } }), ['id']],
    ['a number beyond a byte', () => wire.type({ id: 256, name: 'a', fields: { a: field } }), ['id']],
    ['no name', () => wire.type({ id: 64, name: '', fields: { a: field } }), ['name']],
    ['no fields', () => wire.type({ id: 64, name: 'a', fields: {} }), ['fields']],
    ['the control domain', () => wire.type({ id: 64, name: 'a', domain: 0, fields: { a: field } }), ['domain']],
    ['tag 255', () => wire.type({ id: 64, name: 'a', fields: { a: { ...field, tag: 255 } } }), ['fields.a.tag']],
    ['a tag twice', () => wire.type({ id: 64, name: 'a', fields: { a: field, b: field } }), ['fields.b.tag']],
    [
      'no kind',
      () => wire.type({ id: 64, name: 'a', fields: { a: { tag: 1, kind: 'x' as never } } }),
      ['fields.a.kind'],
    ],
    ['a name of all messages', () => wire.type({ id: 64, name: 'a', fields: { topic: field } }), ['fields.topic']],
    ['a name of all rows', () => wire.type({ id: 64, name: 'a', fields: { shape: field } }), ['fields.shape']],
    ['a key that is no symbol', () => wire.type({ id: 64, name: 'a', fields: { a: field }, key: 'a' }), ['key']],
  ])('refuses %s', (_, make, path) => {
    expect(faults(make)).toEqual(path)
  })

  it('has the key that it was told, or its first symbol', () => {
    expect(rowInternals(wire.rows([funding]) as never).compiled[0]?.layout.keyed).toBe(true)
    expect(rowInternals(wire.rows([Signal.select({ v: 'value' })]) as never).compiled[0]?.layout.keyed).toBe(false)
  })
})
