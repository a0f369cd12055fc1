import { z } from 'zod'
import type { InOrderOptions } from '../../feed/arbiter.js'
import type { JsonDecoder } from '../../feed/decoder.js'
import type {
  BatchOptions,
  ConflateOptions,
  FeedOptions,
  HeartbeatOptions,
  Overflow,
  QueueOptions,
} from '../../feed/options.js'
import type { WakeMode } from '../../runtime/channel.js'
import type { SocketOptions, TlsOptions } from '../../runtime/connect-options.js'
import type { Loop, LoopMode } from '../../runtime/loop.js'
import type { VenueBooksOptions } from '../book/venue-books.js'
import type { MarketOptions } from '../market/market-feeds.js'

/** A way to the venue. Each member defaults to what holds for all. */
export interface MarketPath<Profile extends string = string> {
  /** In place of the profile's address, scheme, host and port. */
  readonly url?: string | undefined
  /** One of the venue's profiles: another address of the same market. */
  readonly endpoint?: Profile | undefined
  /** Numeric local address to connect from. */
  readonly localAddress?: string | undefined
}

/** What venues' `marketData()` takes. Times in milliseconds. */
export interface MarketDataOptions<Profile extends string = string> extends MarketOptions<Profile> {
  /** The same streams over so many sockets (1…16), or over these ways: of each row the first copy is handed on. Default 1. */
  readonly paths?: number | readonly MarketPath<Profile>[] | undefined
  /** Life of a connection, 1,000…86,400,000; replaced before. Default: the venue's, `marketLimits.lifeMs`. */
  readonly lifeMs?: number | undefined
  /** How long old and new socket deliver both, at least, 0…60,000. Default 1,000. */
  readonly overlapMs?: number | undefined
  /** How long it is waited for rows of both, at most, 100…600,000. Default 10,000. */
  readonly verifyMs?: number | undefined
  /** How long a new socket may take to be connected and subscribed, 100…600,000. Default 30,000. */
  readonly readyMs?: number | undefined
  /** Several paths: silence of one, while others deliver, after which it is replaced, 100…3,600,000; 0: never. Default 5,000. */
  readonly silentMs?: number | undefined
  /** Several paths: how far one may be behind on average, 1…3,600,000; 0: any. Default 1,000. */
  readonly behindMs?: number | undefined
  /** How long a trade's number may be missing before it is told as a gap, 1…600,000. Default 1,000. */
  readonly waitMs?: number | undefined
  /**
   * Trades whose numbers go up by one (Binance, Kraken) in the order of their numbers, also over several paths and rollovers: what is ahead
   * is held back, 100 ms unless `windowMs` says otherwise; see `Arbiter`. Default false: as they win.
   */
  readonly inOrder?: boolean | InOrderOptions | undefined
  /** As with feeds; `'conflate'`: the newest row of each symbol. Default `'block'`. */
  readonly overflow?: Overflow | undefined
  readonly queue?: QueueOptions | undefined
  readonly batch?: BatchOptions | undefined
  readonly conflate?: ConflateOptions | undefined
  readonly loop?: Loop | LoopMode | undefined
  readonly wake?: WakeMode | undefined
  readonly tls?: TlsOptions | undefined
  readonly socket?: SocketOptions | undefined
  /** What is different from the venue's. */
  readonly heartbeat?: HeartbeatOptions | undefined
  readonly proxy?: FeedOptions<JsonDecoder>['proxy']
  /**
   * For `streams` with `'book'`: levels that are shown and kept, what is verified, and at Binance by which client and how many at once
   * snapshots are fetched. Default `rest`: one of the same `profile`, without a key.
   */
  readonly books?: Omit<VenueBooksOptions, 'symbols' | 'loop' | 'wake' | 'send'> | undefined
  /** Closes it when aborted. */
  readonly signal?: AbortSignal | undefined
}

const duration = (min: number, max: number): z.ZodNumber => z.number().min(min).max(max)

export const symbolSchema = z.string().regex(/^[^\s"\\]{1,64}$/u, 'must be a symbol')

const elsewhere = z.unknown().optional()

export const marketDataSchema = z.strictObject({
  symbols: z.array(symbolSchema).min(1).max(10_000),
  streams: z
    .array(z.enum(['ticker', 'trades', 'book']))
    .min(1)
    .default(['ticker', 'trades']),
  profile: z.string().default('production'),
  url: z.string().optional(),
  paths: z
    .union([
      z.int().min(1).max(16),
      z
        .array(
          z.strictObject({
            url: z.string().optional(),
            endpoint: z.string().optional(),
            localAddress: z.string().optional(),
          }),
        )
        .min(1)
        .max(16),
    ])
    .transform((paths) => (typeof paths === 'number' ? Array.from({ length: paths }, () => ({})) : paths))
    .prefault(1),
  lifeMs: duration(1_000, 86_400_000).optional(),
  overlapMs: duration(0, 60_000).default(1_000),
  verifyMs: duration(100, 600_000).default(10_000),
  readyMs: duration(100, 600_000).default(30_000),
  silentMs: z.union([z.literal(0), duration(100, 3_600_000)]).default(5_000),
  behindMs: z.union([z.literal(0), duration(1, 3_600_000)]).default(1_000),
  waitMs: duration(1, 600_000).default(1_000),
  signal: z.instanceof(AbortSignal, { error: 'must be an AbortSignal' }).optional(),
  // Checked by the arbiter, the books or the feeds.
  books: elsewhere,
  inOrder: elsewhere,
  overflow: elsewhere,
  queue: elsewhere,
  batch: elsewhere,
  conflate: elsewhere,
  loop: elsewhere,
  wake: elsewhere,
  tls: elsewhere,
  socket: elsewhere,
  heartbeat: elsewhere,
  proxy: elsewhere,
})
