import { z } from 'zod'
import { JsonDecoder } from '../feed/decoder.js'
import { BookRuleNames } from '../native/book-layout.js'
import type { WakeMode } from '../runtime/channel.js'
import { Loop, type LoopMode, loopModeSchema } from '../runtime/loop.js'
import type { BookRules } from './events.js'

/** Options of {@link Books}. */
export interface BooksOptions {
  /** By which rules events follow each other. Default `'none'`: by their order alone. */
  readonly rules?: BookRules | undefined
  /** Levels of each side that books show, 1…1,000. Default 20. */
  readonly depth?: number | undefined
  /**
   * Makes them books of orders: so many orders of each level are shown, 1…1,000, `depth` × `orders` at most 20,000. For the rules `none`
   * and `kraken`, and feeds whose decoders have sides of orders. Default: books of levels alone.
   */
  readonly orders?: number | undefined
  /** Orders of a side that the core keeps, 1…1,000,000; a book with more is stale (`ERR_BOOK_EVENT_SIZE`). Default 200,000. */
  readonly maxOrders?: number | undefined
  /**
   * Levels of each side that the core keeps, `depth`…100,000, at least as many as a check sum is made of (OKX 25, Kraken 10); what lies beyond
   * is not known then. Keep more than `depth`: a book of which fewer than `depth` known levels are left, or half of `levels`, is stale.
   * Default 10,000, Coinbase 100,000.
   */
  readonly levels?: number | undefined
  /** Levels of each side that the venue keeps up to date; further ones go. Default: all; Kraken: 10, and no less with check sums. */
  readonly venueDepth?: number | undefined
  /**
   * Levels of a side from which on a fetched snapshot is taken to be cut off: the `limit` of its request, without which the book would have
   * holes. Default: it is complete; `binance` 5,000, `binanceUsdm` 1,000.
   */
  readonly snapshotLevels?: number | undefined
  /** Events kept per book while a snapshot is fetched, 1…1,000,000; with more, all are forgotten and it starts over. Default 1,000. */
  readonly keptEvents?: number | undefined
  /** Bytes of them per book, 4,096…256 MiB. Default 1 MiB. */
  readonly keptBytes?: number | undefined
  /**
   * Whether numbers of events are verified where the rules have them. Default true; false: the order of a connection counts, which Binance's
   * rules do not take.
   */
  readonly sequence?: boolean | undefined
  /**
   * Rules `'bybit'` alone: whether the number of each event is one more than the last (`'increment'`), or only larger (`'increasing'`), where a
   * lost event shows in nothing. Default `'increment'`.
   */
  readonly continuity?: 'increment' | 'increasing' | undefined
  /** Whether check sums are verified where the rules have them. Default true. */
  readonly checksum?: boolean | undefined
  /** A book whose best bid is not below its best ask: `'allow'`, or `'stale'`. Default `'allow'`. */
  readonly crossed?: 'allow' | 'stale' | undefined
  /** How fetched snapshots are read: one shape with a `book` role. Default: `seed()` cannot be used. */
  readonly snapshot?: JsonDecoder | undefined
  /** The loop of the feeds that they are for, or its mode. Default `'park'`. */
  readonly loop?: Loop | LoopMode | undefined
  /** The `wake` of these feeds. Default `'signal'`. */
  readonly wake?: WakeMode | undefined
}

const mib = 1_048_576

const shape = z.strictObject({
  rules: z.enum(BookRuleNames).default('none'),
  depth: z.int().min(1).max(1_000).default(20),
  orders: z.int().min(1).max(1_000).optional(),
  maxOrders: z.int().min(1).max(1_000_000).optional(),
  levels: z.int().min(1).max(100_000).optional(),
  venueDepth: z.int().min(1).max(100_000).optional(),
  snapshotLevels: z.int().min(1).max(100_000).optional(),
  keptEvents: z.int().min(1).max(1_000_000).optional(),
  keptBytes: z
    .int()
    .min(4_096)
    .max(256 * mib)
    .optional(),
  sequence: z.boolean().default(true),
  continuity: z.enum(['increment', 'increasing']).optional(),
  checksum: z.boolean().default(true),
  crossed: z.enum(['allow', 'stale']).default('allow'),
  snapshot: z.instanceof(JsonDecoder, { error: 'must be made by json(…)' }).optional(),
  loop: z.union([z.instanceof(Loop), loopModeSchema], { error: 'must be a Loop or the mode of one' }).default('park'),
  wake: z.enum(['signal', 'poll']).default('signal'),
})

/** Levels of a side that a venue's check sum is made of. */
const summed: { readonly [rules: string]: number } = { okx: 25, kraken: 10 }

export const booksOptionsSchema = shape.superRefine((options, context) => {
  const { rules, depth, levels, venueDepth, sequence, continuity, checksum } = options
  const least = checksum ? (summed[rules] ?? 1) : 1
  const refuse = (path: string, message: string): void => {
    context.addIssue({ code: 'custom', path: [path], message })
  }
  if (levels !== undefined && levels < least) refuse('levels', `must be at least ${least}: check sums are made of them`)
  else if (levels !== undefined && levels < depth) refuse('levels', 'must not be below `depth`')
  if (venueDepth !== undefined && venueDepth < least) {
    refuse('venueDepth', `must be at least ${least}: check sums are made of so many levels`)
  }
  if (options.orders !== undefined) ordersFaults({ ...options, orders: options.orders }, refuse)
  else if (options.maxOrders !== undefined) refuse('maxOrders', 'needs `orders`')
  if (continuity !== undefined && rules !== 'bybit') refuse('continuity', "is an option of the rules 'bybit'")
  // A snapshot that was fetched is joined to the stream by numbers; there is nothing else.
  if (!sequence && rules.startsWith('binance')) refuse('sequence', `must be true with the rules '${rules}'`)
})

function ordersFaults(
  { rules, depth, orders, levels, snapshot, crossed }: z.output<typeof shape> & { readonly orders: number },
  refuse: (path: string, message: string) => void,
): void {
  if (rules !== 'none' && rules !== 'kraken') refuse('orders', `are not for the rules '${rules}'`)
  if (depth * orders > mostOfSide) refuse('orders', `must be at most ${mostOfSide} of a side: \`depth\` × \`orders\``)
  // All that the venue keeps up to date are kept; whole books come in the stream.
  if (levels !== undefined) refuse('levels', 'is not for books of orders: see `venueDepth`, `maxOrders`')
  if (snapshot !== undefined) refuse('snapshot', 'is not for books of orders')
  if (crossed === 'stale') refuse('crossed', 'is not for books of orders')
}

/** Orders of a side in a view: it is written anew with each wake-up. */
const mostOfSide = 20_000

const name = z.string().min(1).max(255)

export const bookNamesSchema = z.strictObject({
  symbol: name,
  names: z.array(name).min(1).max(16).optional(),
})
