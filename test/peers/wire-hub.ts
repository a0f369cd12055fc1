import type { Socket } from 'node:net'
import { Quote, Raw, WireEncoder, type WireMessage } from 'tickwire'
import { type Listener, type ListenOptions, listen } from './listener.ts'
import { frameOf, type WireHeader, WireType } from './wire-frames.ts'
import { type ClientFrame, clientOf, field, type WireClient } from './wire-server.ts'

export const Flag = { snapshot: 1, resent: 2, conflated: 4, compressed: 8, masked: 32 } as const

type Range = readonly [source: number, from: number, to: number]

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

const control = (type: number, ...fields: readonly Buffer[]): Buffer => frameOf({ type }, Buffer.concat(fields))
const ranges = (all: readonly Range[]): Buffer[] =>
  all.map(([source, from, to]) => field(2, Buffer.concat([u16(source), u64(from), u64(to)])))

/** Frames of what a hub says about itself. */
export const say = {
  welcome: ({ epoch = 1n, heartbeatMs = 0, maxPayload = 1 << 20, name = 'scripted' } = {}): Buffer =>
    control(
      WireType.welcome,
      field(1, Buffer.concat([Buffer.of(1), u64(epoch), u32(heartbeatMs), u32(maxPayload), u32(65_536), u32(1_024)])),
      field(2, name),
    ),
  topics: (all: readonly (readonly [source: number, last: number, name: string])[], request = 0): Buffer =>
    control(
      WireType.topic,
      field(1, u32(request)),
      ...all.map(([source, last, name]) => field(2, Buffer.concat([u16(source), u64(last), Buffer.from(name)]))),
    ),
  symbols: (all: ReadonlyMap<string, number>): Buffer =>
    control(WireType.symbol, ...[...all].map(([text, id]) => field(2, Buffer.concat([u32(id), Buffer.from(text)])))),
  heartbeat: (...last: readonly (readonly [source: number, last: number])[]): Buffer =>
    control(WireType.heartbeat, ...last.map(([source, n]) => field(2, Buffer.concat([u16(source), u64(n)])))),
  skipped: (why: 1 | 2, ...all: readonly Range[]): Buffer =>
    control(WireType.skipped, field(1, Buffer.of(why)), ...ranges(all)),
  resendRefused: (request: number, range: Range, oldest: number): Buffer =>
    control(
      WireType.resendRefused,
      field(1, u32(request)),
      ...ranges([range]),
      field(3, Buffer.of(1)),
      field(4, u64(oldest)),
    ),
  error: (code: number, text: string, request: number, fatal = false): Buffer =>
    control(
      WireType.error,
      field(1, u16(code)),
      field(2, text),
      ...(request === 0 ? [] : [field(3, u32(request))]),
      field(4, Buffer.of(fatal ? 1 : 0)),
    ),
  ping: (token: number): Buffer => control(WireType.ping, field(1, u64(token))),
  pong: (token: Buffer): Buffer => control(WireType.pong, field(1, token)),
  bye: (code: number, text: string, retryAfterMs = 0): Buffer =>
    control(
      WireType.bye,
      field(1, u16(code)),
      field(2, text),
      ...(retryAfterMs === 0 ? [] : [field(3, u32(retryAfterMs))]),
    ),
} as const

/** What a client's Subscribe, Unsubscribe or Resend names. */
export interface Asked {
  readonly request: number
  readonly topics: readonly string[]
  readonly keys: readonly string[]
  readonly ranges: readonly (readonly [source: number, from: number, to: number])[]
  readonly options: number
}

export function asked({ fields, header }: ClientFrame): Asked {
  const values = (tag: number): Buffer[] => fields.filter(([t]) => t === tag).map(([, value]) => value)
  const isResend = header.type === WireType.resend
  return {
    request: values(1)[0]?.readUInt32LE() ?? 0,
    topics: isResend ? [] : values(2).map(String),
    keys: values(3).map(String),
    ranges: isResend
      ? values(2).map((r) => [r.readUInt16LE(0), Number(r.readBigUInt64LE(2)), Number(r.readBigUInt64LE(10))] as const)
      : [],
    options: values(4)[0]?.[0] ?? 0,
  }
}

