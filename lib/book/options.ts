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
  /** Levels of each side that the core keeps, 1…100,000; what lies beyond is not known then. Default 10,000. */
  readonly levels?: number | undefined
  /** Levels of each side that the venue keeps up to date; further ones go. Default: all. */
  readonly venueDepth?: number | undefined
  /** Levels of a side from which on a fetched snapshot is taken to be cut off: the `limit` of its request. Default: it is complete. */
  readonly snapshotLevels?: number | undefined
  /** Events kept per book while a snapshot is fetched, 1…1,000,000; with more, all are forgotten and it starts over. Default 1,000. */
  readonly keptEvents?: number | undefined
  /** Bytes of them per book, 4,096…256 MiB. Default 1 MiB. */
  readonly keptBytes?: number | undefined
  /** Whether numbers of events are verified where the rules have them. Default true; false: the order of a connection counts. */
  readonly sequence?: boolean | undefined
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

export const booksOptionsSchema = z.strictObject({
  rules: z.enum(BookRuleNames).default('none'),
  depth: z.int().min(1).max(1_000).default(20),
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
  checksum: z.boolean().default(true),
  crossed: z.enum(['allow', 'stale']).default('allow'),
  snapshot: z.instanceof(JsonDecoder, { error: 'must be made by json(…)' }).optional(),
  loop: z.union([z.instanceof(Loop), loopModeSchema], { error: 'must be a Loop or the mode of one' }).default('park'),
  wake: z.enum(['signal', 'poll']).default('signal'),
})

const name = z.string().min(1).max(255)

export const bookNamesSchema = z.strictObject({
  symbol: name,
  names: z.array(name).min(1).max(16).optional(),
})
