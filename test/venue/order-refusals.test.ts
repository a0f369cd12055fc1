/** What venues refuse orders with, and the JSON that all of their answers are read by. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { coinbase } from '../../dist/esm/venue/coinbase/index.js'
import { exactJson, type OrderDialect } from '../../dist/esm/venue/index.js'
import { kraken } from '../../dist/esm/venue/kraken/index.js'
import { okx } from '../../dist/esm/venue/okx/index.js'
import { linear, spot, usdm } from './order-dialects.ts'

describe('refusals', () => {
  it.each<[OrderDialect, string, string, string]>([
    [spot, '-2010', 'Account has insufficient balance for requested action.', 'ERR_ORDER_BALANCE'],
    [spot, '-2010', 'Order would immediately match and take.', 'ERR_ORDER_POST_ONLY'],
    [spot, '-1013', 'Filter failure: LOT_SIZE', 'ERR_ORDER_FILTER'],
    [spot, '-2010', 'Filter failure: MAX_NUM_ORDERS', 'ERR_ORDER_CAPACITY'],
    [spot, '-2010', 'Market is closed.', 'ERR_ORDER_INSTRUMENT'],
    [spot, '-2011', 'Unknown order sent.', 'ERR_ORDER_NOT_FOUND'],
    [spot, '-2015', 'Invalid API-key, IP, or permissions for action.', 'ERR_ORDER_AUTH'],
    [spot, '-9999', 'Something new.', 'ERR_ORDER_REFUSED'],
    [
      usdm,
      '-5022',
      'Due to the order could not be executed as maker, the Post Only order will be rejected.',
      'ERR_ORDER_POST_ONLY',
    ],
    [usdm, '-2019', 'Margin is insufficient.', 'ERR_ORDER_BALANCE'],
    [linear, '110001', 'Order does not exist', 'ERR_ORDER_NOT_FOUND'],
    [linear, '110007', 'ab not enough for new order', 'ERR_ORDER_BALANCE'],
    [okx.orders(), '51008', 'Insufficient balance', 'ERR_ORDER_BALANCE'],
    [okx.orders(), '51121', '', 'ERR_ORDER_FILTER'],
    [kraken.orders(), 'EOrder:Insufficient funds', 'EOrder:Insufficient funds', 'ERR_ORDER_BALANCE'],
    [kraken.orders(), 'EOrder:Post only order', 'EOrder:Post only order', 'ERR_ORDER_POST_ONLY'],
    [kraken.orders(), 'EGeneral:Invalid arguments:volume', 'EGeneral:Invalid arguments:volume', 'ERR_ORDER_INVALID'],
    [coinbase.orders(), 'INSUFFICIENT_FUND', 'Insufficient balance in source account', 'ERR_ORDER_BALANCE'],
  ])('$name %s %s', (dialect, code, message, expected) => {
    expect(dialect.refusal(code, message)).toBe(expected)
  })
})

describe('exactJson', () => {
  it('keeps every integer, and reads all else as JSON does', () => {
    fc.assert(
      fc.property(fc.bigInt(), (value) => {
        expect(String(exactJson(`{"id":${value}}`) && (exactJson(`{"id":${value}}`) as { id: unknown }).id)).toBe(
          String(value),
        )
      }),
    )
    fc.assert(
      fc.property(fc.json(), (text) => {
        const plain = JSON.stringify(JSON.parse(text))
        fc.pre(!/\d{16}/.test(text) && !/e\+?\d/i.test(text))
        expect(JSON.stringify(exactJson(text))).toBe(plain)
      }),
    )
    expect(() => exactJson('{')).toThrow(SyntaxError)
  })
})
