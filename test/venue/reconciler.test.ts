/** What a desk asks for after a gap in its private stream. */
import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { Reconciler } from '../../dist/esm/venue/desk/reconciler.js'
import type { OrderRef, OrderUpdate } from '../../dist/esm/venue/index.js'
import { OrderTrack } from '../../dist/esm/venue/order/order-track.js'

const update = (clientOrderId: string, status: OrderUpdate['status'], filled: string): OrderUpdate => ({
  symbol: 'BTC-USDT',
  orderId: `of ${clientOrderId}`,
  clientOrderId,
  status,
  side: 'buy',
  type: 'limit',
  price: '1',
  size: '1',
  filled,
  quoteFilled: null,
  averagePrice: null,
  timeMs: 1,
  raw: null,
})

/** Reconciles these orders with what the venue has, once. */
async function reconciled(
  tracks: readonly OrderTrack[],
  venue: readonly OrderUpdate[],
  meanwhile: () => void = () => {},
): Promise<OrderRef[]> {
  const asked: OrderRef[] = []
  const find = (ref: Pick<OrderRef, 'clientOrderId'>): OrderTrack | undefined =>
    tracks.find(({ clientOrderId }) => clientOrderId === ref.clientOrderId)
  await new Promise<void>((resolve, reject) => {
    const source = {
      openOrders: async () => {
        const open = venue.filter(({ status }) => status === 'open')
        for (const each of open) find(each)?.apply(each)
        return open
      },
      order: async (ref: OrderRef) => {
        asked.push(ref)
        const found = venue.find(({ clientOrderId }) => clientOrderId === ref.clientOrderId)
        if (found !== undefined) find(found)?.apply(found)
        return found ?? null
      },
      find,
      open: () => tracks.filter(({ ended }) => !ended),
      gone: (track: OrderTrack) => void track.gone(),
      ended: async () => meanwhile(),
    }
    new Reconciler(source, resolve, reject, { certainAfter: 20 }).start()
  })
  return asked
}

