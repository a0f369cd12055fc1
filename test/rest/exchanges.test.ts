import { describe, expect, it } from 'vitest'
import type { Exchange } from '../../lib/rest/exchange.js'
import { Exchanges } from '../../lib/rest/exchanges.js'
import { FieldMemo, hasField } from '../../lib/rest/fields.js'

const exchange = (id: number): Exchange => ({ id }) as Exchange

describe('requests under way', () => {
  it('are found by the whole of their id', () => {
    const exchanges = new Exchanges()
    const one = exchange(0x0001_0003)
    exchanges.add(one)
    expect(exchanges.get(0x0001_0003)).toBe(one)
    expect(exchanges.get(0x0002_0003)).toBeNull()
    expect(exchanges.get(0x0001_0002)).toBeNull()
    expect(exchanges.get(0xffff_ffff)).toBeNull()
    exchanges.remove(one)
    expect(exchanges.get(0x0001_0003)).toBeNull()
    expect(exchanges.size).toBe(0)
  })

  it('are kept when their index is used again before their answer was read', () => {
    const exchanges = new Exchanges()
    const all = [exchange(0xfffe_0001), exchange(0xffff_0001), exchange(0x0000_0001)]
    for (const one of all) exchanges.add(one)
    expect(exchanges.size).toBe(3)
    for (const one of all) expect(exchanges.get(one.id)).toBe(one)
    for (const one of all) {
      exchanges.remove(one)
      exchanges.remove(one)
      expect(exchanges.get(one.id)).toBeNull()
    }
    expect(exchanges.size).toBe(0)
  })

  it('are handed over all at once', () => {
    const exchanges = new Exchanges()
    const all = [exchange(0x0001_0001), exchange(0x0002_0001), exchange(0x0001_0000)]
    for (const one of all) exchanges.add(one)
    expect(new Set(exchanges.takeAll())).toEqual(new Set(all))
    expect(exchanges.size).toBe(0)
    expect(exchanges.takeAll()).toEqual([])
  })
})

describe('header fields that are written once', () => {
  it('are written anew when a value, a name or their order is another', () => {
    const memo = new FieldMemo('a:1\n')
    expect(memo.lines(undefined)).toBe('a:1\n')
    expect(memo.lines({})).toBe('a:1\n')
    const fields = { 'X-Key': 'one', b: '2' }
    expect(memo.lines(fields)).toBe('a:1\nx-key:one\nb:2\n')
    expect(memo.lines({ ...fields })).toBe('a:1\nx-key:one\nb:2\n')
    fields['X-Key'] = 'two'
    expect(memo.lines(fields)).toBe('a:1\nx-key:two\nb:2\n')
    expect(memo.lines({ b: '2', 'X-Key': 'two' })).toBe('a:1\nb:2\nx-key:two\n')
    expect(memo.lines({ b: '2' })).toBe('a:1\nb:2\n')
    expect(memo.lines([['c', '3']])).toBe('a:1\nc:3\n')
    expect(memo.lines({ b: '2' })).toBe('a:1\nb:2\n')
  })

  it('with several values are read each time', () => {
    const memo = new FieldMemo('')
    const fields = { b: ['1', '2'] }
    expect(memo.lines(fields)).toBe('b:1\nb:2\n')
    fields.b.push('3')
    expect(memo.lines(fields)).toBe('b:1\nb:2\nb:3\n')
  })

  it('are refused as often as they are wrong', () => {
    const memo = new FieldMemo('')
    for (let i = 0; i < 2; i++) {
      expect(() => memo.lines({ b: '1\n2' })).toThrowError('header field b')
      expect(() => memo.lines({ 'b c': '1' })).toThrowError('no token')
    }
  })

  it('are found by their name in any case', () => {
    expect(hasField({ 'Content-Type': 'x' }, 'content-type')).toBe(true)
    expect(hasField([['CONTENT-TYPE', 'x']], 'content-type')).toBe(true)
    expect(hasField({ 'content-typo': 'x' }, 'content-type')).toBe(false)
    expect(hasField([], 'content-type')).toBe(false)
  })
})
