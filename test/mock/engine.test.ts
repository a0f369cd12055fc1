/** The matching engine by itself: whatever is asked of it, money is neither made nor lost. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { amount, formatAmount } from '../../dist/esm/mock/amount.js'
import { Account } from '../../dist/esm/mock/engine/account.js'
import { Engine, isRefusal } from '../../dist/esm/mock/engine/engine.js'
import type { OrderEvent, OrderTerms } from '../../dist/esm/mock/engine/order.js'
import { stepOf } from '../../dist/esm/mock/market/instrument.js'
import { MarketBook } from '../../dist/esm/mock/market/market-book.js'

const symbol = 'AB'
const instrument = { symbol, base: 'A', quote: 'B', tick: stepOf(0), lot: stepOf(0), minNotional: 0n }

function rig(makerFee = '0', takerFee = '0') {
  const book = new MarketBook(symbol)
  const events: OrderEvent[] = []
  const engine = new Engine({
    instruments: new Map([[symbol, instrument]]),
    book: () => book,
    now: () => 0,
    makerFee: amount(makerFee),
    takerFee: amount(takerFee),
    maxOpenOrders: 20,
    maxHistory: 1_000_000,
    firstOrderId: 1n,
    onEvent: (event) => events.push(event),
  })
  const traders = ['x', 'y', 'z'].map(
    (apiKey, i) => new Account({ apiKey, secret: 's', publicKey: null, passphrase: '' }, i, { A: '1000', B: '100000' }),
  )
  return { book, engine, events, traders }
}

const units = (value: bigint): number => Number(formatAmount(value, 0))
const terms = (change: Partial<OrderTerms> = {}): OrderTerms => ({
  symbol,
  side: 'buy',
  type: 'limit',
  timeInForce: 'gtc',
  price: amount('100'),
  size: amount('5'),
  quoteSize: 0n,
  clientId: '',
  ...change,
})

const step = fc.oneof(
  fc.record({
    kind: fc.constant('place' as const),
    trader: fc.nat(2),
    side: fc.constantFrom('buy' as const, 'sell' as const),
    type: fc.constantFrom('limit' as const, 'limit' as const, 'market' as const),
    timeInForce: fc.constantFrom('gtc' as const, 'ioc' as const, 'fok' as const, 'postOnly' as const),
    price: fc.integer({ min: 90, max: 110 }),
    size: fc.integer({ min: 1, max: 40 }),
    byValue: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('cancel' as const), trader: fc.nat(2), at: fc.nat(30) }),
  fc.record({
    kind: fc.constant('amend' as const),
    trader: fc.nat(2),
    at: fc.nat(30),
    price: fc.integer({ min: 90, max: 110 }),
    size: fc.integer({ min: 1, max: 40 }),
  }),
  fc.record({
    kind: fc.constant('levels' as const),
    bid: fc.integer({ min: 88, max: 99 }),
    ask: fc.integer({ min: 100, max: 112 }),
    size: fc.integer({ min: 0, max: 30 }),
  }),
  fc.record({
    kind: fc.constant('trade' as const),
    side: fc.constantFrom('buy' as const, 'sell' as const),
    price: fc.integer({ min: 85, max: 115 }),
    size: fc.integer({ min: 1, max: 30 }),
  }),
)

describe('the engine', () => {
  it('keeps its books: what is locked is what open orders need, nobody owes, every fill is paid for', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const { book, engine, events, traders } = rig()
        for (const each of steps) {
          const trader = 'trader' in each ? traders[each.trader] : undefined
          const open = trader === undefined ? [] : engine.openOrders(trader)
          if (each.kind === 'place' && trader !== undefined) {
            const isMarket = each.type === 'market'
            const byValue = isMarket && each.byValue
            engine.place(
              trader,
              terms({
                side: each.side,
                type: each.type,
                timeInForce: isMarket ? 'gtc' : each.timeInForce,
                price: isMarket ? 0n : amount(String(each.price)),
                size: byValue ? 0n : amount(String(each.size)),
                quoteSize: byValue ? amount(String(each.size * 100)) : 0n,
              }),
            )
          } else if (each.kind === 'cancel') {
            const order = open[each.at % Math.max(1, open.length)]
            if (order !== undefined) expect(engine.cancel(order)).toBeNull()
          } else if (each.kind === 'amend') {
            const order = open[each.at % Math.max(1, open.length)]
            if (order !== undefined)
              engine.amend(order, { price: amount(String(each.price)), size: amount(String(each.size)) })
          } else if (each.kind === 'levels') {
            book.change([[String(each.bid), String(each.size)]], [[String(each.ask), String(each.size)]])
            engine.bookChanged(symbol)
          } else if (each.kind === 'trade')
            engine.tradeHappened(symbol, each.side, amount(String(each.price)), amount(String(each.size)))

          for (const account of traders) {
            const orders = engine.openOrders(account)
            for (const [asset, side] of [
              ['A', 'sell'],
              ['B', 'buy'],
            ] as const) {
              const { free, locked } = account.balance(asset)
              expect(free >= 0n && locked >= 0n).toBe(true)
              expect(units(locked)).toBe(
                orders.filter((order) => order.side === side).reduce((sum, order) => sum + units(order.locked), 0),
              )
            }
          }
        }
        for (const account of traders) {
          let [a, b] = [1_000, 100_000]
          for (const order of account.orders.values()) {
            const filled = order.fills.reduce((sum, { size }) => sum + units(size), 0)
            const paid = order.fills.reduce((sum, { size, price }) => sum + units(size) * units(price), 0)
            expect([units(order.filled), units(order.quoteFilled)]).toEqual([filled, paid])
            const sign = order.side === 'buy' ? 1 : -1
            a += sign * filled
            b -= sign * paid
          }
          expect([
            units(account.balance('A').free + account.balance('A').locked),
            units(account.balance('B').free + account.balance('B').locked),
          ]).toEqual([a, b])
        }
        // Each fill is told once.
        const told = events.filter(({ kind }) => kind === 'filled').length
        expect(told).toBe(
          traders.flatMap((account) => [...account.orders.values()]).reduce((sum, { fills }) => sum + fills.length, 0),
        )
      }),
      { numRuns: 300 },
    )
  })

  it('gives the better price first, and among equals who was there first; the market before traders', () => {
    const { book, engine, traders } = rig()
    const [x, y, z] = traders as [Account, Account, Account]
    const at = (account: Account, price: string, size: string) => {
      const order = engine.place(account, terms({ side: 'sell', price: amount(price), size: amount(size) }))
      if (isRefusal(order)) throw new Error(order)
      return order
    }
    const [late, early, cheap] = [at(x, '101', '3'), at(y, '101', '3'), at(x, '100', '2')]
    book.change([], [['101', '4']])
    const taker = engine.place(z, terms({ price: amount('101'), size: amount('10') }))
    if (isRefusal(taker)) throw new Error(taker)
    expect(taker.fills.map(({ price, size }) => [units(price), units(size)])).toEqual([
      [100, 2],
      [101, 4],
      [101, 3],
      [101, 1],
    ])
    expect([late, early, cheap].map(({ state }) => state)).toEqual(['filled', 'partiallyFilled', 'filled'])
    // What was taken from a level comes back when the market says anew how much there is.
    expect(isRefusal(engine.place(z, terms({ price: amount('101'), size: amount('3'), timeInForce: 'fok' })))).toBe(
      false,
    )
    book.change([], [['101', '4']])
    const again = engine.place(z, terms({ price: amount('101'), size: amount('4'), timeInForce: 'fok' }))
    expect(isRefusal(again) ? again : again.state).toBe('filled')
  })

  it('takes fees out of what is received', () => {
    const { book, engine, traders } = rig('0.001', '0.002')
    const [x] = traders as [Account]
    book.change([['99', '10']], [['101', '10']])
    engine.place(x, terms({ type: 'market', price: 0n, size: amount('5') }))
    expect(formatAmount(x.balance('A').free, 3)).toBe('1004.990')
    engine.place(x, terms({ side: 'sell', price: amount('105'), size: amount('10') }))
    book.change([['106', '10']], [])
    engine.bookChanged(symbol)
    // 10 × 105, less one part in a thousand: the maker's.
    expect(formatAmount(x.balance('B').free, 2)).toBe('100543.95')
  })
})
