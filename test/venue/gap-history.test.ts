/** The lists of ended orders that a desk asks for after a gap. */
import { describe, expect, it } from 'vitest'
import { GapHistory } from '../../dist/esm/venue/desk/gap-history.js'
import { OrderError, type OrderUpdate } from '../../dist/esm/venue/index.js'
import { okxOrders } from '../../dist/esm/venue/okx/orders.js'

/** Learns from a venue that answers each list as told; by the type of instrument. */
async function learn(answer: (list: string) => unknown, over = new AbortController()) {
  const asked: string[] = []
  const applied: OrderUpdate[] = []
  const history = new GapHistory(okxOrders(), {
    send: async ({ request }) => {
      const { query = {} } = request ?? {}
      const list = typeof query === 'string' ? query : String(query['instType'])
      asked.push(list)
      return answer(list)
    },
    apply: (update) => void applied.push(update),
    symbols: () => [],
    now: () => 1_700_000_100_000,
  })
  const error = await history.learn(1_700_000_000_000, { over: over.signal, stop: new AbortController().signal }).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  return { asked, error, symbols: applied.map(({ symbol }) => symbol) }
}

const all = ['SPOT', 'MARGIN', 'SWAP', 'FUTURES', 'OPTION']
const listed = (list: string) => ({
  code: '0',
  msg: '',
  data: [
    {
      instId: `X-${list}`,
      ordId: '1',
      clOrdId: '',
      state: 'canceled',
      side: 'buy',
      ordType: 'limit',
      px: '1',
      sz: '1',
      accFillSz: '0',
      avgPx: '',
      uTime: '1700000050000',
    },
  ],
})

describe('ended orders after a gap', () => {
  it('a list that is refused keeps none of the others back, and is told', async () => {
    const no = new OrderError('ERR_ORDER_REFUSED', 'no margin account')
    const { asked, error, symbols } = await learn((list) => {
      if (list === 'MARGIN') throw no
      if (list === 'FUTURES') throw new OrderError('ERR_ORDER_AUTH', 'not for this key')
      return listed(list)
    })
    expect(asked).toEqual(all)
    expect(symbols).toEqual(['X-SPOT', 'X-SWAP', 'X-OPTION'])
    expect(error).toBe(no)
  })

  it('what may be answered when it is asked again ends it: all of it is asked again', async () => {
    const late = new OrderError('ERR_ORDER_LIMITED', 'too much')
    const { asked, error } = await learn((list) => {
      if (list === 'SPOT') throw new OrderError('ERR_ORDER_REFUSED', 'no')
      if (list === 'SWAP') throw late
      return listed(list)
    })
    expect([asked, error]).toEqual([['SPOT', 'MARGIN', 'SWAP'], late])
  })

  it('what counts no longer is not read to its end', async () => {
    const over = new AbortController()
    const { asked, error } = await learn((list) => {
      if (list === 'MARGIN') over.abort()
      return listed(list)
    }, over)
    expect(asked).toEqual(['SPOT', 'MARGIN'])
    expect(error).toBe(over.signal.reason)
  })

  it('without a refusal nothing is thrown', async () => {
    const { asked, error, symbols } = await learn(listed)
    expect([asked, error, symbols]).toEqual([all, null, all.map((list) => `X-${list}`)])
  })
})
