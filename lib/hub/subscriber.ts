import { inspect } from 'node:util'
import type { HubLane } from './events.js'
import type { SubscriberLag } from './lag.js'
import type { HubMessage } from './topic-options.js'

/** What a {@link Subscriber} asks of its hub. */
export interface SubscriberOwner {
  send(id: number, message: HubMessage): boolean
  disconnect(id: number, code: number, reason: string): void
  lag(id: number): Promise<SubscriberLag | null>
}

export interface SubscriberInfo {
  readonly id: number
  readonly lane: HubLane
  readonly address: string
  readonly port: number
  readonly path: string
  readonly deflate: boolean
  readonly data: unknown
}

/** Codes that a hub may close with. */
function isCloseCode(code: number): boolean {
  return code === 1000 || code === 1008 || code === 1013 || (Number.isInteger(code) && code >= 3000 && code <= 4999)
}

/** One connected client. */
export class Subscriber {
  /** Never used twice. */
  readonly id: number
  readonly lane: HubLane
  /** Numeric. */
  readonly address: string
  readonly port: number
  /** Path of the request; '' over TCP. */
  readonly path: string
  /** permessage-deflate was agreed on. */
  readonly deflate: boolean
  /** What `authorize` gave along. */
  readonly data: unknown
  /** What it is subscribed to; `'*'`: everything. As of the last `subscribe` or `unsubscribe` event. */
  readonly topics: ReadonlySet<string> = new Set<string>()
  /** Whether it is slow: between a `slow` event and its `caughtUp`. */
  isSlow = false
  /** Messages that it missed for being slow, as of the last `caughtUp` event. */
  missed = 0
  #connected = true
  readonly #owner: SubscriberOwner

  /** @internal */
  constructor(owner: SubscriberOwner, info: SubscriberInfo) {
    this.#owner = owner
    this.id = info.id
    this.lane = info.lane
    this.address = info.address
    this.port = info.port
    this.path = info.path
    this.deflate = info.deflate
    this.data = info.data
  }

  get connected(): boolean {
    return this.#connected
  }

  /**
   * Sends a message to this client alone, outside of topics. What it does not take is limited like everything else
   * (`slow.pendingBytes`): more disconnects it.
   * @returns false when the client is gone, or the message is larger than `limits.inboundMessage`.
   * @throws TypeError for a typed message: these belong to topics.
   */
  send(message: HubMessage): boolean {
    return this.#connected && this.#owner.send(this.id, message)
  }

  /** What waits for it at this moment; null when it is gone. Its thread is asked: one system call there. */
  lag(): Promise<SubscriberLag | null> {
    return this.#connected ? this.#owner.lag(this.id) : Promise.resolve(null)
  }

  /**
   * Closes the connection, with a closing handshake.
   * @param code 1000, 1008, 1013 or 3000…4999. @param reason at most 123 bytes of UTF-8. @throws RangeError for others.
   */
  close(code = 1000, reason = ''): void {
    if (!isCloseCode(code)) throw new RangeError('a close code is 1000, 1008, 1013 or an integer from 3000 to 4999')
    if (Buffer.byteLength(reason) > 123) throw new RangeError('a close reason has at most 123 bytes')
    if (this.#connected) this.#owner.disconnect(this.id, code, reason)
  }

  /** @internal */
  markGone(): void {
    this.#connected = false
  }

  [inspect.custom](): unknown {
    const { id, lane, address, port, path, topics } = this
    return { id, lane, address, port, path, topics, connected: this.#connected }
  }
}
