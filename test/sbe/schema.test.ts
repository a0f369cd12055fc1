import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type RowDecoder, rowInternals } from '../../lib/feed/decoder.js'
import { ConfigError } from '../../lib/index.js'
import { sbe } from '../../lib/sbe/index.js'

const xml = readFileSync(new URL('./orders.xml', import.meta.url), 'utf8')
const describeSchema = (decoder: RowDecoder) => JSON.parse(rowInternals(decoder).description)

function fault(make: () => unknown): string {
  try {
    make()
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).issues.map(({ path, message }) => `${path.join('/')}: ${message}`).join('\n')
  }
  return 'none'
}

const order = (fields: Parameters<typeof sbe.oneOf>[1][string]['fields']) => sbe(xml, { message: 'Order', fields })
const fieldOf = (decoder: RowDecoder) => describeSchema(decoder).shapes[0].fields[0]

describe('sbe()', () => {
  it('describes header, groups and data for the core', () => {
    const { schema, header, shapes, ...rest } = describeSchema(
      sbe(xml, {
        name: 'fill',
        message: 'Fills',
        each: 'fills',
        fields: { symbol: sbe.symbol('symbol', { from: 'root' }), amount: sbe.number('amount') },
        otherwise: 'ignore',
        text: 'ignore',
        maxRows: 5,
      }),
    )
    expect(rest).toEqual({ otherwise: 'ignore', text: 'ignore', maxRows: 5 })
    expect(schema).toBe(91)
    expect(header).toEqual({
      size: 8,
      blockLength: { offset: 0, type: 'uint16' },
      templateId: { offset: 2, type: 'uint16' },
      schemaId: { offset: 4, type: 'uint16' },
      version: { offset: 6, type: 'uint16' },
    })
    const text8 = { length: { offset: 0, type: 'uint8' }, start: 1 }
    const wide = { size: 6, blockLength: { offset: 0, type: 'uint16' }, count: { offset: 2, type: 'uint32' } }
    expect(shapes).toEqual([
      {
        name: 'fill',
        template: 2,
        each: 0,
        words: 5,
        keyField: 0,
        groups: [
          {
            size: 3,
            blockLength: { offset: 0, type: 'uint16' },
            count: { offset: 2, type: 'uint8' },
            most: 100,
            groups: [{ ...wide, data: [text8] }],
            data: [text8],
          },
          wide,
        ],
        data: [text8],
        fields: [
          { name: 'symbol', type: 'symbol', slot: 3, data: 0, in: 'root' },
          {
            name: 'amount',
            type: 'number',
            slot: 4,
            number: {
              mantissa: { in: 'each', at: { offset: 4, type: 'int32' } },
              exponent: { in: 'root', at: { offset: 0, type: 'int8' } },
            },
          },
        ],
      },
    ])
  })

  it('knows where each kind of value stands, and its null', () => {
    const at = (offset: number, type: string) => ({ in: 'root', at: { offset, type } })
    const cases: [Parameters<typeof order>[0][string], object][] = [
      [sbe.int64('when.time'), { number: { mantissa: at(0, 'uint64') } }],
      [sbe.int64('when.unit'), { constant: '9' }],
      [sbe.number('small', { optional: true }), { number: { mantissa: { ...at(16, 'int8'), null: '80' } } }],
      [sbe.int64('middle'), { number: { mantissa: at(20, 'int16') } }],
      [sbe.number('count'), { number: { mantissa: { ...at(22, 'uint32'), null: 'ee6b2800' } } }],
      [sbe.number('ratio'), { number: { mantissa: { ...at(26, 'double'), null: '7ff8000000000000' } } }],
      [sbe.decimal('price'), { number: { mantissa: at(38, 'int64'), exponent: at(46, 'int8') } }],
      [sbe.decimal('fee'), { number: { mantissa: { ...at(47, 'int64'), null: '8000000000000000' }, exponent: -9 } }],
      [sbe.decimal('middle', { exponent: -2 }), { number: { mantissa: at(20, 'int16'), exponent: -2 } }],
      [
        sbe.number('middle', { exponent: 'price.exponent' }),
        { number: { mantissa: at(20, 'int16'), exponent: at(46, 'int8') } },
      ],
      [sbe.text('code'), { chars: at(55, 'uint8'), length: 4 }],
      [
        sbe.symbol('side'),
        {
          number: { mantissa: at(59, 'uint8') },
          names: [
            { bits: '42', text: 'Buy' },
            { bits: '53', text: 'Sell' },
          ],
        },
      ],
      [
        sbe.symbol('state'),
        {
          number: { mantissa: at(60, 'int16') },
          names: [
            { bits: 'fffe', text: 'Gone' },
            { bits: '12c', text: 'Open' },
          ],
        },
      ],
      [sbe.bool('open'), { number: { mantissa: at(62, 'uint8') } }],
      [sbe.bool('real'), { constant: 'true' }],
      [sbe.symbol('real'), { constant: 'True' }],
      [sbe.bool('flags.hidden'), { number: { mantissa: at(63, 'uint16') }, flag: 9 }],
      [sbe.int64('later'), { number: { mantissa: { ...at(65, 'int64'), since: 2 } } }],
      [sbe.text('note'), { data: 1, in: 'root' }],
    ]
    for (const [field, expected] of cases) expect(fieldOf(order({ field }))).toMatchObject(expected)
  })

  it('names the field of a projection that does not fit the schema', () => {
    const of = (field: Parameters<typeof order>[0][string]) => fault(() => order({ f: field }))
    expect(of(sbe.number('nothing'))).toBe('fields/f: there is no "nothing"')
    expect(of(sbe.number('symbol'))).toMatch('fields/f: is variable-length data')
    expect(of(sbe.text('blob'))).toMatch('names no characterEncoding')
    expect(of(sbe.number('when'))).toMatch('is a composite')
    expect(of(sbe.number('when.unit.x'))).toMatch('has no members')
    expect(of(sbe.number('flags.nothing'))).toMatch('has no choice "nothing"')
    expect(of(sbe.int64('part'))).toMatch('is a fraction')
    expect(of(sbe.decimal('ratio'))).toMatch('is no exact decimal')
    expect(of(sbe.bool('side'))).toMatch('other values than 0 and 1')
    expect(of(sbe.bool('flags'))).toMatch('name one of its choices')
    expect(of(sbe.text('number'))).toMatch('is no text')
    expect(of(sbe.number('code'))).toMatch('is an array')
    expect(of(sbe.number('price', { exponent: 1 }))).toMatch('has its own exponent')
    expect(of(sbe.number('middle', { exponent: 'symbol' }))).toMatch('is no number')
    expect(of(sbe.levels('fills', { price: 'a', size: 'b' }))).toBe('fields/f: there is no group "fills"')
    expect(of(sbe.number('middle', { exponent: 1.5 }))).toMatch('fields/f/exponent: ')
    expect(of('x' as never)).toBe('fields/f: must be made by sbe.number, sbe.symbol, …')
    const fields = { n: sbe.int64('total') }
    expect(fault(() => sbe(xml, { message: 'Nothing', fields }))).toBe('message: the schema has no message "Nothing"')
    expect(fault(() => sbe(xml, { message: 'Fills', each: 'x', fields }))).toBe('each: the message has no group "x"')
    expect(fault(() => sbe(xml, { message: 'Fills', fields: {} }))).toMatch('has no fields')
    expect(fault(() => sbe.oneOf(xml, { a: { message: 'Fills', fields }, b: { message: 'Fills', fields } }))).toBe(
      'b/message: is that of another shape',
    )
    expect(
      fault(() =>
        sbe(xml, {
          message: 'Fills',
          each: 'fills',
          fields: { f: sbe.levels('fills', { price: 'id', size: 'id', from: 'root' }) },
        }),
      ),
    ).toMatch('is the group that makes rows')
  })

  it('names the element and attribute of a schema that is wrong', () => {
    const cases: [from: string, to: string, expected: string | RegExp][] = [
      ['type="clock"', 'type="cloc"', 'message Order/field when/type: there is no type "cloc" (line 65)'],
      ['name="when" ', '', 'message Order/field/name: <field> needs it (line 65)'],
      [
        'type="int16" offset="20"',
        'type="int16" offset="2"',
        /^message Order\/field middle\/offset: must be at least 17/,
      ],
      ['type="int16" offset="20"', 'type="int16" offset="x"', /offset: must be an integer/],
      [
        '<type name="code4" primitiveType="char"',
        '<type name="code4" primitiveType="chars"',
        /^types\/type code4\/primitiveType: is none of SBE/,
      ],
      ['nullValue="4000000000"', 'nullValue="5000000000"', /^types\/type count\/nullValue: is beyond uint32/],
      [
        '<choice name="hidden">9',
        '<choice name="hidden">16',
        /^types\/set flags\/choice hidden: must be a bit from 0 to 15/,
      ],
      ['>B</validValue>', '></validValue>', /^types\/enum side\/validValue Buy: must be an integer/],
      ['valueRef="yes.True"', 'valueRef="yes.Perhaps"', /^message Order\/field real\/valueRef: must be ENUM.VALUE/],
      ['byteOrder="littleEndian"', 'byteOrder="middle"', /^byteOrder: must be/],
      [' id="91"', '', /^id: <messageSchema> needs it/],
      ['dimensionType="wideGroup"', 'dimensionType="side"', /dimensionType: must name a composite/],
      [
        '<sbe:message name="Fills" id="2">',
        '<sbe:message name="Fills" id="1">',
        /^message Fills\/id: is that of another/,
      ],
      [
        '<sbe:message name="Order" id="1">',
        '<sbe:message name="Order" id="1" blockLength="10">',
        /blockLength: must be at least 73/,
      ],
      ['sinceVersion="2"', 'sinceVersion="-1"', /^message Order\/field later\/sinceVersion: must be/],
      [
        'presence="optional"/>\n    <field id="4"',
        'presence="perhaps"/>\n    <field id="4"',
        /presence: must be required, optional or constant/,
      ],
      ['<composite name="clock">', '<composite name="clock"><ref name="again" type="clock"/>', /contains itself/],
      ['</types>', '', /not well-formed/],
      ['<types>', '<!DOCTYPE x [<!ENTITY e "1">]><types>', /not well-formed/],
      [
        '<types>',
        '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="x"/><types>',
        /give the schema as one document/,
      ],
      ['name="varData" length="0"', 'name="varData" length="3"', /needs a member varData/],
    ]
    for (const [from, to, expected] of cases) {
      expect(xml).toContain(from)
      const message = fault(() =>
        sbe(xml.replace(from, to), { message: 'Order', fields: { n: sbe.number('count', { optional: true }) } }),
      )
      if (typeof expected === 'string') expect(message).toBe(expected)
      else expect(message, `${from} → ${to}`).toMatch(expected)
    }
    expect(fault(() => sbe('', { message: 'x', fields: {} }))).not.toBe('none')
    expect(fault(() => sbe('<a/>', { message: 'x', fields: {} }))).toMatch('no messageSchema')
  })
})
