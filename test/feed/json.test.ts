import { describe, expect, it } from 'vitest'
import { type JsonDecoder, rowInternals } from '../../lib/feed/decoder.js'
import { ConfigError, json } from '../../lib/index.js'

const describeSchema = (decoder: unknown): unknown => JSON.parse(rowInternals(decoder as JsonDecoder).description)
const faults = (make: () => unknown): unknown => {
  try {
    make()
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).issues.map(({ path }) => path.join('.'))
  }
  return []
}

describe('json()', () => {
  it('describes every kind of field, each in its place', () => {
    const decoder = json(
      {
        symbol: json.symbol('/arg/instId', { from: 'root' }),
        bid: json.number('/b/0'),
        exact: json.decimal('/b/0', { optional: true }),
        id: json.int64('/u', { as: 'number' }),
        ok: json.bool('/x', { optional: true }),
        note: json.text('/n', { maxBytes: 9 }),
        bids: json.levels('/bids', { max: 2, priceKey: 'px', sizeKey: 'sz' }),
        asks: json.levels('/asks', { max: 3, exact: true }),
      },
      { each: '/data', eachAbsent: 'ignore', key: 'symbol', name: 'tick', maxDepth: 5, maxRows: 6 },
    )
    expect(describeSchema(decoder)).toEqual({
      shapes: [
        {
          name: 'tick',
          each: ['data'],
          eachAbsent: 'ignore',
          words: 13,
          flagsSlot: 12,
          keyField: 0,
          fields: [
            { name: 'symbol', type: 'symbol', path: ['arg', 'instId'], slot: 3, from: 'root' },
            { name: 'bid', type: 'number', path: ['b', 0], slot: 4 },
            { name: 'exact', type: 'decimal', path: ['b', 0], slot: 5, optional: true, bit: 0 },
            { name: 'id', type: 'int64', path: ['u'], slot: 7 },
            { name: 'ok', type: 'bool', path: ['x'], slot: 8, optional: true, bit: 1 },
            { name: 'note', type: 'text', path: ['n'], slot: 9, maxBytes: 9 },
            {
              name: 'bids',
              type: 'levels',
              path: ['bids'],
              slot: 10,
              maxLevels: 2,
              exact: false,
              priceKey: 'px',
              sizeKey: 'sz',
            },
            { name: 'asks', type: 'levels', path: ['asks'], slot: 11, maxLevels: 3, exact: true },
          ],
        },
      ],
      maxDepth: 5,
      maxRows: 6,
    })
    expect(rowInternals(decoder as unknown as JsonDecoder).compiled[0]?.layout.maxRowBytes).toBe(
      13 * 8 + 16 + 2 * 16 + 3 * 32,
    )
    expect(decoder.names).toEqual(['tick'])
  })

  it('takes arrays within an array, which levels one by one tell apart', () => {
    const fields = {
      symbol: json.symbol('/p', { from: 'within' }),
      side: json.symbol('/side'),
      price: json.decimal('/px'),
      size: json.decimal('/sz'),
    }
    const options = { within: '/events', each: '/updates', eachAbsent: 'empty' } as const
    const role = { symbol: 'symbol', side: { field: 'side', bid: 'bid', price: 'price', size: 'size' } } as const
    const shape = { within: ['events'], each: ['updates'], eachAbsent: 'empty' }
    const described = [{ path: ['p'], from: 'within' }, { path: ['side'] }, { path: ['px'] }, { path: ['sz'] }]
    expect(describeSchema(json(fields, options))).toMatchObject({ shapes: [{ ...shape, words: 9, fields: described }] })
    expect(describeSchema(json(fields, { ...options, book: role }))).toMatchObject({
      shapes: [{ ...shape, words: 10, groupSlot: 9 }],
    })
    const book = json(fields, { ...options, book: role })
    expect(describeSchema(json.oneOf('/c', { book }))).toMatchObject({ shapes: [{ ...shape, groupSlot: 9 }] })
  })

  it('takes the message itself as the array', () => {
    expect(describeSchema(json({ a: json.number('') }, { each: '' }))).toMatchObject({
      shapes: [{ each: [], fields: [{ path: [] }] }],
    })
  })

  it.each([
    ['/a~1b/~0c', ['a/b', '~c']],
    ['/~01', ['~1']],
    ['/', ['']],
    ['/0/01/-/10', [0, '01', '-', 10]],
    [
      ['0', 0, 'a/b'],
      ['0', 0, 'a/b'],
    ],
  ])('pointer %j', (pointer, path) => {
    expect(describeSchema(json({ a: json.number(pointer) }))).toMatchObject({ shapes: [{ fields: [{ path }] }] })
  })

  it.each([
    ['b', 'a'],
    ['/a~', 'a'],
    ['/a~2', 'a'],
    ['/1000001', 'a'],
    [`/${'x'.repeat(1_025)}`, 'a'],
    ['/a'.repeat(33), 'a'],
    [[1.5], 'a'],
    [[-1], 'a'],
    [5, 'a'],
  ])('refuses pointer %j', (pointer, path) => {
    expect(faults(() => json({ a: json.number(pointer as never) }))).toEqual([path])
  })

  it.each([
    ['no fields', () => json({}), ['']],
    ['no field', () => json({ a: 1 as never }), ['a']],
    ['a taken name', () => json({ rxTimeNs: json.number('/x') }), ['rxTimeNs']],
    ['another taken name', () => json({ toObject: json.number('/x') }), ['toObject']],
    ['a key that is no symbol', () => json({ a: json.number('/a') }, { key: 'a' as never }), ['key']],
    ['a key that is nowhere', () => json({ a: json.symbol('/a') }, { key: 'b' as never }), ['key']],
    ['an option of another kind', () => json({ a: json.number('/a', { max: 1 } as never) }), ['a.max']],
    ['levels out of range', () => json({ a: json.levels('/a', { max: 0 }) }), ['a.max']],
    ['half a pair of keys', () => json({ a: json.levels('/a', { priceKey: 'p' }) }), ['a']],
    ['text out of range', () => json({ a: json.text('/a', { maxBytes: 16_777_217 }) }), ['a.maxBytes']],
    ['a bad option', () => json({ a: json.text('/a') }, { maxDepth: 0 }), ['maxDepth']],
    ['an unknown option', () => json({ a: json.text('/a') }, { eahc: '' } as never), ['eahc']],
    ['a bad each', () => json({ a: json.text('/a') }, { each: 'x' }), ['each']],
    ['eachAbsent without each', () => json({ a: json.text('/a') }, { eachAbsent: 'ignore' }), ['eachAbsent']],
    ['eachAbsent of the message', () => json({ a: json.text('') }, { each: '', eachAbsent: 'count' }), ['eachAbsent']],
    [
      'another eachAbsent',
      () => json({ a: json.text('/a') }, { each: '/d', eachAbsent: 'x' } as never),
      ['eachAbsent'],
    ],
    ['within without each', () => json({ a: json.text('/a') }, { within: '/e' }), ['within']],
    ['within of the message', () => json({ a: json.text('/a') }, { within: '', each: '/d' }), ['within']],
    ['each of the whole element', () => json({ a: json.text('/a') }, { within: '/e', each: '' }), ['within']],
    ['a field from within nothing', () => json({ a: json.text('/a', { from: 'within' }) }, { each: '/d' }), ['a.from']],
    ['no object', () => json(null as never), ['']],
    [
      '65 optional fields',
      () =>
        json(
          Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`f${i}`, json.number('/x', { optional: true })])),
        ),
      [''],
    ],
    [
      '513 fields',
      () => json(Object.fromEntries(Array.from({ length: 513 }, (_, i) => [`f${i}`, json.number('/x')]))),
      [''],
    ],
  ])('refuses %s', (_, make, path) => {
    expect(faults(make)).toEqual(path)
  })
})

