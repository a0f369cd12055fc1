/**
 * One market-data stream, received twice: by tickwire, and by ws with JSON.parse. Each has a process of its own, this one
 * only draws. `--help` lists the options.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Fault } from '../venue/chaos.ts'
import { startVenue, type Venue } from '../venue/start.ts'
import { type DemoOptions, help, parseOptions } from './options.ts'
import { plainLine, summary } from './plain.ts'
import { Screen } from './screen.ts'
import type { SideMessage, SideTask } from './side.ts'
import { makeStyle } from './style.ts'
import { drawTable, type View } from './table.ts'
import { Track } from './track.ts'

const keptEvents = 50

const deeds: Readonly<Record<Fault, string>> = {
  reset: 'resets every connection',
  goingAway: 'closes every connection for maintenance',
  stall: 'falls silent on every connection, without a word',
  corruptJson: 'sends two broken messages',
  corruptFrame: 'sends a frame that breaks the protocol',
  invalidUtf8: 'sends text that is not UTF-8',
  refusal: 'resets every connection and refuses new ones for 0.6 s',
}

function options(): DemoOptions {
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
const isTable = !chosen.plain
const style = makeStyle(process.env, process.stdout.isTTY === true)
const screen = isTable ? new Screen(process.stdout as import('node:tty').WriteStream) : null
const began = performance.now()
const seconds = (): number => (performance.now() - began) / 1000
const ours = new Track('tickwire')
const ws = new Track('ws')
const events: { seconds: number; side: string; text: string; tone: string }[] = []
const children: ChildProcess[] = []
let venue: Venue | null = null
let source = chosen.url ?? ''

function happened(side: string, text: string, tone: string): void {
  events.push({ seconds: seconds(), side, text: text.replace(/\s+/g, ' '), tone })
  if (events.length > keptEvents) events.shift()
  if (!isTable) console.log(`        ${side}: ${text}`)
}

function view(): View {
  const stamped = chosen.url === null && chosen.capture === null
  return { source, seconds: seconds(), until: chosen.seconds, ours, ws, events, stamped }
}

function startSide(file: string, track: Track, url: string): void {
  const task: SideTask = { url, idleMs: chosen.url === null ? 1_500 : 30_000 }
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(task)], { silent: true })
  children.push(child)
  let complaint = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-4000)
  })
  child.on('message', (message: SideMessage) => {
    if ('snapshot' in message) track.add(message.snapshot)
    else {
      happened(track.name, message.happening.text, message.happening.tone)
    }
  })
  child.on('exit', (code) => {
    track.ended = true
    if (!ending) void end(1, `${track.name}'s process ended with status ${code}\n${complaint}`)
  })
}

let ending = false

async function end(status: number, complaint = ''): Promise<void> {
  if (ending) return
  ending = true
  screen?.close()
  for (const child of children) child.kill('SIGKILL')
  await venue?.stop()
  if (complaint !== '') console.error(complaint)
  const received = ours.now?.messages ?? 0
  if (received > 0) console.log(['', ...summary(view(), style), ''].join('\n'))
  else if (status === 0) console.error('nothing was received')
  process.exit(status || (received > 0 ? 0 : 1))
}

process.on('SIGINT', () => void end(0))
process.on('SIGTERM', () => void end(0))
process.on('SIGHUP', () => void end(0))
process.on('uncaughtException', (error) => void end(1, error.stack ?? String(error)))

async function begin(): Promise<void> {
  let url = chosen.url
  if (url === null) {
    venue = await startVenue({
      rate: chosen.rate,
      seed: chosen.seed,
      chaos: chosen.chaos,
      ...(chosen.capture === null ? {} : { capture: chosen.capture }),
      onFault: (fault) => happened('venue', deeds[fault], 'plain'),
      onExit: (code) => void end(1, `the venue ended with status ${code}`),
    })
    url = `${venue.url}/stream`
    const what = chosen.capture === null ? 'simulated market' : chosen.capture
    source = `${url} · ${what}, ${chosen.rate.toLocaleString('en-US')} messages/s${chosen.chaos ? ', with faults' : ''}`
  }
  startSide('./feed-side.ts', ours, url)
  startSide('./ws-side.ts', ws, url)

  if (screen) {
    const draw = (): void => screen.draw(drawTable(view(), screen.width, screen.height, style))
    screen.open(draw)
    draw()
    setInterval(draw, 200)
  } else {
    console.log(source)
    setInterval(() => console.log(plainLine(view())), 1000)
  }
  if (chosen.seconds !== null) setTimeout(() => void end(0), chosen.seconds * 1000)
}

begin().catch((error: Error) => end(1, error.stack ?? String(error)))
