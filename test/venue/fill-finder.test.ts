/** How the trades of orders are asked for. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { FillFinder } from '../../dist/esm/venue/desk/fill-finder.js'
import { Fills } from '../../dist/esm/venue/desk/fills.js'
import { TrackedOrders } from '../../dist/esm/venue/desk/tracked-orders.js'
import { OrderTrack } from '../../dist/esm/venue/order/order-track.js'
import { until } from '../e2e/waiting.ts'

describe('trades', () => {
  it('of any number of orders that are gone are asked for a few at a time', async () => {
    const orders = new TrackedOrders(1_000)
    const asked = new Set<string>()
    let underway = 0
    let most = 0
    const fills = new Fills({
      orders,
      trades: async ({ clientOrderId = '' }) => {
        underway++
        most = Math.max(most, underway)
        await sleep(1)
        underway--
        asked.add(clientOrderId)
        return []
      },
      ask: async () => null,
      hearing: () => true,
      tellsTrades: true,
      tell: () => {},
    })
    for (let i = 0; i < 200; i++) fills.search(orders.add('BTC-USDT', `o${i}`))
    await until(() => asked.size === 200, 'all have been asked for')
    expect(most).toBe(4)
    fills.close()
  })

  it('of one that is gone are asked for again when there was no answer, and once when there was', async () => {
    const counts = new Map<OrderTrack, number>()
    const given: OrderTrack[] = []
    const [answered, failing] = ['a', 'b'].map((id) => new OrderTrack('BTC-USDT', id)) as [OrderTrack, OrderTrack]
    const finder = new FillFinder({
      missing: () => false,
      ask: async (track) => {
        const count = (counts.get(track) ?? 0) + 1
        counts.set(track, count)
        if (track === failing && count < 3) throw new Error('the quota of the hour is used up')
      },
      giveUp: (track) => given.push(track),
    })
    finder.search(answered)
    finder.search(failing)
    finder.search(failing)
    await until(() => counts.get(failing) === 3, 'it was answered', 10_000)
    await sleep(50)
    expect([counts.get(answered), counts.get(failing), given]).toEqual([1, 3, []])
    finder.close()
  })
})
