import type { Chaos } from '../chaos.js'
import type { WsSocket } from './ws-module.js'

/** What a venue demands of a socket. Milliseconds of the venue's own time (`timeScale`); 0 = not at all. */
export interface SocketRules {
  /** Between the server's pings. */
  readonly pingMs: number
  /** After a ping, until its pong is missed. */
  readonly pongMs: number
  /** Until a socket that has sent nothing is cut. */
  readonly idleMs: number
  /** Until every socket is cut, however lively. */
  readonly lifeMs: number
  /** Frames per second, control frames too. */
  readonly framesPerSecond: number
}

/** What is done with a socket. */
export interface PeerHandler {
  message(text: string): void
  closed(): void
}

const open = 1
/** A client's answers take real time, however fast the venue's goes. */
const leastPatienceMs = 1_000

/** Bytes that wait for a socket before it is cut: a client that reads so slowly would make the venue grow. */
export const maxBacklog = 64 * 1_048_576

/** One client's socket, and what is wrong with it when chaos is wanted. */
export class Peer {
  readonly id: number
  readonly url: URL
  readonly openedMs: number
  /** Messages that were put on the wire. */
  sent = 0
  readonly #socket: WsSocket
  readonly #chaos: Chaos
  readonly #timers = new Set<NodeJS.Timeout>()
  #handler: PeerHandler | null = null
  /** Messages that wait for the end of a stall, in order. */
  readonly #held: string[] = []
  #heldBytes = 0
  #stalledUntil = 0
  /** A message that goes after its successor. */
  #late: string | null = null
  #second = 0
  #frames = 0
  #isClosed = false

  constructor(
    id: number,
    url: URL,
    socket: WsSocket,
    chaos: Chaos,
    rules: SocketRules,
    nowMs: number,
    timeScale: number,
  ) {
    this.id = id
    this.url = url
    this.openedMs = nowMs
    this.#socket = socket
    this.#chaos = chaos
    socket.on('error', () => {})
    socket.on('close', () => this.#ended())
    this.#watch(rules, timeScale)
  }

  get isOpen(): boolean {
    return !this.#isClosed && this.#socket.readyState === open
  }

  /** Bytes that the client has not taken yet. */
  get backlog(): number {
    return this.#socket.bufferedAmount + this.#heldBytes
  }

  handle(handler: PeerHandler): void {
    this.#handler = handler
  }

  /** Answers and private messages: never dropped, doubled or damaged, late at most. */
  reply(text: string): void {
    if (!this.isOpen) return
    const now = performance.now()
    if (this.#held.length > 0 || now < this.#stalledUntil) {
      this.#hold(text, this.#stalledUntil - now)
      return
    }
    const delay = this.#chaos.delay()
    if (delay > 0) {
      this.#stalledUntil = now + delay
      this.#hold(text, delay)
      return
    }
    this.#write(text)
  }

  /** Market data, to which all may happen that chaos knows. */
  push(text: string): void {
    if (!this.isOpen) return
    const happens = this.#chaos.socketFate()
    if (happens === 'cut') {
      this.terminate()
      return
    }
    if (happens === 'stalled') this.stall(this.#chaos.stallMs)
    const fate = this.#chaos.fate()
    switch (fate) {
      case 'lost':
      case 'dropped':
        return
      case 'doubled':
        this.reply(text)
        break
      case 'reordered':
        if (this.#late === null) {
          this.#late = text
          return
        }
        break
      case 'corrupted':
        this.reply(this.#chaos.damaged(text))
        return
    }
    this.#chaos.sent()
    this.reply(text)
    if (this.#late === null) return
    const late = this.#late
    this.#late = null
    this.reply(late)
  }

  /** Says nothing for so long; what is to be said waits. */
  stall(ms: number): void {
    this.#stalledUntil = Math.max(this.#stalledUntil, performance.now() + ms)
  }

  close(code: number, reason = ''): void {
    if (this.isOpen) this.#socket.close(code, reason)
    // A client that does not answer the close frame is cut.
    this.#after(2_000, () => this.#socket.terminate())
  }

  terminate(): void {
    this.#socket.terminate()
  }

  /** Calls back unless the socket has ended. */
  #after(ms: number, act: () => void): void {
    if (this.#isClosed) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      act()
    }, ms)
    timer.unref()
    this.#timers.add(timer)
  }

  /** As above, when what has come meanwhile was read: who was late himself must not blame others. */
  #judge(ms: number, act: () => void): void {
    this.#after(ms, () => setImmediate(() => void (this.#isClosed || act())))
  }

  #hold(text: string, ms: number): void {
    this.#held.push(text)
    this.#heldBytes += text.length
    if (this.#heldBytes > maxBacklog) this.terminate()
    else if (this.#held.length === 1) this.#after(Math.max(1, ms), () => this.#release())
  }

  #release(): void {
    const left = this.#stalledUntil - performance.now()
    if (left > 0.5) {
      this.#after(left, () => this.#release())
      return
    }
    const held = this.#held.splice(0)
    this.#heldBytes = 0
    for (const text of held) this.#write(text)
  }

  #write(text: string): void {
    if (!this.isOpen) return
    this.#socket.send(text)
    this.sent++
    if (this.#socket.bufferedAmount > maxBacklog) this.terminate()
  }

  #watch(rules: SocketRules, timeScale: number): void {
    const scaled = (ms: number): number => Math.max(1, ms / timeScale)
    let heard = performance.now()
    let unanswered: string | null = null
    let pings = 0
    let askedAt = 0
    const counted = (): boolean => {
      if (rules.framesPerSecond === 0) return true
      const second = Math.floor((performance.now() * timeScale) / 1_000)
      if (second !== this.#second) this.#frames = 0
      this.#second = second
      this.#frames++
      if (this.#frames <= rules.framesPerSecond) return true
      this.close(1008, 'Too many requests')
      return false
    }
    this.#socket.on('message', (data, isBinary) => {
      heard = performance.now()
      if (!counted()) return
      if (isBinary) this.close(1003, 'binary messages are not taken')
      else this.#handler?.message(data.toString('utf8'))
    })
    this.#socket.on('ping', () => void counted())
    this.#socket.on('pong', (data) => {
      if (data.toString() === unanswered) unanswered = null
      counted()
    })
    if (rules.pingMs > 0) {
      const beat = (): void => {
        if (!this.isOpen) return
        this.#after(scaled(rules.pingMs), beat)
        // Who has not had the time to answer is not asked again: answers to many at once would be too many frames.
        if (unanswered !== null && performance.now() - askedAt < leastPatienceMs) return
        askedAt = performance.now()
        const payload = String(this.openedMs + ++pings)
        if (unanswered === null) {
          unanswered = payload
          const asked = payload
          this.#judge(Math.max(leastPatienceMs, scaled(rules.pongMs)), () => {
            if (unanswered === asked) this.close(1008, 'Pong timeout')
          })
        }
        this.#socket.ping(unanswered)
      }
      this.#after(scaled(rules.pingMs), beat)
    }
    if (rules.idleMs > 0) {
      const idleMs = Math.max(leastPatienceMs, scaled(rules.idleMs))
      const look = (): void => {
        const left = idleMs - (performance.now() - heard)
        if (left <= 0) this.close(4004, 'No data received in 30s.')
        else this.#judge(left, look)
      }
      this.#judge(idleMs, look)
    }
    if (rules.lifeMs > 0) this.#after(scaled(rules.lifeMs), () => this.close(1008, 'Connection lifetime'))
  }

  #ended(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    this.#held.length = 0
    this.#heldBytes = 0
    this.#handler?.closed()
  }
}
