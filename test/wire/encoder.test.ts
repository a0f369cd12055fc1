import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Decimal } from '../../lib/runtime/decimal.js'
import { EncodeError } from '../../lib/wire/encode-error.js'
import { WireEncoder } from '../../lib/wire/encoder.js'
import { BookDelta, Execution, Quote, Raw, Signal, Trade } from '../../lib/wire/messages.js'
import { crc32c, frameOf, readHeader } from '../peers/wire-frames.js'
import { funding, typeOf, vectors } from './vectors.js'

const newEncoder = (): WireEncoder => {
  const numbers = new Map(Object.entries(vectors.symbols))
  return new WireEncoder((symbol) => {
    const known = numbers.get(symbol)
    if (known !== undefined) return known
    numbers.set(symbol, numbers.size + 1)
    return numbers.size
  })
}

const encoder = newEncoder()
const hex = (n: number): string => Buffer.from(encoder.bytes.subarray(0, n)).toString('hex')

function fault(encode: () => unknown): string {
  try {
    encode()
  } catch (error) {
    expect(error).toBeInstanceOf(EncodeError)
    expect((error as EncodeError).code).toBe('ERR_WIRE_ENCODE')
    return `${(error as EncodeError).messageType}.${(error as EncodeError).field}`
  }
  return 'none'
}

const quote = { symbol: 'BTCUSDT', bid: '1.5', ask: '2', bidSize: 1, askSize: 2 }

describe('golden vectors', () => {
  it.each(vectors.messages)('$name', ({ message, input, payload, frame, ...header }) => {
    const n = encoder.encode(typeOf(message), input as never)
    expect(hex(n)).toBe(payload)
    expect(typeOf(message).domain).toBe(header.domain)
    expect(typeOf(message).id).toBe(header.type)
    const bytes = Buffer.from(payload, 'hex')
    expect(frameOf({ ...header, time: BigInt(header.time) }, bytes).toString('hex')).toBe(frame)
  })

  it('holds controls and masked frames that the framing of these tests agrees with', () => {
    for (const { type, payload, frame } of vectors.controls) {
      expect(frameOf({ type }, Buffer.from(payload, 'hex')).toString('hex')).toBe(frame)
    }
    const masked = Buffer.from(vectors.masked.frame, 'hex')
    const key = Buffer.from(vectors.masked.key, 'hex')
    expect(readHeader(masked).flags).toBe(32)
    const content = masked.subarray(32, -4).map((byte, i) => byte ^ (key[i % 4] as number))
    expect(Buffer.from(content).toString('hex')).toBe(vectors.masked.content)
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
  })

  it('stand in the documentation', () => {
    const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'wire-format.md'), 'utf8')
    const block = text.slice(text.indexOf('## Examples'))
    const frames = [...block.matchAll(/^\*\*(.+?)\*\*.*?```\n(.*?)```/gms)].map(([, name, dump]) => {
      const bytes = (dump as string).replace(/^[0-9a-f]{4} {2}/gm, '').replace(/ {2,}.*$/gm, '')
      return [name as string, bytes.replace(/\s/g, '')]
    })
    const known = new Map(
      [...vectors.messages, ...vectors.controls, vectors.masked].map(({ name, frame }) => [name, frame]),
    )
    expect(frames.length).toBeGreaterThanOrEqual(8)
    for (const [name, frame] of frames) expect([name, frame]).toEqual([name, known.get(name as string)])
  })
})