/** One sender's messages: numbers symbols, encodes payloads as the library does, frames them by itself. */
export class Sender {
  readonly symbols = new Map<string, number>()
  readonly #encoder = new WireEncoder((symbol) => {
    const known = this.symbols.get(symbol)
    if (known !== undefined) return known
    this.symbols.set(symbol, this.symbols.size + 1)
    return this.symbols.size
  })

  /** @param symbols known from the start; others get numbers when they first come up. */
  constructor(...symbols: readonly string[]) {
    for (const symbol of symbols) this.symbols.set(symbol, this.symbols.size + 1)
  }

  message(message: WireMessage, header: Omit<WireHeader, 'type'>): Buffer {
    const n = this.#encoder.encodeMessage(message)
    const { id: type, domain } = message.type
    return frameOf({ domain, type, ...header }, this.#encoder.bytes.subarray(0, n))
  }

  /** A quote of `AAA` whose bid is its number: compact, 64 bytes. */
  quote(sequence: number, header: Omit<WireHeader, 'type' | 'sequence'> = {}): Buffer {
    const message = Quote.message({ symbol: 'AAA', bid: sequence, ask: sequence + 1, bidSize: '1.5', askSize: 2 })
    return this.message(message, { source: 1, ...header, sequence })
  }

  quotes(from: number, to: number, header: Omit<WireHeader, 'type' | 'sequence'> = {}): Buffer {
    return Buffer.concat(Array.from({ length: to - from + 1 }, (_, i) => this.quote(from + i, header)))
  }

  /** A message of any length. */
  raw(sequence: number, content: string | Uint8Array, header: Omit<WireHeader, 'type' | 'sequence'> = {}): Buffer {
    return this.message(Raw.message({ content }), { source: 1, ...header, sequence })
  }
}

export interface Greeting {
  readonly epoch?: bigint
  readonly heartbeatMs?: number
  /** Last sequence numbers, by topic; topics get the sources 1, 2, … in this order. Default: the first is `t`, at 0. */
  readonly last?: Readonly<Record<string, number>>
  readonly sender?: Sender
}

/** One client of a scripted hub. */
export interface HubClient extends WireClient {
  /** Reads Hello and one Subscribe, answers with Welcome, the topics and the sender's symbols. */
  greet(greeting?: Greeting): Promise<{ readonly hello: ClientFrame; readonly subscribe: Asked }>
  /** Writes, and resolves when the kernel has it. */
  write(bytes: Uint8Array): Promise<void>
  /** RST. */
  reset(): void
}

function hubClient(socket: Socket): HubClient {
  const client = clientOf(socket)
  const write = (bytes: Uint8Array): Promise<void> =>
    new Promise((resolve) => {
      if (socket.destroyed || socket.writableEnded) resolve()
      else socket.write(bytes, () => resolve())
    })
  return {
    ...client,
    write,
    reset: () => socket.resetAndDestroy(),
    async greet({ epoch = 1n, heartbeatMs = 0, last = { t: 0 }, sender = new Sender('AAA') } = {}) {
      const hello = await client.expect(WireType.hello)
      const subscribe = asked(await client.expect(WireType.subscribe))
      const topics = Object.entries(last).map(([name, n], i) => [i + 1, n, name] as const)
      const symbols = sender.symbols.size > 0 ? [say.symbols(sender.symbols)] : []
      await write(
        Buffer.concat([say.welcome({ epoch, heartbeatMs }), say.topics(topics, subscribe.request), ...symbols]),
      )
      return { hello, subscribe }
    },
  }
}

export interface WireHub extends Listener {
  /** tcp:// or tls:// */
  readonly url: string
  /** What behaviours threw while their client was there. */
  readonly failures: readonly unknown[]
}

type HubBehaviour = (client: HubClient, n: number) => void | Promise<void>

/** A hub that does with its n-th client, n from 0, what the n-th behaviour says; the last one is for all further ones. */
export async function startWireHub(
  behaviour: HubBehaviour | readonly HubBehaviour[],
  options: ListenOptions = {},
): Promise<WireHub> {
  const behaviours = typeof behaviour === 'function' ? [behaviour] : behaviour
  const failures: unknown[] = []
  let count = 0
  const listener = await listen(options, (socket) => {
    const n = count++
    const chosen = behaviours[Math.min(n, behaviours.length - 1)]
    Promise.resolve(chosen?.(hubClient(socket), n)).catch((failure: unknown) => {
      // A client that leaves in the middle is no failure of the script.
      if (!socket.destroyed) failures.push(failure)
    })
  })
  return Object.create(listener, {
    url: { value: `${options.tls ? 'tls' : 'tcp'}://${listener.host}:${listener.port}` },
    failures: { value: failures },
  }) as WireHub
}
