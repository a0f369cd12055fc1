import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'

export interface DemoOptions {
  /** Seconds to run; null: until Ctrl-C. */
  readonly seconds: number | null
  /** Messages per second of the embedded venue. */
  readonly rate: number
  readonly seed: number
  readonly chaos: boolean
  /** File to play instead of the simulator. */
  readonly capture: string | null
  /** Source to connect to instead of the embedded venue. */
  readonly url: string | null
  /** Lines instead of a table, though there is a terminal. */
  readonly plain: boolean
}

export const help = `npm run demo -- [options]

A local market-data venue plays tickers, trades and depth updates; tickwire and ws + JSON.parse receive the same
stream, each in a process of its own, and run the same strategy.

  --seconds N     end after N seconds (default: Ctrl-C; 10 without a terminal)
  --rate N        messages per second, 1 to 500,000 (default 25,000)
  --chaos         the venue drops, stalls and corrupts now and then
  --seed N        another market (default 1)
  --capture FILE  play a recorded stream, for example examples/captures/SIMULATED.ws.1.0
  --url URL       connect to a live combined stream, for example
                  wss://stream.binance.com:9443/stream?streams=btcusdt@bookTicker/btcusdt@aggTrade
  --plain         one line a second instead of the table

npm run demo -- --hub shows the other direction: one publisher, a thousand subscribers. It has a --help of its own.`

function count(text: string | undefined, name: string, fallback: number, max: number): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (!(value >= 1 && value <= max)) throw new RangeError(`--${name} must be a number from 1 to ${max}, not '${text}'`)
  return value
}

/** @throws Error or RangeError that says what is wrong with the arguments; null: help was asked for. */
export function parseOptions(args: readonly string[], isTerminal: boolean): DemoOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string' },
      rate: { type: 'string' },
      seed: { type: 'string' },
      chaos: { type: 'boolean', default: false },
      capture: { type: 'string' },
      url: { type: 'string' },
      plain: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return null
  const plain = values.plain || !isTerminal
  if (values.url !== undefined && !/^wss?:\/\//.test(values.url))
    throw new RangeError('--url must begin with ws:// or wss://')
  if (values.url !== undefined && (values.chaos || values.capture !== undefined)) {
    throw new RangeError('--chaos and --capture are for the embedded venue, not for --url')
  }
  if (values.capture !== undefined && !existsSync(values.capture))
    throw new RangeError(`there is no file ${values.capture}`)
  return {
    seconds: values.seconds === undefined && !plain ? null : count(values.seconds, 'seconds', 10, 1e7),
    rate: count(values.rate, 'rate', 25_000, 500_000),
    seed: count(values.seed, 'seed', 1, 2 ** 32 - 1),
    chaos: values.chaos,
    capture: values.capture ?? null,
    url: values.url ?? null,
    plain,
  }
}