describe('quotes', () => {
  it('take every kind of exact number', () => {
    const forms = [
      { bid: '1.50', ask: '2.00' },
      { bid: Decimal.parse('1.50'), ask: Decimal.parse('2.00') },
      { bid: '1.50', ask: 2n },
      { bid: '150e-2', ask: '0.200e1' },
    ]
    const seen = forms.map((prices) => hex(encoder.encode(Quote, { ...quote, ...prices })))
    expect(new Set(seen).size).toBe(1)
    expect(hex(encoder.encode(Quote, { ...quote, bid: 1.5, ask: 2 }))).toBe(
      hex(encoder.encode(Quote, { ...quote, bid: '1.5', ask: '2.0' })),
    )
  })

  it('are 32 bytes when compact, and say what they are about', () => {
    expect(encoder.encode(Quote, quote)).toBe(32)
    expect(encoder.key).toBe(1)
    expect(encoder.encode(Quote, { ...quote, bid: '-90000000000000000' })).toBe(40)
    expect(encoder.encode(Quote, { symbol: 'BTCUSDT', bid: 1, ask: 2 })).toBe(32)
  })

  it('refuse what cannot be represented, naming the field', () => {
    const bad = (fields: object) => fault(() => encoder.encode(Quote, { ...quote, ...fields } as never))
    expect(bad({ symbol: '' })).toBe('quote.symbol')
    expect(bad({ symbol: 'x'.repeat(256) })).toBe('quote.symbol')
    expect(bad({ symbol: 5 })).toBe('quote.symbol')
    expect(bad({ symbol: '\ud800' })).toBe('quote.symbol')
    expect(bad({ bid: Number.NaN })).toBe('quote.bid')
    expect(bad({ bid: Number.POSITIVE_INFINITY })).toBe('quote.bid')
    expect(bad({ bid: '1,5' })).toBe('quote.bid')
    expect(bad({ bid: '' })).toBe('quote.bid')
    expect(bad({ bid: '.5' })).toBe('quote.bid')
    expect(bad({ bid: '1.2.3' })).toBe('quote.bid')
    expect(bad({ bid: {} })).toBe('quote.bid')
    expect(bad({ bid: undefined })).toBe('none') // like null: nobody bids…
    expect(bad({ bid: null })).toBe('quote.bidSize') // …and then there is no size
    expect(bad({ ask: '0.1234567890123456789' })).toBe('quote.ask')
    expect(bad({ ask: 2n ** 63n })).toBe('quote.ask')
    expect(bad({ ask: 1e-19 })).toBe('quote.ask')
    expect(bad({ ask: 1e300 })).toBe('quote.ask')
    expect(bad({ bid: '0.000000000000000001', ask: '10' })).toBe('quote.ask')
    expect(bad({ bidSize: '1e19' })).toBe('quote.bidSize')
    expect(bad({ exchangeTime: 1.5 })).toBe('quote.exchangeTime')
    expect(bad({ exchangeTime: 2n ** 63n })).toBe('quote.exchangeTime')
    expect(bad({ exchangeSequence: -1 })).toBe('quote.exchangeSequence')
    expect(bad({ exchangeSequence: '5' })).toBe('quote.exchangeSequence')
    expect(fault(() => encoder.encode(Quote, null as never))).toBe('quote.')
  })
})

