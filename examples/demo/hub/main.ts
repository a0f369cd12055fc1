/** One publisher, a thousand subscribers: each has a process of its own, this one only draws. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { compileSink, type Sink, startSink } from '../../../bench/hub/sink.ts'
import { Screen } from '../screen.ts'
import { makeStyle } from '../style.ts'
import { kindsOf, type Policy, sinkClasses } from './kinds.ts'
import { type HubDemoOptions, help, parseOptions } from './options.ts'
import { plainLine, summary } from './plain.ts'
import { drawTable, type View } from './table.ts'
import { type HubMessage, type HubSnapshot, type SlowDeed, Track } from './track.ts'

const keptEvents = 50
const reportEveryMs = 500
/** The slow ones begin to be slow a moment after all have seen how it is without. */
const calmMs = 2_000

function options(): HubDemoOptions {
  try {
    const parsed = parseOptions(process.argv.slice(2), process.stdout.isTTY === true)
    if (parsed !== null) return parsed
    console.log(help)
    process.exit(0)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${help}`)
    process.exit(2)
  }
}

const chosen = options()
const style = makeStyle(process.env, process.stdout.isTTY === true)
const screen = chosen.plain ? null : new Screen(process.stdout as import('node:tty').WriteStream)
const track = new Track(kindsOf(chosen.subscribers))
const events: { seconds: number; text: string; tone: 'good' | 'bad' | 'plain' }[] = []
let began = performance.now()
let source = ''
let publisher: ChildProcess | null = null
let sink: Sink | null = null
let newest: HubSnapshot | null = null

const seconds = (): number => (performance.now() - began) / 1000
const view = (): View => ({ source, seconds: seconds(), until: chosen.seconds, track, events })

function happened(text: string, tone: 'good' | 'bad' | 'plain'): void {
  events.push({ seconds: seconds(), text, tone })
  if (events.length > keptEvents) events.shift()
  if (chosen.plain) console.log(`        ${text}`)
}

const deeds: Readonly<Record<Policy, readonly [began: string, ended: string]>> = {
  skip: ['too slow: they go on with the newest', 'read again'],
  conflate: ['too slow: they get only the newest of each symbol', 'read again'],
  disconnect: ['too slow: disconnected with 1013', 'are gone'],
}

function tell({ policy, phase, subscribers, missed }: SlowDeed): void {
  const what = deeds[policy][phase === 'began' ? 0 : 1]
  const who = subscribers === 1 ? '1 subscriber' : `${subscribers} subscribers`
  const lost = missed > 0 ? `, ${missed.toLocaleString('en-US')} messages missed` : ''
  happened(`${who} ${what}${lost}`, policy === 'disconnect' ? 'bad' : 'plain')
}

let ending = false

async function end(status: number, complaint = ''): Promise<void> {
  if (ending) return
  ending = true
  screen?.close()
  publisher?.kill('SIGKILL')
  await sink?.[Symbol.asyncDispose]()
  if (complaint !== '') console.error(complaint)
  const hasFigures = track.hub !== undefined
  if (hasFigures) console.log(['', ...summary(view(), style), ''].join('\n'))
  process.exit(status || (hasFigures ? 0 : 1))
}

process.on('SIGINT', () => void end(0))
process.on('SIGTERM', () => void end(0))
process.on('SIGHUP', () => void end(0))
process.on('uncaughtException', (error) => void end(1, error.stack ?? String(error)))

/** The publisher's URL, once it listens. */
function startPublisher(): Promise<string> {
  const task = JSON.stringify({ rate: chosen.rate, seed: chosen.seed, subscribers: chosen.subscribers })
  const file = fileURLToPath(new URL('./publisher.ts', import.meta.url))
  const child = fork(file, [task], { silent: true })
  publisher = child
  let complaint = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-4000)
  })
  child.on('exit', (code) => void end(1, `the publisher ended with status ${code}\n${complaint}`))
  return new Promise((resolve) => {
    child.on('message', (message: HubMessage) => {
      if ('url' in message) resolve(message.url)
      else {
        newest = message.snapshot
        for (const deed of message.deeds) tell(deed)
      }
    })
  })
}

/** Asks the subscribers what they got, again and again. */
async function observe(subscribers: Sink): Promise<void> {
  for (;;) {
    const report = await subscribers.report()
    if (newest !== null) track.add(newest, report)
    await new Promise((resolve) => setTimeout(resolve, reportEveryMs))
  }
}

async function begin(): Promise<void> {
  compileSink((text) => console.error(text))
  const url = await startPublisher()
  const number = (value: number): string => value.toLocaleString('en-US')
  source = `${url} · ${number(chosen.rate)} messages/s to ${number(chosen.subscribers)} subscribers`
  if (chosen.plain) console.log(source)
  sink = await startSink(
    { port: Number(new URL(url).port), classes: sinkClasses(track.kinds, chosen.rate), sample: 8 },
    (text) => console.error(text),
  )
  publisher?.send('publish')
  began = performance.now()
  happened(`${number(chosen.subscribers)} subscribers are connected`, 'good')
  const subscribers = sink
  setTimeout(() => {
    happened('some subscribers stop reading', 'plain')
    void subscribers.stall('stopped').catch(() => {})
  }, calmMs)
  observe(subscribers).catch((error: Error) => end(1, error.stack ?? String(error)))

  if (screen) {
    const draw = (): void => screen.draw(drawTable(view(), screen.width, screen.height, style))
    screen.open(draw)
    draw()
    setInterval(draw, 200)
  } else {
    setInterval(() => console.log(plainLine(view())), 1000)
  }
  if (chosen.seconds !== null) setTimeout(() => void end(0), chosen.seconds * 1000)
}

begin().catch((error: Error) => end(1, error.stack ?? String(error)))
