/** What is told of fills, whatever is heard of them, in any order, any number of times. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FillLedger } from '../../dist/esm/venue/desk/fill-ledger.js'
import { Fills } from '../../dist/esm/venue/desk/fills.js'
import { TrackedOrders } from '../../dist/esm/venue/desk/tracked-orders.js'
import { compareDecimals, type FillEvent, type OrderUpdate, subtractDecimals } from '../../dist/esm/venue/index.js'
import { krakenStream, krakenTrades } from '../../dist/esm/venue/kraken/stream.js'

const written = (thousandths: number): string =>
  `${Math.floor(thousandths / 1_000)}.${String(thousandths % 1_000).padStart(3, '0')}`

function update(filled: number, size: number, timeMs: number): OrderUpdate {
  return {
    symbol: 'X',
    orderId: '7',
    clientOrderId: 'c',
    status: filled === size ? 'filled' : filled > 0 ? 'partiallyFilled' : 'open',
    side: 'buy',
    type: 'LIMIT',
    price: '1',
    size: written(size),
    filled: written(filled),
    quoteFilled: null,
    averagePrice: null,
    timeMs,
    raw: undefined,
  }
}

const fill = (id: number, size: number) => ({
  symbol: 'X',
  orderId: '7',
  clientOrderId: 'c',
  side: 'buy' as const,
  tradeId: `T${id}`,
  price: '1',
  size: written(size),
  fee: '0.1',
  feeAsset: 'Y',
  liquidity: 'maker' as const,
  timeMs: id,
  raw: undefined,
})

/** One thing that is heard: how the order stood after so many trades, or one of the trades; `hearing`: whether trades are still hoped for. */
interface Heard {
  readonly what: 'order' | 'trade'
  readonly which: number
  readonly hearing: boolean
}

const life = fc.array(fc.integer({ min: 1, max: 999 }), { minLength: 1, maxLength: 8 }).chain((sizes) =>
  fc.record({
    sizes: fc.constant(sizes),
    heard: fc.array(
      fc.record({
        what: fc.constantFrom('order', 'trade'),
        which: fc.nat({ max: sizes.length - 1 }),
        hearing: fc.boolean(),
      }) as fc.Arbitrary<Heard>,
      { maxLength: 30 },
    ),
  }),
)

