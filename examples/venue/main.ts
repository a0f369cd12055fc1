/**
 * A synthetic market-data venue: a WebSocket server that plays realistic tickers, trades and depth updates.
 *
 *   node examples/venue/main.ts --port 9001 --rate 2000
 *
 * `ws://127.0.0.1:9001/stream` is one stream for everybody; `/replay?workload=ticker&messages=1000000` plays prebuilt
 * messages to each connection at full speed; `/drill` cuts its connections (see drill.ts).
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { openCapture } from 'tickwire/capture'
import { Chaos } from './chaos.ts'
import { drill } from './drill.ts'
import { Live } from './live.ts'
import { replay } from './replay.ts'
import { listen } from './server.ts'
import type { Session } from './session.ts'

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    rate: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    capture: { type: 'string' },
    chaos: { type: 'boolean', default: false },
    deflate: { type: 'boolean', default: false },
    cert: { type: 'string' },
    key: { type: 'string' },
  },
})

async function receivedTexts(path: string): Promise<string[]> {
  const texts: string[] = []
  for await (const record of await openCapture(path)) {
    if (record.type === 'received') texts.push(Buffer.from(record.data).toString())
  }
  return texts
}

const texts = values.capture === undefined ? null : await receivedTexts(values.capture)
if (texts?.length === 0) throw new RangeError(`${values.capture} holds no received messages`)
const live = new Live({ rate: Number(values.rate), seed: Number(values.seed), texts })

let refusedUntil = 0
const chaos = new Chaos(Number(values.seed), {
  sessions: () => [...live.sessions],
  refuseFor: (ms) => {
    refusedUntil = performance.now() + ms
  },
  onFault: (fault) => process.send?.({ fault }),
})

function serve(session: Session): void {
  switch (session.url.pathname) {
    case '/replay':
      replay(session).catch((error: Error) => session.close(1008, error.message.slice(0, 100)))
      break
    case '/drill':
      drill(session)
      break
    default:
      live.add(session)
  }
}

const server = await listen({
  port: Number(values.port),
  deflate: values.deflate,
  ...(values.cert && values.key
    ? { tls: { cert: readFileSync(values.cert, 'utf8'), key: readFileSync(values.key, 'utf8') } }
    : {}),
  refuse: () => (performance.now() < refusedUntil ? 503 : null),
  onSession: serve,
})
if (values.chaos) chaos.start()

if (process.send) {
  process.send({ url: server.url })
  process.on('message', (message) => {
    if (message === 'sent?') process.send?.({ sent: live.sent })
  })
  // The parent's end is ours, however it comes; Ctrl-C goes to the parent.
  process.on('SIGINT', () => {})
  process.on('disconnect', () => process.exit(0))
} else {
  console.log(`${server.url}/stream`)
}
