import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareDecimals, OrderTrack, type OrderUpdate, subtractDecimals } from '../../dist/esm/venue/index.js'

function update(fields: Partial<OrderUpdate>): OrderUpdate {
  return {
    symbol: 'X',
    orderId: '',
    clientOrderId: '',
    status: 'accepted',
    side: null,
    type: '',
    price: null,
    size: null,
    filled: null,
    quoteFilled: null,
    averagePrice: null,
    timeMs: Number.NaN,
    raw: undefined,
    ...fields,
  }
}

/** One life of an order, as the venue lived it: every message that it could have sent, in order. */
interface Life {
  readonly messages: readonly OrderUpdate[]
  readonly end: OrderUpdate
}

const life: fc.Arbitrary<Life> = fc
  .record({
    fills: fc.array(fc.integer({ min: 1, max: 999 }), { maxLength: 6 }),
    amended: fc.boolean(),
    end: fc.constantFrom('filled', 'canceled', 'expired', 'rejected'),
    sameTime: fc.boolean(),
  })
  .map(({ fills, amended, end, sameTime }) => {
    const messages: OrderUpdate[] = [update({ orderId: '7', clientOrderId: 'c' })]
    let at = 1_000
    let filled = 0
    const say = (fields: Partial<OrderUpdate>): void => {
      if (!sameTime) at++
      messages.push(
        update({
          orderId: '7',
          clientOrderId: 'c',
          side: 'buy',
          type: 'LIMIT',
          price: amended ? '101.50' : '100.00',
          size: '10.000',
          filled: `${Math.floor(filled / 1_000)}.${String(filled % 1_000).padStart(3, '0')}`,
          timeMs: at,
          ...fields,
        }),
      )
    }
    say({ status: 'open', price: '100.00', timeMs: 900 })
    for (const fill of fills) {
      filled += fill
      say({ status: 'partiallyFilled' })
    }
    say({ status: end as OrderUpdate['status'] })
    return { messages, end: messages.at(-1) as OrderUpdate }
  })

const facts = (track: OrderTrack) => {
  const { raw: _raw, ...rest } = track.state as OrderUpdate
  return { ...rest, status: track.status, ended: track.ended }
}

describe('an order through swapped, repeated and lost messages', () => {
  it('stands the same whatever the order in which they come, and however often', () => {
    fc.assert(
      fc.property(
        life.chain(({ messages }) =>
          fc.tuple(
            fc.shuffledSubarray([...messages, ...messages], { minLength: messages.length * 2 }),
            fc.constant(messages),
          ),
        ),
        ([shuffled, messages]) => {
          const inOrder = new OrderTrack('X')
          const another = new OrderTrack('X')
          for (const message of messages) inOrder.apply(message)
          for (const message of shuffled) another.apply(message)
          expect(facts(another)).toEqual(facts(inOrder))
        },
      ),
      { numRuns: 1_000 },
    )
  })

  it('ends as the venue says, once that has been heard, whatever else was lost or comes later', () => {
    fc.assert(
      fc.property(
        life.chain((lived) => fc.tuple(fc.shuffledSubarray([...lived.messages]), fc.constant(lived), fc.nat())),
        ([heard, { end }, at]) => {
          const track = new OrderTrack('X', 'c')
          const messages = heard.includes(end) ? heard : heard.toSpliced(at % (heard.length + 1), 0, end)
          for (const message of messages) track.apply(message)
          expect(facts(track)).toMatchObject({
            status: end.status,
            ended: true,
            price: end.price,
            size: end.size,
            orderId: '7',
            clientOrderId: 'c',
          })
          expect(compareDecimals(track.state?.filled ?? '', end.filled ?? '')).toBe(0)
        },
      ),
      { numRuns: 1_000 },
    )
  })

  it('tells each fill once: what changes add up to is what was filled', () => {
    fc.assert(
      fc.property(
        life.chain(({ messages }) => fc.shuffledSubarray([...messages, ...messages], { minLength: 1 })),
        (heard) => {
          const track = new OrderTrack('X')
          let left = '0'
          for (const message of heard) {
            const { filledBy, to } = track.apply(message)
            expect(compareDecimals(filledBy, '0')).toBeGreaterThanOrEqual(0)
            expect(to).toBe(track.status)
            left = subtractDecimals(left, filledBy)
          }
          expect(compareDecimals(subtractDecimals('0', left), track.state?.filled ?? '0')).toBe(0)
        },
      ),
      { numRuns: 1_000 },
    )
  })

  it('never leaves its end, and never knows less than before', () => {
    const rank = ['sending', 'unknown', 'refused', 'accepted', 'open', 'partiallyFilled', 'rejected', 'expired']
    const rankOf = (status: string): number =>
      rank.includes(status) ? rank.indexOf(status) : status === 'canceled' ? 8 : 9
    fc.assert(
      fc.property(
        life.chain(({ messages }) =>
          fc.array(fc.oneof(fc.constantFrom(...messages), fc.constantFrom('lost', 'refused'))),
        ),
        (events) => {
          const track = new OrderTrack('X')
          for (const event of events) {
            const { from, to } =
              event === 'lost'
                ? track.lost()
                : event === 'refused'
                  ? track.refused()
                  : track.apply(event as OrderUpdate)
            expect(rankOf(to)).toBeGreaterThanOrEqual(rankOf(from))
          }
        },
      ),
    )
  })
})