describe('json.oneOf()', () => {
  const fields = { a: json.number('/a') }

  it('picks by name, by pattern and by list, in order', () => {
    const decoder = json.oneOf(
      '/stream',
      { book: fields, '*@trade': fields, depth: json(fields, { each: '/d' }), 'x*': { s: json.symbol('/s') } },
      { match: { depth: ['*@depth', 'depthUpdate', 'depth@*'] }, absent: 'book', otherwise: 'ignore', maxRows: 9 },
    )
    expect(describeSchema(decoder)).toMatchObject({
      shapes: [{ name: 'book' }, { name: '*@trade' }, { name: 'depth', each: ['d'] }, { name: 'x*' }],
      select: ['stream'],
      cases: [
        { text: 'book', mode: 'exact', shape: 0 },
        { text: '@trade', mode: 'suffix', shape: 1 },
        { text: '@depth', mode: 'suffix', shape: 2 },
        { text: 'depthUpdate', mode: 'exact', shape: 2 },
        { text: 'depth@', mode: 'prefix', shape: 2 },
        { text: 'x', mode: 'prefix', shape: 3 },
      ],
      absent: 0,
      otherwise: 'ignore',
      maxRows: 9,
    })
    expect(decoder.names).toEqual(['book', '*@trade', 'depth', 'x*'])
  })

  it('keeps the key and each of a variant that json() made', () => {
    const book = json(
      { s: json.symbol('/s'), a: json.number('/a') },
      { key: 's', each: '/rows', eachAbsent: 'ignore', name: 'other' },
    )
    expect(describeSchema(json.oneOf('/e', { book }))).toMatchObject({
      shapes: [{ name: 'book', keyField: 0, each: ['rows'], eachAbsent: 'ignore' }],
    })
  })

  it.each([
    ['the whole message as the value', () => json.oneOf('', { a: fields }), ['']],
    ['no shapes', () => json.oneOf('/e', {}), ['']],
    ['a match for nobody', () => json.oneOf('/e', { a: fields }, { match: { b: 'x' } as never }), ['match.b']],
    ['absent that is no shape', () => json.oneOf('/e', { a: fields }, { absent: 'b' as never }), ['absent']],
    ['a star within', () => json.oneOf('/e', { a: fields }, { match: { a: 'x*y' } }), ['match.a']],
    ['two stars', () => json.oneOf('/e', { a: fields }, { match: { a: '*x*' } }), ['match.a']],
    ['a star alone', () => json.oneOf('/e', { '*': fields }), ['*']],
    ['several shapes as one', () => json.oneOf('/e', { a: json.oneOf('/f', { b: fields }) }), ['a']],
    ['a bad field', () => json.oneOf('/e', { a: { x: json.number('y') } }), ['a.x']],
    ['no fields', () => json.oneOf('/e', { a: null as never }), ['a']],
    ['a bad otherwise', () => json.oneOf('/e', { a: fields }, { otherwise: 'drop' as never }), ['otherwise']],
  ])('refuses %s', (_, make, path) => {
    expect(faults(make)).toEqual(path)
  })
})
