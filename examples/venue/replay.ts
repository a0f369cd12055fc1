import { monoNs, sleepUntil, writeStamp } from './clock.ts'
import { buildCycle, type Cycle, type CycleOptions, isWorkload } from './cycle.ts'
import { frame, Opcode } from './frames.ts'
import type { Session } from './session.ts'

/** What a connection asks for in its query. */
interface ReplayPlan {
  readonly cycle: CycleOptions
  /** Messages in all. */
  readonly messages: number
  /** 0 = as fast as the client takes them; else messages per second. */
  readonly rate: number
  /** Messages sent at once. */
  readonly burst: number
  /** Messages at full speed before those that come at a rate. */
  readonly lead: number
  /** Milliseconds between the server's pings; 0 = none. */
  readonly pingMs: number
  /** The client is cut off when a ping has gone unanswered for so long. */
  readonly pongMs: number
}

function number(query: URLSearchParams, name: string, fallback: number): number {
  const text = query.get(name)
  const value = text === null ? fallback : Number(text)
  if (!Number.isFinite(value) || value < 0) throw new RangeError(`${name}=${text}`)
  return value
}

function plan(session: Session): ReplayPlan {
  const query = session.url.searchParams
  const workload = query.get('workload') ?? 'ticker'
  if (!isWorkload(workload)) throw new RangeError(`workload=${workload}`)
  const cycle = number(query, 'cycle', 8192)
  return {
    cycle: {
      workload,
      messages: cycle,
      seed: number(query, 'seed', 1),
      stamped: query.has('stamped'),
      deflate: session.deflate,
    },
    messages: number(query, 'messages', cycle),
    rate: number(query, 'rate', 0),
    burst: number(query, 'burst', 1),
    lead: number(query, 'lead', 0),
    pingMs: number(query, 'ping', 0),
    pongMs: number(query, 'pong', 3000),
  }
}

const cycles = new Map<string, Promise<Cycle>>()

function cached(options: CycleOptions): Promise<Cycle> {
  const key = JSON.stringify(options)
  let cycle = cycles.get(key)
  if (!cycle) {
    cycle = buildCycle(options)
    cycles.set(key, cycle)
  }
  return cycle
}

/** Plays a prebuilt cycle of messages to one connection, as its query says, then leaves the connection open. */
export async function replay(session: Session): Promise<void> {
  const wanted = plan(session)
  const cycle = await cached(wanted.cycle)
  if (wanted.pingMs > 0) demandPongs(session, wanted.pingMs, wanted.pongMs)
  if (wanted.rate === 0) pour(session, cycle, wanted.messages)
  else {
    await lead(session, cycle, wanted.lead)
    await pace(session, cycle, wanted)
  }
}

/** Messages without stamps at full speed, and a pause in which whoever listens can catch up. */
async function lead(session: Session, cycle: Cycle, messages: number): Promise<void> {
  for (let left = messages; left > 0 && session.open; left -= cycle.messages) {
    await written(session, cycle.bytes.subarray(0, cycle.starts[Math.min(left, cycle.messages)]))
  }
  if (messages > 0) await new Promise((resolve) => setTimeout(resolve, 150))
}

/** At full speed: several writes of a whole cycle stand in line, so that the kernel's buffer never runs dry. */
function pour(session: Session, cycle: Cycle, messages: number): void {
  let left = messages
  let waiting = 0
  const more = (): void => {
    while (waiting < 4 && left > 0 && session.open) {
      const count = Math.min(left, cycle.messages)
      left -= count
      waiting += 1
      session.socket.write(cycle.bytes.subarray(0, cycle.starts[count]), (error) => {
        waiting -= 1
        if (!error) more()
      })
    }
  }
  more()
}

/**
 * At a rate, one message or one burst at a time, each stamped right before it is written. As little as can be is done in between: the
 * receiver may have to share this CPU.
 */
async function pace(session: Session, cycle: Cycle, wanted: ReplayPlan): Promise<void> {
  const intervalNs = (wanted.burst / wanted.rate) * 1e9
  const bytes = Buffer.from(cycle.bytes)
  let due = monoNs()
  let at = 0
  for (let sent = 0; sent < wanted.messages && session.open; sent += wanted.burst) {
    due += intervalNs
    sleepUntil(due)
    for (let left = Math.min(wanted.burst, wanted.messages - sent); left > 0; ) {
      const count = Math.min(left, cycle.messages - at)
      stamp(bytes, cycle.stamps.subarray(at, at + count))
      // Until the kernel has all of it: this thread sleeps next, and what it had not taken would go out an interval later.
      await written(session, bytes.subarray(cycle.starts[at], cycle.starts[at + count]))
      at = (at + count) % cycle.messages
      left -= count
    }
    await new Promise(setImmediate)
  }
}

/** The same stamp in all places, byte by byte: a call for each place would take longer than the write. */
function stamp(bytes: Buffer, places: Uint32Array): void {
  const first = places[0]
  if (first === undefined) return
  writeStamp(bytes, first)
  for (let i = 1; i < places.length; i++) {
    const place = places[i] ?? 0
    for (let digit = 0; digit < 16; digit++) bytes[place + digit] = bytes[first + digit] ?? 0
  }
}

function written(session: Session, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    if (!session.open) resolve()
    else session.socket.write(bytes, () => resolve())
  })
}

function demandPongs(session: Session, pingMs: number, pongMs: number): void {
  let answered = monoNs()
  session.on('pong', () => {
    answered = monoNs()
  })
  const timer = setInterval(() => {
    if (monoNs() - answered > (pingMs + pongMs) * 1e6) session.reset()
    else session.send(frame('still there?', { opcode: Opcode.ping }))
  }, pingMs)
  session.on('close', () => clearInterval(timer))
}