describe('before the venue has been heard', () => {
  it('a lost answer leaves it unknown until a look-up finds it, or it is certain that it was not executed', () => {
    const found = new OrderTrack('X', 'c')
    expect(found.status).toBe('sending')
    expect(found.lost()).toEqual({ from: 'sending', to: 'unknown', filledBy: '0', changed: true })
    expect(found.confirmed).toBe(false)
    expect(found.apply(update({ status: 'filled', filled: '1.5', clientOrderId: 'c' }))).toEqual({
      from: 'unknown',
      to: 'filled',
      filledBy: '1.5',
      changed: true,
    })
    const absent = new OrderTrack('X', 'c')
    absent.lost()
    expect(absent.refused()).toMatchObject({ from: 'unknown', to: 'refused' })
    expect([absent.ended, absent.state]).toEqual([true, null])
  })

  it('a refusal of one attempt does not count against what the venue says of another', () => {
    const track = new OrderTrack('X', 'c')
    track.lost()
    track.refused()
    expect(track.apply(update({ status: 'open' }))).toMatchObject({ from: 'refused', to: 'open' })
    expect(track.refused()).toMatchObject({ to: 'open', changed: false })
    expect(track.lost()).toMatchObject({ to: 'open', changed: false })
  })

  it('a push that is faster than the answer counts', () => {
    const track = new OrderTrack('X', 'c')
    track.apply(update({ status: 'partiallyFilled', filled: '0.10', timeMs: 5 }))
    expect(track.apply(update({ orderId: '7', status: 'accepted', timeMs: 4 }))).toMatchObject({
      to: 'partiallyFilled',
      filledBy: '0',
      changed: true,
    })
    expect(track.state).toMatchObject({ orderId: '7', filled: '0.10', timeMs: 5 })
  })
})

