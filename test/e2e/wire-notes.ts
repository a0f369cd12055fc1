import {
  exponential,
  type Malformed,
  Quote,
  type StateChange,
  WireFeed,
  type WireFeedOptions,
  type WireGap,
  wire,
} from 'tickwire'

/** Rows with what tests look at. */
export const quotes = wire.rows([
  Quote.select({
    symbol: 'symbol',
    bid: 'bid',
    askSize: wire.decimal('askSize', { optional: true }),
    n: wire.int64('sequence', { as: 'number' }),
    topic: wire.symbol('topic'),
    resent: 'resent',
    snapshot: 'snapshot',
  }),
])

type QuotesOptions = WireFeedOptions<typeof quotes>

/** Everything that a feed of quotes has told, in short words and in its order. */
export interface Notes {
  readonly feed: WireFeed<typeof quotes>
  /** Sequence numbers. */
  readonly numbers: number[]
  /** `t 3`, `t 4 resent`, gaps as `t 5…7 lost requested`. */
  readonly story: string[]
  readonly gaps: WireGap[]
  readonly states: StateChange[]
  readonly malformed: Malformed[]
}

const quick = exponential({ first: 10, max: 50, storm: { floor: 0, attempts: 100, window: 1_000 } })

/** A feed of all quotes of topic `t`, with listeners that note what it tells. Not open yet. */
export function noted(url: string, options: Partial<Omit<QuotesOptions, 'url' | 'decode'>> = {}): Notes {
  const feed = new WireFeed({ url, topics: ['t'], decode: quotes, reconnect: quick, ...options })
  const notes: Notes = { feed, numbers: [], story: [], gaps: [], states: [], malformed: [] }
  feed.on('rows', (rows) => {
    for (const row of rows) {
      // The sender makes bids of numbers: a row that is not what was sent is found here.
      if (row.bid !== row.n) throw new Error(`quote ${row.n} came with the bid ${row.bid}`)
      notes.numbers.push(row.n)
      notes.story.push(`${row.topic} ${row.n}${row.resent ? ' resent' : ''}${row.snapshot ? ' snapshot' : ''}`)
    }
  })
  feed.on('gap', (gap) => {
    notes.gaps.push(gap)
    notes.story.push(`${gap.topic} ${gap.from}…${gap.to} ${gap.cause} ${gap.fate}`)
  })
  feed.on('state', (state) => notes.states.push(state))
  feed.on('malformed', (malformed) => notes.malformed.push(malformed))
  return notes
}

/** Numbers from one to the other. */
export function counted(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}