describe('other messages', () => {
  it('refuse what cannot be represented, naming the field', () => {
    const trade = { symbol: 'BTCUSDT', price: 1, size: 1 }
    expect(fault(() => encoder.encode(Trade, { ...trade, side: 'both' as never }))).toBe('trade.side')
    expect(fault(() => encoder.encode(Trade, { ...trade, tradeId: -5n }))).toBe('trade.tradeId')
    expect(fault(() => encoder.encode(Trade, { ...trade, price: undefined as never }))).toBe('trade.price')
    const book = { symbol: 'BTCUSDT' }
    expect(
      fault(() =>
        encoder.encode(BookDelta, {
          ...book,
          bids: [
            [1, 1],
            ['x', 1],
          ],
        }),
      ),
    ).toBe('bookDelta.bids[1].price')
    expect(fault(() => encoder.encode(BookDelta, { ...book, asks: [[1, {} as never]] }))).toBe('bookDelta.asks[0].size')
    expect(fault(() => encoder.encode(BookDelta, { ...book, asks: [5 as never] }))).toBe('bookDelta.asks[0]')
    expect(fault(() => encoder.encode(BookDelta, { ...book, asks: 'x' as never }))).toBe('bookDelta.asks')
    const far = [
      ['1e18', 1],
      ['0.001', 1],
    ] as const
    expect(fault(() => encoder.encode(BookDelta, { ...book, bids: far }))).toBe('bookDelta.bids[0].price')
    expect(fault(() => encoder.encode(BookDelta, { ...book, firstUpdateId: 2, lastUpdateId: 1n }))).toBe(
      'bookDelta.firstUpdateId',
    )
    expect(fault(() => encoder.encode(Signal, { name: '', value: 1 }))).toBe('signal.name')
    expect(fault(() => encoder.encode(Signal, { name: 'a', value: '1' as never }))).toBe('signal.value')
    expect(fault(() => encoder.encode(Signal, { name: 'a', value: 1, note: 'n'.repeat(65_537) }))).toBe('signal.note')
    const execution = {
      symbol: 'BTCUSDT',
      side: 'buy',
      status: 'new',
      filledSize: 0,
      openSize: 1,
      orderId: 'a',
    } as const
    expect(fault(() => encoder.encode(Execution, execution))).toBe('none')
    expect(fault(() => encoder.encode(Execution, { ...execution, orderId: '' }))).toBe('execution.orderId')
    expect(fault(() => encoder.encode(Execution, { ...execution, status: 'unknown' as never }))).toBe(
      'execution.status',
    )
    expect(fault(() => encoder.encode(Execution, { ...execution, openSize: 'x' }))).toBe('execution.openSize')
    expect(fault(() => encoder.encode(Execution, { ...execution, averagePrice: 'x' }))).toBe('execution.averagePrice')
    expect(fault(() => encoder.encode(Raw, { content: 5 as never }))).toBe('raw.content')
    expect(fault(() => encoder.encode(Raw, { content: '', kind: 'x' as never }))).toBe('raw.kind')
    expect(fault(() => encoder.encode(Raw, { content: new Uint8Array(16_777_216) }))).toBe('raw.')
    expect(fault(() => encoder.encode(funding, {} as never))).toBe('funding.symbol')
  })

  it('keep what they know of mantissas beyond 2^53 for one message only', () => {
    const small = hex(encoder.encode(BookDelta, { symbol: 'BTCUSDT', bids: [[1, 2]] }))
    encoder.encode(BookDelta, { symbol: 'BTCUSDT', bids: [['9223372036854775807', 2]] })
    expect(hex(encoder.encode(BookDelta, { symbol: 'BTCUSDT', bids: [[1, 2]] }))).toBe(small)
  })

  it('carry many levels', () => {
    const bids = Array.from({ length: 10_000 }, (_, i) => [String(100_000 - i), i / 8] as const)
    const n = encoder.encode(BookDelta, { symbol: 'BTCUSDT', bids })
    expect(n).toBe(24 + 6 + 160_000)
    const view = new DataView(encoder.bytes.buffer, encoder.bytes.byteOffset)
    expect(view.getBigInt64(30 + 16 * 9_999, true)).toBe(90_001n)
    expect(view.getBigInt64(38 + 16 * 9_999, true)).toBe(1_249_875n)
  })

  it('are JSON text for those who do not speak the format', () => {
    expect(JSON.parse(Quote.toText({ ...quote, ask: Decimal.parse('2.00'), exchangeSequence: 2n ** 60n }))).toEqual({
      type: 'quote',
      symbol: 'BTCUSDT',
      bid: '1.5',
      ask: '2.00',
      bidSize: '1',
      askSize: '2',
      exchangeSequence: '1152921504606846976',
    })
    const levels = { symbol: 'S', bids: [['1e-2', 3n], { price: 2.5, size: '0' }] as const }
    expect(BookDelta.toText(levels)).toBe('{"type":"bookDelta","symbol":"S","bids":[["0.01","3"],["2.5","0"]]}')
    expect(() => Quote.toText({ ...quote, bid: 'high' })).toThrow(TypeError)
  })

  it('come with their type', () => {
    expect(encoder.encodeMessage(Quote.message(quote))).toBe(32)
  })
})