describe('after a gap', () => {
  it('an order that was filled before its answer came is asked about: the answer tells nothing of fills', async () => {
    const track = new OrderTrack('BTC-USDT', 'a')
    expect(track.status).toBe('sending')
    await reconciled([track], [update('a', 'filled', '1')])
    expect(track.status).toBe('filled')
    // The answer, which was under way.
    track.apply(update('a', 'accepted', '0'))
    expect(track.state).toMatchObject({ status: 'filled', filled: '1' })
  })

  it('only what is open here and not there is asked about', async () => {
    const [open, gone, ended, sending] = ['open', 'gone', 'ended', 'sending'].map(
      (id) => new OrderTrack('BTC-USDT', id),
    )
    for (const track of [open, gone, ended]) track?.apply(update(track.clientOrderId, 'open', '0'))
    ended?.apply(update('ended', 'canceled', '0'))
    const tracks = [open, gone, ended, sending].filter((track) => track !== undefined)
    const asked = await reconciled(tracks, [update('open', 'open', '0'), update('gone', 'canceled', '0.5')])
    expect(asked.map(({ clientOrderId }) => clientOrderId).sort()).toEqual(['gone', 'sending'])
    expect(gone?.state).toMatchObject({ status: 'canceled', filled: '0.5' })
    expect(sending?.status).toBe('sending')
  })

  it('what was there and is nowhere any more has ended, once the venue has said so twice', async () => {
    const [purged, back, heard, sending] = ['purged', 'back', 'heard', 'sending'].map(
      (id) => new OrderTrack('BTC-USDT', id),
    ) as [OrderTrack, OrderTrack, OrderTrack, OrderTrack]
    purged.apply(update('purged', 'partiallyFilled', '0.25'))
    for (const track of [back, heard]) track.apply(update(track.clientOrderId, 'open', '0'))
    const venue: OrderUpdate[] = []
    const asked = await reconciled([purged, back, heard, sending], venue, () => {
      // One is shown late, and of another the stream tells.
      venue.push(update('back', 'open', '0'))
      setTimeout(() => heard.apply({ ...update('heard', 'partiallyFilled', '0.5'), timeMs: 2 }), 5)
    })
    expect(asked.filter(({ clientOrderId }) => clientOrderId === 'purged').length).toBe(2)
    expect(purged.state).toMatchObject({ status: 'gone', filled: '0.25' })
    expect(purged.ended).toBe(true)
    expect([back.status, heard.status, sending.status]).toEqual(['open', 'partiallyFilled', 'sending'])
  })

  it('what is stopped while it waits to ask once more keeps no process alive', async () => {
    const module = (path: string): string =>
      JSON.stringify(new URL(`../../dist/esm/venue/${path}`, import.meta.url).href)
    const script = `
      const { Reconciler } = await import(${module('desk/reconciler.js')})
      const { OrderTrack } = await import(${module('order/order-track.js')})
      const track = new OrderTrack('X', 'a')
      track.apply(${JSON.stringify(update('a', 'open', '0'))})
      const reconciler = new Reconciler({
        openOrders: async () => [], order: async () => null, find: () => undefined, open: () => [track],
        gone: () => console.log('gone'), ended: async () => {},
      }, () => console.log('done'), (error) => console.log(String(error)), { certainAfter: 120_000 })
      reconciler.start()
      setTimeout(() => {
        console.log(process.getActiveResourcesInfo().includes('Timeout'))
        reconciler.stop()
      }, 100)`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      timeout: 20_000,
    })
    expect(stdout).toBe('true\n')
  }, 30_000)

  it('of any number of gaps one upon the other one look-up is under way, and one more learns what all have missed', async () => {
    const tracks = Array.from({ length: 200 }, (_, i) => {
      const track = new OrderTrack('BTC-USDT', `o${i}`)
      track.apply(update(`o${i}`, 'open', '0'))
      return track
    })
    const counts = { lists: 0, lookUps: 0, ended: 0, most: 0, done: 0 }
    let underway = 0
    let isLast = false
    const asked = async (ms: number): Promise<void> => {
      underway++
      counts.most = Math.max(counts.most, underway)
      await sleep(ms)
      underway--
    }
    const source = {
      openOrders: async () => {
        counts.lists++
        await asked(20)
        return isLast ? tracks.map(({ clientOrderId }) => update(clientOrderId, 'open', '0')) : []
      },
      order: async ({ clientOrderId }: OrderRef) => {
        counts.lookUps++
        await asked(20)
        return clientOrderId ?? ''
      },
      find: ({ clientOrderId }: Pick<OrderRef, 'clientOrderId'>) =>
        tracks.find((track) => track.clientOrderId === clientOrderId),
      open: () => tracks,
      gone: () => expect.fail('nothing is gone'),
      ended: async () => {
        counts.ended++
        await asked(20)
      },
    }
    const failures: Error[] = []
    await new Promise<void>((resolve) => {
      const reconciler = new Reconciler(
        source,
        () => {
          counts.done++
          resolve()
        },
        (error) => failures.push(error),
      )
      reconciler.start()
      let gaps = 0
      const storm = setInterval(() => {
        gaps++
        isLast = gaps === 20
        if (isLast) clearInterval(storm)
        reconciler.start()
      }, 10)
    })
    await sleep(50)
    expect({ failures, done: counts.done, ended: counts.ended }).toEqual({ failures: [], done: 1, ended: 1 })
    // One list, and then what it does not tell, four at a time: nothing of what counts no longer waits besides.
    expect(counts.most).toBeLessThanOrEqual(4)
    expect(counts.lists).toBe(2)
    expect(counts.lookUps).toBeLessThanOrEqual(8)
  })

  it('gaps while nothing can be asked ask nothing more, and what is asked when the stream is lost is taken back', async () => {
    const failures: string[] = []
    const stops: AbortSignal[] = []
    const source = {
      openOrders: async ({ stop }: { readonly stop: AbortSignal }) => {
        stops.push(stop)
        throw new Error('the quota of the hour is used up')
      },
      order: async () => null,
      find: () => undefined,
      open: () => [],
      gone: () => {},
      ended: async () => {},
    }
    const reconciler = new Reconciler(
      source,
      () => expect.fail('nothing was learnt'),
      (error) => failures.push(error.message),
    )
    for (let i = 0; i < 30; i++) {
      reconciler.start()
      await sleep(10)
    }
    expect(failures.length).toBe(1)
    expect(stops.map(({ aborted }) => aborted)).toEqual([false])
    reconciler.stop()
    expect(stops.map(({ aborted }) => aborted)).toEqual([true])
    // One that begins after that does so at once.
    reconciler.start()
    await sleep(10)
    expect(failures.length).toBe(2)
    reconciler.stop()
  })
})