describe('an order that is changed or canceled', () => {
  it('has the price of the newest message, though an older one comes after it', () => {
    const track = new OrderTrack('X')
    track.apply(update({ status: 'open', price: '101', size: '2', timeMs: 20 }))
    track.apply(update({ status: 'open', price: '100', size: '3', timeMs: 10 }))
    expect(track.state).toMatchObject({ price: '101', size: '2' })
    track.apply(update({ status: 'open', price: null, size: '1', timeMs: 30 }))
    expect(track.state).toMatchObject({ price: '101', size: '1' })
  })

  it('a cancel that came too late does not undo a fill', () => {
    const track = new OrderTrack('X')
    track.apply(update({ status: 'canceled', filled: '0', timeMs: 10 }))
    expect(track.apply(update({ status: 'filled', filled: '1', timeMs: 9 }))).toMatchObject({
      to: 'filled',
      filledBy: '1',
    })
    expect(track.apply(update({ status: 'canceled', filled: '0', timeMs: 10 }))).toMatchObject({ changed: false })
  })

  it('is there again when it is found by who asked after it was gone, though nothing new is said of it', () => {
    const track = new OrderTrack('X', 'c')
    const open = update({ orderId: '7', status: 'partiallyFilled', filled: '0.5', timeMs: 5 })
    track.apply(open)
    expect(track.gone(3)).toMatchObject({ to: 'gone' })
    // A late message, and the answer to what was asked before.
    expect(track.apply(open)).toMatchObject({ to: 'gone', changed: false })
    expect(track.apply(open, 3)).toMatchObject({ to: 'gone', changed: false })
    expect(track.apply(open, 4)).toEqual({ from: 'gone', to: 'partiallyFilled', filledBy: '0', changed: true })
    expect([track.ended, track.state?.status]).toEqual([false, 'partiallyFilled'])
    expect(track.gone(4)).toMatchObject({ to: 'gone', changed: true })
    expect(track.apply({ ...open, status: 'open', filled: null, timeMs: 4 }, 5)).toMatchObject({
      to: 'partiallyFilled',
    })
  })

  it('is gone when the venue knows it no more, until that says something that it had not said', () => {
    const track = new OrderTrack('X', 'c')
    expect(track.gone()).toMatchObject({ to: 'sending', changed: false })
    track.apply(update({ orderId: '7', status: 'partiallyFilled', filled: '0.5', size: '1', timeMs: 5 }))
    expect(track.gone()).toEqual({ from: 'partiallyFilled', to: 'gone', filledBy: '0', changed: true })
    expect(track.gone().changed).toBe(false)
    expect([track.ended, track.status, track.state?.status, track.state?.filled]).toEqual([true, 'gone', 'gone', '0.5'])
    // The same once more, and what came before it.
    track.apply(update({ orderId: '7', status: 'partiallyFilled', filled: '0.5', size: '1', timeMs: 5 }))
    track.apply(update({ orderId: '7', status: 'open', filled: '0', size: '1', timeMs: 4 }))
    expect(track.status).toBe('gone')
    // It was there after all.
    const back = update({ orderId: '7', status: 'partiallyFilled', filled: '0.6', size: '1', timeMs: 6 })
    expect(track.apply(back)).toEqual({ from: 'gone', to: 'partiallyFilled', filledBy: '0.1', changed: true })
    expect(track.gone().changed).toBe(true)
    // An end counts whatever its time.
    expect(track.apply(update({ orderId: '7', status: 'canceled', filled: '0.6' }))).toMatchObject({ to: 'canceled' })
    expect(track.gone()).toMatchObject({ to: 'canceled', changed: false })
  })

  it('a fill that is told after the end still counts', () => {
    const track = new OrderTrack('X')
    track.apply(update({ status: 'canceled' }))
    expect(track.apply(update({ status: 'partiallyFilled', filled: '0.3' }))).toEqual({
      from: 'canceled',
      to: 'canceled',
      filledBy: '0.3',
      changed: true,
    })
  })
})

describe('decimals as text', () => {
  const decimal = fc
    .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.integer({ min: 0, max: 30 }))
    .map(([digits, scale]) => {
      const text = String(digits < 0n ? -digits : digits).padStart(scale + 1, '0')
      return (digits < 0n ? '-' : '') + (scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`)
    })

  it('are subtracted exactly', () => {
    expect(subtractDecimals('0.3', '0.1')).toBe('0.2')
    expect(subtractDecimals('1', '0.000000000000000001')).toBe('0.999999999999999999')
    fc.assert(
      fc.property(decimal, decimal, (a, b) => {
        const difference = subtractDecimals(a, b)
        expect(compareDecimals(subtractDecimals(difference, subtractDecimals('0', b)), a)).toBe(0)
        expect(compareDecimals(difference, '0')).toBe(compareDecimals(a, b))
      }),
    )
  })
})
