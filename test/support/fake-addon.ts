/** An addon without a core: tests write the records themselves. */

import type {
  NativeAddon,
  NativeChannel,
  NativeFeed,
  NativeFeedOptions,
  NativeLoop,
  NativeLoopMode,
} from '../../lib/native/addon.js'
import { ConflateProducer } from './conflate-producer.js'
import { RingProducer, SymbolProducer } from './ring-producer.js'

export const codes = [
  'NONE',
  'ERR_SYSTEM',
  'ECONNREFUSED',
  'ECONNRESET',
  'ERR_NOT_OPEN',
  'ERR_SEND_QUEUE_FULL',
  'ERR_WS_CLOSED',
  'ERR_WS_CLOSED_BY_USER',
  'ERR_ABORTED',
  'ERR_RETRIES_EXHAUSTED',
]

export class FakeLoop implements NativeLoop {
  readonly mode: NativeLoopMode
  readonly cpu: number
  closed = false
  turns = 0
  onTurn: (() => void) | null = null

  constructor({ mode, cpu }: { readonly mode: NativeLoopMode; readonly cpu: number }) {
    this.mode = mode
    this.cpu = cpu
  }

  close(): void {
    this.closed = true
  }

  cpuTimeNs(): number {
    return 42
  }

  runOnce(): number {
    this.turns++
    this.onTurn?.()
    return 0
  }
}

export class FakeChannel implements NativeChannel {
  readonly producer: RingProducer
  readonly symbols: SymbolProducer
  readonly loop: FakeLoop
  readonly onWake: (() => void) | null
  nudges = 0
  alive = true
  closed = false
  handles = 0

  constructor(
    loop: NativeLoop,
    ring: ArrayBuffer,
    symbols: ArrayBuffer,
    maxSymbols: number,
    onWake: (() => void) | null,
  ) {
    this.loop = loop as FakeLoop
    this.producer = new RingProducer(ring)
    this.symbols = new SymbolProducer(symbols, maxSymbols)
    this.onWake = onWake
  }

  nudge(): void {
    this.nudges++
  }

  ref(): void {
    this.alive = true
  }

  unref(): void {
    this.alive = false
  }

  close(): void {
    this.closed = true
  }

  /** Publishes, and wakes the reader when it sleeps, on a turn of its own as the real one does. */
  publish(): void {
    if (this.producer.publish()) setImmediate(() => this.onWake?.())
  }

  /** Publishes and wakes the reader at once. */
  deliver(): void {
    if (this.producer.publish()) this.onWake?.()
  }
}

export class FakeFeed implements NativeFeed {
  readonly handle: number
  readonly channel: FakeChannel
  readonly options: NativeFeedOptions
  readonly conflate: readonly ConflateProducer[]
  readonly sent: (string | Uint8Array)[] = []
  sendResult = 0
  opened = false
  closedWith: readonly [number, string] | null = null
  aborted = false
  reconnected = 0
  destroyed = false

  constructor(channel: NativeChannel, options: NativeFeedOptions) {
    this.channel = channel as FakeChannel
    this.handle = this.channel.handles++
    this.options = options
    const memory = options.conflateMemory
    this.conflate = memory === null ? [] : options.conflateRegions.map((region) => new ConflateProducer(memory, region))
  }

  open(): void {
    this.opened = true
  }

  close(code: number, reason: string): void {
    this.closedWith = [code, reason]
  }

  abort(): void {
    this.aborted = true
  }

  send(data: string | Uint8Array): number {
    if (this.sendResult === 0) this.sent.push(data)
    return this.sendResult
  }

  setGreeting(greeting: readonly (string | Uint8Array)[]): void {
    this.sent.push(...greeting)
  }

  sendBatch(data: readonly (string | Uint8Array)[]): number {
    if (this.sendResult === 0) this.sent.push(...data)
    return this.sendResult
  }

  ping(): number {
    return this.sendResult
  }

  reconnect(): void {
    this.reconnected++
  }

  sendQueueBytes(): number {
    return 7
  }

  destroy(): void {
    this.destroyed = true
  }
}

/** What a test got hold of. */
export class FakeWorld {
  readonly loops: FakeLoop[] = []
  readonly channels: FakeChannel[] = []
  readonly feeds: FakeFeed[] = []
  readonly schemas: string[] = []
  defaultCa = ''
  readonly addon: NativeAddon

  constructor() {
    const world = this
    this.addon = {
      version: '0',
      poller: 'epoll',
      errorCodes: () => [...codes],
      setDefaultCa: (pem) => {
        world.defaultCa = pem
      },
      hasDefaultCa: () => world.defaultCa !== '',
      monoNs: () => Number(process.hrtime.bigint()),
      threadCpuNs: () => 0,
      checkSchema: (description) => {
        world.schemas.push(description)
        if (description.includes('REFUSED'))
          throw Object.assign(new Error('shapes[0]: refused'), { code: 'ERR_SCHEMA' })
      },
      checkSbeSchema: () => {},
      checkRowSchema: () => {},
      Hmac: class {
        sign(): string {
          throw new Error('the fake addon does not sign')
        }
        signDigestOf(): string {
          throw new Error('the fake addon does not sign')
        }
      },
      Loop: class extends FakeLoop {
        constructor(options: { readonly mode: NativeLoopMode; readonly cpu: number }) {
          super(options)
          world.loops.push(this)
        }
      },
      Channel: class extends FakeChannel {
        constructor(...args: ConstructorParameters<typeof FakeChannel>) {
          super(...args)
          world.channels.push(this)
        }
      },
      Feed: class extends FakeFeed {
        constructor(...args: ConstructorParameters<typeof FakeFeed>) {
          super(...args)
          world.feeds.push(this)
        }
      },
      Arbiter: class {
        constructor() {
          throw new Error('this addon has no arbiter')
        }
      } as unknown as NativeAddon['Arbiter'],
      WireFeed: class {
        constructor() {
          throw new Error('this addon has no wire format')
        }
      } as unknown as NativeAddon['WireFeed'],
      HttpPool: class {
        constructor() {
          throw new Error('this addon has no HTTP')
        }
      } as unknown as NativeAddon['HttpPool'],
      RowReader: class {
        constructor() {
          throw new Error('the fake addon does not decode')
        }
      } as unknown as NativeAddon['RowReader'],
      BookSet: class {
        constructor() {
          throw new Error('the fake addon has no books')
        }
      } as never,
      Hub: class {
        constructor() {
          throw new Error('this addon has no hub')
        }
      } as unknown as NativeAddon['Hub'],
    }
  }

  /** The feed that was opened last. */
  get feed(): FakeFeed {
    const feed = this.feeds.at(-1)
    if (feed === undefined) throw new Error('no feed was opened')
    return feed
  }
}

export const world = new FakeWorld()

/** Index of an error in the table of codes. */
export function codeIndex(code: string): number {
  return codes.indexOf(code)
}

export const connectionText = JSON.stringify({
  address: '127.0.0.1',
  port: 80,
  subprotocol: '',
  deflate: false,
  tlsVersion: '',
  tlsCipher: '',
  alpn: '',
  tlsResumed: false,
})

/** Records of a connection that opens. */
export function connect(feed: FakeFeed): void {
  feed.channel.producer.state(feed.handle, 'disconnected', 'connecting')
  feed.channel.producer.state(feed.handle, 'connecting', 'connected', { text: connectionText })
}

/** Records of a feed that has ended. */
export function disconnect(feed: FakeFeed, code: string, detail = 0, text = ''): void {
  feed.channel.producer.state(feed.handle, 'connected', 'disconnected', { error: codeIndex(code), detail, text })
}
