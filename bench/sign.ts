import { createHmac, createSecretKey } from 'node:crypto'
import { BinanceAuth, encodeQuery, hmacSigner } from 'tickwire/sign'
import { ccxtBinance } from './ccxt.ts'
import { type Bench, median, quantile } from './report.ts'

// The venue's published example.
const apiKey = 'vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A'
const secret = 'NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j'
const order = { symbol: 'LTCBTC', side: 'BUY', type: 'LIMIT', timeInForce: 'GTC', quantity: '1', price: '0.1' }
const query = encodeQuery(order)

interface Spread {
  readonly p50: number
  readonly p99: number
}

/** Nanoseconds of single calls, each on another text. */
function time(call: (i: number) => unknown, count: number): Spread {
  const samples = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    const start = performance.now()
    call(i)
    samples[i] = (performance.now() - start) * 1e6
  }
  samples.sort()
  return { p50: quantile(samples, 0.5), p99: quantile(samples, 0.99) }
}

/** The draft of a request, as a client would hold it. */
class Draft {
  readonly method = 'POST'
  readonly host = 'api.binance.com'
  readonly path = '/api/v3/order'
  query: string
  body = ''
  readonly headers: Record<string, string> = {}

  constructor(encoded: string) {
    this.query = encoded
  }

  setHeader(name: string, value: string): void {
    this.headers[name] = value
  }
}

/** What one signature costs on the JS thread: of a text alone, and of an order from its parameters to the query that is sent. */
const bench: Bench = async (context) => {
  const rounds = context.quick ? 5 : 15
  const count = context.quick ? 20_000 : 50_000
  const key = createSecretKey(Buffer.from(secret))
  const textOf = (i: number): string => `${query}&recvWindow=5000&timestamp=${1_499_827_319_559 + i}`
  const native = hmacSigner({ key: secret, backend: 'native' })

  const text: Record<string, (i: number) => string> = {
    ours: (i) => native.sign(textOf(i)),
    'node:crypto': (i) => createHmac('sha256', key).update(textOf(i)).digest('hex'),
    'node:crypto, key as text': (i) => createHmac('sha256', secret).update(textOf(i)).digest('hex'),
  }
  const auth = new BinanceAuth({ apiKey, secret })
  const exchange = await ccxtBinance(apiKey, secret)
  const request: Record<string, (i: number) => string> = {
    ours: (i) => {
      const draft = new Draft(encodeQuery(order))
      auth.sign(draft, { timestamp: () => 1_499_827_319_559 + i })
      return draft.query
    },
    'node:crypto': (i) => {
      const params = new URLSearchParams({ ...order, recvWindow: '5000', timestamp: String(1_499_827_319_559 + i) })
      const unsigned = params.toString()
      return `${unsigned}&signature=${createHmac('sha256', key).update(unsigned).digest('hex')}`
    },
    ccxt: () => exchange.sign('order', 'private', 'POST', order).body ?? '',
  }

  // All sides sign the same, or what they sign is verified by another.
  for (const sign of Object.values(text)) {
    if (sign(7) !== text['ours']?.(7)) throw new Error('the sides disagree about a signature')
  }
  for (const [side, sign] of Object.entries(request)) {
    const [unsigned, signature] = sign(3).split('&signature=') as [string, string]
    const expected = createHmac('sha256', secret).update(unsigned).digest('hex')
    if (signature !== expected) throw new Error(`${side} signed something else`)
  }

  const overhead = time(() => 0, count).p50
  for (const [metric, sides] of [
    ['text', text],
    ['order', request],
  ] as const) {
    const spreads = new Map<string, Spread[]>(Object.keys(sides).map((side) => [side, []]))
    for (const call of Object.values(sides)) time(call, count / 4)
    for (let round = 0; round < rounds; round++) {
      // In turn, so that what else happens on the machine meets all alike.
      for (const [side, call] of Object.entries(sides)) {
        // ccxt takes ten times as long as the others.
        const spread = time(call, side === 'ccxt' ? count / 10 : count)
        spreads.get(side)?.push(spread)
      }
    }
    for (const q of ['p50', 'p99'] as const) {
      const value = (side: string): number => median((spreads.get(side) ?? []).map((spread) => spread[q]))
      const peers = Object.keys(sides).filter((side) => side !== 'ours')
      context.emit(
        {
          metric: `${metric}-${q}`,
          unit: 'ns',
          ours: value('ours'),
          peers: Object.fromEntries(peers.map((peer) => [peer, value(peer)])),
          runs: rounds,
          note: `single calls, ${count} a round; the clock itself takes ${Math.round(overhead)} ns of each`,
        },
        'less',
      )
    }
  }
}

export default bench
