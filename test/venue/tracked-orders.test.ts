/** Orders by their two ids, of which a venue may tell one before the other. */
import { expect, it } from 'vitest'
import { Fills } from '../../dist/esm/venue/desk/fills.js'
import { TrackedOrders } from '../../dist/esm/venue/desk/tracked-orders.js'
import type { FillEvent, OrderStatus, OrderUpdate } from '../../dist/esm/venue/index.js'

const update = (ids: { orderId: string; clientOrderId: string }, status: OrderStatus): OrderUpdate => ({
  ...ids,
  symbol: 'S',
  status,
  side: null,
  type: '',
  price: null,
  size: null,
  filled: null,
  quoteFilled: null,
  averagePrice: null,
  timeMs: Number.NaN,
  raw: null,
})

it('a fill that is told by the id of the venue before the answer came is not told again', () => {
  const orders = new TrackedOrders(10)
  const track = orders.add('S', 'mine')
  // As Bybit tells a maker's fast fills: without the client's id.
  const nameless = update({ orderId: '7', clientOrderId: '' }, 'filled')
  const heard = orders.of(nameless)
  heard?.apply(nameless)
  if (heard === null) throw new Error('it is followed')
  orders.changed(heard)
  expect(orders.fills(heard)?.trade('t1', '1')).toBe('1')
  track.apply(update({ orderId: '7', clientOrderId: 'mine' }, 'accepted'))
  orders.changed(track)
  expect(orders.find({ orderId: '7' })).toBe(track)
  expect(track.status).toBe('filled')
  expect(orders.fills(track)?.trade('t1', '1')).toBeNull()
  expect(orders.fills(track)?.missing('1')).toBe('0')
  expect(orders.size).toBe(1)
  expect([...orders.open()]).toEqual([])
})

it('of orders that there is no room for, each fill is told once, both sides of one trade too', () => {
  const orders = new TrackedOrders(1)
  orders.add('S', 'open')
  const told: FillEvent[] = []
  const fills = new Fills({
    orders,
    trades: null,
    ask: async () => null,
    hearing: () => true,
    tellsTrades: true,
    tell: (fill) => told.push(fill),
  })
  const fill = (orderId: string) => ({
    symbol: 'S',
    orderId,
    clientOrderId: '',
    side: null,
    tradeId: 't1',
    price: '1',
    size: '1',
    fee: null,
    feeAsset: '',
    liquidity: null,
    timeMs: 1,
    raw: null,
  })
  for (const orderId of ['7', '8', '7', '8']) fills.heard(fill(orderId))
  expect(told.map(({ orderId }) => orderId)).toEqual(['7', '8'])
})
