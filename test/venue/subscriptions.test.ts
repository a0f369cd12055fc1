/** What a socket asks for: each topic once, whatever the venue says, and however long messages wait for their turn. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { inMessages } from '../../lib/venue/market-data/answer-fields.js'
import type { MarketAnswer, MarketProtocol, Topic } from '../../lib/venue/market-data/protocol.js'
import { Subscriptions } from '../../lib/venue/market-data/subscriptions.js'

interface Message {
  readonly op: 'subscribe' | 'unsubscribe'
  readonly id: number
  readonly symbols: readonly string[]
  readonly token: number
}

type Answer = Exclude<MarketAnswer, { kind: 'ending' }>

const trades = (symbol: string): Topic => ({ symbol, stream: 'trades' })
const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `S${i}`)

/** One connection to a venue that answers at once, as it is told to. */
function start(symbols: readonly string[], more: Partial<MarketProtocol> = {}) {
  const sent: Message[] = []
  const refused: string[] = []
  const subscribed = new Set<string>()
  const twice: string[] = []
  let token = 0
  const rig = {
    sent,
    refused,
    subscribed,
    twice,
    settled: 0,
    greeting: [] as readonly string[],
    /** What is answered; null: nothing. By default everything is taken. */
    say: (message: Message): readonly Answer[] | null => [{ kind: 'accepted', id: message.id, topic: null }],
  }
  const protocol: MarketProtocol = {
    title: 'A venue',
    limits: {
      topics: 1_000,
      topicsPerMessage: 40,
      messagesPerSecond: 2,
      connects: { count: 1, perMs: 1 },
      lifeMs: 1,
    },
    profiles: {},
    decode: null as never,
    sockets: [],
    confirms: true,
    prepare: async () => ++token,
    requests: (op, topics, first) =>
      inMessages(topics, 40, first, (some, id) =>
        JSON.stringify({ op, id, symbols: some.map(({ symbol }) => symbol), token }),
      ),
    answers: () => [],
    ...more,
  }
  const subscriptions = new Subscriptions(protocol, {
    send: (text) => {
      const message = JSON.parse(text) as Message
      sent.push(message)
      const answers = rig.say(message)
      queueMicrotask(() => {
        const taken = answers?.some(({ kind }) => kind === 'accepted') === true
        for (const symbol of taken ? message.symbols : []) {
          if (message.op === 'unsubscribe') subscribed.delete(symbol)
          else if (subscribed.has(symbol)) twice.push(symbol)
          else subscribed.add(symbol)
        }
        for (const answer of answers ?? []) subscriptions.answer(answer)
      })
      return true
    },
    greet: (messages) => {
      rig.greeting = messages
      return 1
    },
    refused: ({ symbol }, _code, why) => refused.push(`${symbol} ${why}`),
    settled: () => rig.settled++,
    unprepared: () => {},
    exhausted: () => {},
  })
  subscriptions.begin(symbols.map(trades))
  subscriptions.opened(0)
  const asked = (): string[] => sent.map(({ op, symbols }) => `${op} ${symbols.join(' ')}`)
  return Object.assign(rig, { subscriptions, asked })
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('Subscriptions', () => {
  it('asks once more for what was not taken, and for nothing that waits for its turn a second time', async () => {
    const all = names(200)
    const rig = start(all)
    const accept = rig.say
    rig.say = (message) =>
      message.id === 1_000_001 ? [{ kind: 'again', id: message.id, message: 'limit' }] : accept(message)
    await vi.advanceTimersByTimeAsync(20_000)
    expect([...rig.subscribed].sort()).toEqual([...all].sort())
    expect({
      twice: rig.twice,
      refused: rig.refused,
      messages: rig.sent.length,
      answered: rig.subscriptions.answered,
    }).toEqual({ twice: [], refused: [], messages: 6, answered: true })
    // What waited was written anew, with what was prepared meanwhile.
    expect(rig.sent.map(({ token }) => token)).toEqual([1, 1, 2, 2, 2, 2])
  })

  it('keeps the halves of a message by themselves, although it is prepared anew meanwhile', async () => {
    const all = names(8)
    const rig = start(all)
    const accept = rig.say
    rig.say = (message) =>
      message.symbols.includes('S5')
        ? [{ kind: 'refused', id: message.id, topic: null, code: '', message: 'no' }]
        : rig.sent.length === 2
          ? [{ kind: 'again', id: message.id, message: 'limit' }]
          : accept(message)
    await vi.advanceTimersByTimeAsync(30_000)
    expect(rig.refused).toEqual(['S5 no'])
    expect([...rig.subscribed].sort()).toEqual(all.filter((name) => name !== 'S5'))
    expect(rig.twice).toEqual([])
  })

  it('does not subscribe what was removed while it waited, subscribes anew what waits for that, and is settled then', async () => {
    const rig = start(names(41))
    await vi.advanceTimersByTimeAsync(100)
    void rig.subscriptions.resubscribe([trades('S39')])
    expect(rig.settled).toBe(0)
    rig.subscriptions.remove([trades('S40')])
    expect(rig.settled).toBe(1)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(rig.asked()).toEqual([`subscribe ${names(40).join(' ')}`, 'unsubscribe S39', 'subscribe S39'])
    // Of a message that waits the rest is subscribed; what is on the wire is given up, once.
    rig.subscriptions.add(['A', 'B'].map(trades))
    rig.subscriptions.add(['C', 'D'].map(trades))
    rig.subscriptions.remove(['C', 'S0'].map(trades))
    rig.subscriptions.remove([trades('S1')])
    rig.subscriptions.add([trades('S0')])
    rig.subscriptions.remove([trades('S0')])
    await vi.advanceTimersByTimeAsync(20_000)
    expect(rig.asked().slice(3)).toEqual(['subscribe A B', 'subscribe D', 'unsubscribe S0', 'unsubscribe S1'])
  })

  it('does not subscribe anew what was removed, nor what was refused, while its messages waited', async () => {
    const rig = start(names(41))
    await vi.advanceTimersByTimeAsync(100)
    const { subscriptions } = rig
    const done: string[] = []
    const anew = (...symbols: string[]): void => {
      void subscriptions.resubscribe(symbols.map(trades)).then(() => done.push(symbols.join(' ')))
    }
    // Its own subscription, and that of its book, wait.
    anew('S40')
    anew('S39', 'S40')
    subscriptions.remove([trades('S40')])
    await vi.advanceTimersByTimeAsync(20_000)
    expect(rig.asked().slice(1)).toEqual(['unsubscribe S39', 'subscribe S39'])
    expect(done).toEqual(['S40', 'S39 S40'])
    // Between the two messages: what was ended is not begun again, nor ended twice.
    anew('S1')
    anew('S2')
    await vi.advanceTimersByTimeAsync(50)
    subscriptions.remove([trades('S1')])
    subscriptions.add([trades('S1')])
    await vi.advanceTimersByTimeAsync(20_000)
    expect(rig.asked().slice(3)).toEqual(['unsubscribe S1', 'unsubscribe S2', 'subscribe S2', 'subscribe S1'])
    anew('S5')
    anew('S3', 'S4')
    subscriptions.answer({ kind: 'refused', id: null, topic: trades('S4'), code: '', message: 'no' })
    await vi.advanceTimersByTimeAsync(20_000)
    expect(rig.asked().slice(7)).toEqual(['unsubscribe S5', 'subscribe S5', 'unsubscribe S3', 'subscribe S3'])
    expect({ twice: rig.twice, refused: rig.refused }).toEqual({ twice: [], refused: ['S4 no'] })
  })

  it('gives up, and does not ask again for, what was removed before its message was refused', async () => {
    const rig = start([])
    await vi.advanceTimersByTimeAsync(0)
    rig.say = () => null
    rig.subscriptions.add(['A', 'B', 'C'].map(trades))
    rig.subscriptions.remove([trades('B')])
    const accept: typeof rig.say = ({ id }) => [{ kind: 'accepted', id, topic: null }]
    rig.say = accept
    rig.subscriptions.answer({ kind: 'refused', id: 1_000_000, topic: null, code: '', message: 'no' })
    await vi.advanceTimersByTimeAsync(20_000)
    expect(rig.asked()).toEqual(['subscribe A B C', 'unsubscribe B', 'subscribe A', 'subscribe C'])
  })

  it('says when topics are subscribed anew, and when they cannot be any more', async () => {
    const rig = start(names(40))
    await vi.advanceTimersByTimeAsync(0)
    const told: string[] = []
    const anew = (symbol: string): void => {
      const tell = (what: string) => (): void => void told.push(`${symbol} ${what} ${rig.sent.length}`)
      rig.subscriptions.resubscribe([trades(symbol)]).then(tell('sent'), ({ code }: { code: string }) => tell(code)())
    }
    anew('S1')
    anew('S2')
    await vi.advanceTimersByTimeAsync(2_150)
    expect(told).toEqual([])
    await vi.advanceTimersByTimeAsync(1_200)
    expect(told).toEqual(['S1 sent 3'])
    rig.subscriptions.closed()
    anew('S3')
    await vi.advanceTimersByTimeAsync(0)
    expect(told.slice(1).sort()).toEqual(['S2 ERR_NOT_OPEN 4', 'S3 ERR_NOT_OPEN 4'])
  })

  it('tells answers about what is subscribed anew from those about what is new', async () => {
    const rig = start(names(3))
    await vi.advanceTimersByTimeAsync(10_000)
    const accept = rig.say
    rig.say = () => null
    rig.subscriptions.add([trades('A'), trades('B')])
    await vi.advanceTimersByTimeAsync(10_000)
    void rig.subscriptions.resubscribe(names(3).map(trades))
    await vi.advanceTimersByTimeAsync(10_000)
    const [unsubscribe, subscribe] = rig.sent.slice(-2).map(({ id }) => id) as [number, number]
    rig.subscriptions.answer({ kind: 'accepted', id: unsubscribe, topic: null })
    expect(rig.subscriptions.answered).toBe(false)
    rig.say = (message) =>
      message.symbols.includes('S1')
        ? [{ kind: 'refused', id: message.id, topic: null, code: '', message: 'no' }]
        : accept(message)
    rig.subscriptions.answer({ kind: 'refused', id: subscribe, topic: null, code: '', message: 'no' })
    await vi.advanceTimersByTimeAsync(20_000)
    // As with all others: the one at fault is found.
    expect(rig.refused).toEqual(['S1 no'])
    expect(rig.asked().slice(-4)).toEqual(['subscribe S0 S1', 'subscribe S2', 'subscribe S0', 'subscribe S1'])
    expect(rig.subscriptions.answered).toBe(false)
    rig.subscriptions.answer({ kind: 'accepted', id: 1_000_001, topic: null })
    expect(rig.subscriptions.answered).toBe(true)
  })

  it('hears the refusal after a removal, where answers have no numbers', async () => {
    const rig = start(['A'], { numbered: false })
    await vi.advanceTimersByTimeAsync(10_000)
    rig.say = ({ op }) =>
      op === 'unsubscribe' ? null : [{ kind: 'refused', id: null, topic: null, code: '', message: 'no' }]
    rig.subscriptions.remove([trades('A')])
    rig.subscriptions.add([trades('NOPE')])
    await vi.advanceTimersByTimeAsync(10_000)
    expect(rig.refused).toEqual(['NOPE no'])
  })

  it('takes back one topic of a request that is named without its stream, and drops none for what it did not ask', async () => {
    const rig = start(['A', 'B'])
    rig.say = () => null
    await vi.advanceTimersByTimeAsync(10)
    const { subscriptions } = rig
    subscriptions.answer({ kind: 'accepted', id: 1_000_000, topic: { symbol: 'A' } })
    expect(subscriptions.answered).toBe(false)
    subscriptions.answer({ kind: 'refused', id: 5, topic: { symbol: 'A' }, code: '', message: 'no' })
    expect(rig.refused).toEqual([])
    subscriptions.answer({ kind: 'refused', id: 1_000_000, topic: { symbol: 'B' }, code: '', message: 'no' })
    expect(rig.refused).toEqual(['B no'])
    expect(subscriptions.answered).toBe(true)
  })
})
