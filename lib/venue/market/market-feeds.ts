import { z } from 'zod'
import type { Decoder } from '../../feed/decoder.js'
import type { FeedOptions } from '../../feed/options.js'
import { configFault, parseConfig } from '../../runtime/config.js'

/**
 * `ticker`: best bid and ask; `trades`: what has traded; `book`: the order book, for feeds that are given `books`. The rows' fields
 * have the same names at all venues, but for those of books.
 */
export type MarketStream = 'ticker' | 'trades' | 'book'

/** What venues' `market()` takes. */
export interface MarketOptions<Profile extends string = string> {
  /** 1…10,000 instruments, as the venue writes them in streams: `BTCUSDT`, `BTC-USDT`, `BTC/USD`. */
  readonly symbols: readonly string[]
  /** Default: `['ticker', 'trades']`. */
  readonly streams?: readonly MarketStream[] | undefined
  /** Where it connects. Default `'production'`. */
  readonly profile?: Profile | undefined
  /** In place of the profile's address, scheme, host and port: a proxy of one's own, a test server. */
  readonly url?: string | undefined
}

/** What a venue allows on its market data, as it documents it. */
export interface MarketLimits {
  /** Topics of one socket. */
  readonly topics: number
  /** Topics of one subscription. */
  readonly topicsPerMessage: number
  /** Messages that may be sent on one socket per second; Infinity: not documented. */
  readonly messagesPerSecond: number
  /** The same per hour, pings left out. Default: not documented. */
  readonly messagesPerHour?: number | undefined
  /** New connections of one address. */
  readonly connects: {
    readonly count: number
    readonly perMs: number
    /** Milliseconds by the HTTP status of a refusal that does not say how long it holds. */
    readonly bans?: Readonly<Record<number, number>> | undefined
  }
  /** Milliseconds after which the venue ends a connection; Infinity: not documented. */
  readonly lifeMs: number
}

/** Options for one `Feed`: as many symbols as one socket takes. */
export type MarketFeed<D extends Decoder> = Pick<FeedOptions<D>, 'decode' | 'heartbeat'> & {
  readonly url: string
  readonly decode: D
  readonly subscribe: readonly string[]
  /** Symbols whose books come over it: what `carry` of a venue's books is told. Left out where the options are spread. */
  readonly bookSymbols: readonly string[]
}

/** How a venue's sockets are addressed and asked. */
export interface MarketPlan<Profile extends string, D extends Decoder> {
  readonly title: string
  readonly limits: MarketLimits
  readonly profiles: Readonly<Record<Profile, string>>
  readonly decode: D
  /** The same and books, whose rows are larger than others. */
  readonly decodeBook: Decoder
  readonly heartbeat?: FeedOptions['heartbeat']
  /** Streams that are on one socket, and the path that leads there. */
  readonly sockets: readonly { readonly path: string; readonly streams: readonly MarketStream[] }[]
  /** The subscriptions for these symbols, none larger than `limits.topicsPerMessage`. */
  subscriptions(symbols: readonly string[], streams: readonly MarketStream[]): readonly string[]
}

const schema = z.strictObject({
  symbols: z
    .array(z.string().regex(/^[^\s"\\]{1,64}$/u, 'must be a symbol'))
    .min(1)
    .max(10_000),
  streams: z
    .array(z.enum(['ticker', 'trades', 'book']))
    .min(1)
    .default(['ticker', 'trades']),
  profile: z.string().default('production'),
  url: z.string().optional(),
})

/**
 * As many sockets as the symbols need, each with what is sent when it opens.
 * @throws ConfigError naming every option at fault.
 */
export function marketFeeds<Profile extends string, D extends Decoder>(
  plan: MarketPlan<Profile, D>,
  options: MarketOptions<Profile>,
): readonly MarketFeed<D>[] {
  const { title, limits, profiles, heartbeat } = plan
  const { symbols, streams, profile, url } = parseConfig(`${title} market options`, schema, options)
  if (!Object.hasOwn(profiles, profile)) {
    const names = Object.keys(profiles).join(', ')
    throw configFault(`${title} market options`, ['profile'], `must be one of ${names}`)
  }
  const origin = (url ?? profiles[profile as Profile]).replace(/\/+$/, '')
  const unique = [...new Set(symbols)]
  return plan.sockets.flatMap((socket) => {
    const wanted = socket.streams.filter((stream) => streams.includes(stream))
    if (wanted.length === 0) return []
    return chunks(unique, Math.floor(limits.topics / wanted.length)).map((some) => {
      const options = {
        url: origin + socket.path,
        decode: wanted.includes('book') ? (plan.decodeBook as D) : plan.decode,
        heartbeat,
        subscribe: plan.subscriptions(some, wanted),
      }
      // No option of a feed.
      return Object.defineProperty(options as typeof options & { bookSymbols: readonly string[] }, 'bookSymbols', {
        value: Object.freeze(wanted.includes('book') ? some : []),
      })
    })
  })
}

/** In pieces of at most so many. */
export function chunks<T>(items: readonly T[], most: number): T[][] {
  const pieces: T[][] = []
  for (let i = 0; i < items.length; i += most) pieces.push(items.slice(i, i + most))
  return pieces
}
