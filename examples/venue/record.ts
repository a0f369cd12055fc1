/**
 * Writes a capture of the simulated market to stdout:
 *
 *   node examples/venue/record.ts --messages 500 --seed 1 > examples/captures/SIMULATED.ws.1.0
 */
import { parseArgs } from 'node:util'
import { formatCapture } from './capture.ts'
import { instruments } from './market.ts'
import { streamName } from './messages.ts'
import { Random } from './random.ts'
import { Simulator } from './simulator.ts'

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    depth: { type: 'string', default: '10' },
  },
})

const seed = Number(values.seed)
const startMs = 1_726_000_000_000
const simulator = new Simulator({ seed, combined: true, depth: Number(values.depth), startMs })
const random = new Random(seed)
const streams = instruments.flatMap(({ symbol }) =>
  (['bookTicker', 'aggTrade', 'depthUpdate', 'kline'] as const).map((kind) => streamName(kind, symbol)),
)
let time = startMs / 1000
const received = simulator.take(Number(values.messages)).map((text) => {
  time += random.exponential() * 0.005
  return { time, text }
})
process.stdout.write(
  formatCapture(`wss://simulated.example/stream?streams=${streams.join('/')}`, startMs / 1000, received),
)