describe('fills', () => {
  it('add up to what was filled, no trade is told twice or as more than it was, and never more than is known', () => {
    fc.assert(
      fc.property(life, ({ sizes, heard }) => {
        const orders = new TrackedOrders(10)
        const track = orders.add('X', 'c')
        const told: FillEvent[] = []
        let hearing = true
        const fills = new Fills({
          orders,
          trades: null,
          ask: () => Promise.reject(new Error('nobody is asked')),
          hearing: () => hearing,
          tellsTrades: true,
          tell: (event) => told.push(event),
        })
        const total = sizes.reduce((sum, size) => sum + size, 0)
        const after = (count: number): number => sizes.slice(0, count).reduce((sum, size) => sum + size, 0)
        const known = new Set<number>()
        let most = 0
        const sum = (): string =>
          subtractDecimals(
            '0',
            told.reduce((left, { size }) => subtractDecimals(left, size), '0'),
          )
        const hear = (step: Heard): void => {
          hearing = step.hearing
          if (step.what === 'order') {
            const filled = after(step.which + 1)
            most = Math.max(most, filled)
            track.apply(update(filled, total, step.which + 1))
            orders.changed(track)
            fills.filled(track)
          } else {
            known.add(step.which)
            fills.heard(fill(step.which, sizes[step.which] as number))
          }
          const trades = [...known].reduce((all, which) => all + (sizes[which] as number), 0)
          expect(compareDecimals(sum(), written(Math.max(most, 0) + trades))).toBeLessThanOrEqual(0)
        }
        for (const step of heard) hear(step)
        // In the end the venue is asked for everything.
        hear({ what: 'order', which: sizes.length - 1, hearing: true })
        sizes.forEach((_size, which) => {
          hear({ what: 'trade', which, hearing: true })
        })
        fills.close()
        expect(compareDecimals(sum(), written(total))).toBe(0)
        const named = told.filter(({ tradeId }) => tradeId !== '')
        expect(new Set(named.map(({ tradeId }) => tradeId)).size).toBe(named.length)
        for (const { tradeId, size } of named) {
          const was = written(sizes[Number(tradeId.slice(1))] as number)
          expect(compareDecimals(size, was)).toBeLessThanOrEqual(0)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('are told by their trades alone while trades are told', () => {
    fc.assert(
      fc.property(life, ({ sizes, heard }) => {
        const ledger = new FillLedger()
        const told: string[] = []
        for (const { which } of heard) {
          const news = ledger.trade(`T${which}`, written(sizes[which] as number))
          if (news !== null) told.push(`T${which} ${news}`)
        }
        const all = new Set(heard.map(({ which }) => `T${which} ${written(sizes[which] as number)}`))
        expect(new Set(told)).toEqual(all)
        expect(told).toHaveLength(all.size)
      }),
    )
  })

  it('of orders that are not remembered are told once as well', () => {
    const orders = new TrackedOrders(1)
    orders.add('X', 'the only one')
    const told: FillEvent[] = []
    const fills = new Fills({
      orders,
      trades: null,
      ask: () => Promise.reject(new Error('nobody is asked')),
      hearing: () => true,
      tellsTrades: true,
      tell: (event) => told.push(event),
    })
    // What is no trade is none.
    for (const size of ['0', '-1', '']) fills.heard({ ...fill(9, 5), orderId: '8', size })
    for (const id of [1, 2, 1, 2, 3]) fills.heard({ ...fill(id, 5), orderId: '8', clientOrderId: '' })
    expect(told.map(({ tradeId, state }) => [tradeId, state])).toEqual([
      ['T1', null],
      ['T2', null],
      ['T3', null],
    ])
  })

  it('memory of an order is bounded, however many trades it has', () => {
    const ledger = new FillLedger()
    for (let i = 0; i < 30_000; i++) expect(ledger.trade(`T${i}`, '1')).toBe('1')
    expect(ledger.told).toBe('30000')
    // The newest are known still.
    expect(ledger.trade('T29999', '1')).toBeNull()
    expect(ledger.trade('T20001', '1')).toBeNull()
  })
})

describe('trades with two names', () => {
  it('are known by either, in any order', () => {
    const ledger = new FillLedger()
    expect(ledger.trade('T-1', '1.5', '71')).toBe('1.5')
    expect(ledger.trade('REST-1', '1.5', '71')).toBeNull()
    // By the name that it was told with along with the number.
    expect(ledger.trade('REST-1', '1.5')).toBeNull()
    expect(ledger.trade('T-1', '1.5', '99')).toBeNull()
    expect(ledger.trade('T-2', '1.5', '72')).toBe('1.5')
    // A number is no name.
    expect(ledger.trade('72', '2')).toBe('2')
    expect(ledger.told).toBe('5.0')
  })

  it('of Kraken: told by the stream under one name and by REST under another, once', () => {
    const orders = new TrackedOrders(10)
    const told: FillEvent[] = []
    const fills = new Fills({
      orders,
      trades: null,
      ask: async () => ({}),
      hearing: () => true,
      tellsTrades: true,
      tell: (event) => told.push(event),
    })
    const raw = {
      exec_type: 'trade',
      order_status: 'filled',
      order_id: '7',
      exec_id: 'TGBB7L-HT5LX-J3BZ4A',
      trade_id: 62_887_576,
      symbol: 'BTC/USD',
      side: 'sell',
      last_qty: '0.005',
      last_price: '26599.9',
      cum_qty: '0.005',
    }
    const events = krakenStream({} as never).reader()({ channel: 'executions', sequence: 1, data: [raw] })
    for (const event of events) {
      if (event.type === 'fill') fills.heard(event.fill)
      if (event.type !== 'order') continue
      const track = orders.of(event.update)
      track?.apply(event.update)
      if (track !== null) orders.changed(track)
    }
    expect(told.map(({ tradeId, size }) => [tradeId, size])).toEqual([['TGBB7L-HT5LX-J3BZ4A', '0.005']])
    const answers = [
      { result: { '7': { trades: ['TX-OTHER'] } } },
      { result: { 'TX-OTHER': { ordertxid: '7', vol: '0.005', price: '26599.9', trade_id: 62_887_576, time: 1 } } },
    ]
    return krakenTrades({ symbol: 'XBTUSD', orderId: '7' }, async () => answers.shift()).then((found) => {
      expect(found.length).toBe(1)
      for (const fill of found) fills.heard(fill)
      expect(told.length).toBe(1)
    })
  })
})
