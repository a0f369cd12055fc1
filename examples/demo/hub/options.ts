import { parseArgs } from 'node:util'

export interface HubDemoOptions {
  /** Seconds to run; null: until Ctrl-C. */
  readonly seconds: number | null
  /** Messages per second that are published. */
  readonly rate: number
  readonly subscribers: number
  readonly seed: number
  /** Lines instead of a table, though there is a terminal. */
  readonly plain: boolean
}

export const help = `npm run demo -- --hub [options]

A hub publishes a simulated market to a thousand WebSocket subscribers in another process. Most read all they get; some
read too slowly, some stop reading: the hub skips, conflates or disconnects, and the others do not notice.

  --seconds N      end after N seconds (default: Ctrl-C; 10 without a terminal)
  --rate N         messages per second, 1 to 50,000 (default 2,000)
  --subscribers N  20 to 20,000 (default 1,000)
  --seed N         another market (default 1)
  --plain          one line a second instead of the table

The subscribers are a C++ program that is compiled on first use: c++ (or CXX) has to be there.`

function count(text: string | undefined, name: string, fallback: number, min: number, max: number): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (!(value >= min && value <= max)) {
    throw new RangeError(`--${name} must be a number from ${min} to ${max}, not '${text}'`)
  }
  return Math.floor(value)
}

/** @throws Error or RangeError that says what is wrong with the arguments; null: help was asked for. */
export function parseOptions(args: readonly string[], isTerminal: boolean): HubDemoOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      hub: { type: 'boolean' },
      seconds: { type: 'string' },
      rate: { type: 'string' },
      subscribers: { type: 'string' },
      seed: { type: 'string' },
      plain: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return null
  const plain = values.plain || !isTerminal
  return {
    seconds: values.seconds === undefined && !plain ? null : count(values.seconds, 'seconds', 10, 1, 1e7),
    rate: count(values.rate, 'rate', 2_000, 1, 50_000),
    subscribers: count(values.subscribers, 'subscribers', 1_000, 20, 20_000),
    seed: count(values.seed, 'seed', 1, 1, 2 ** 32 - 1),
    plain,
  }
}
