import { constants, createDeflateRaw, type DeflateRaw } from 'node:zlib'
import { Feed, text } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { closeFrame, frame, Opcode } from '../../examples/venue/frames.ts'
import { startWsServer } from '../peers/ws-server.ts'
import { deflated, deliveries, serve, visit } from './visit.ts'

const extension = { 'Sec-WebSocket-Extensions': 'permessage-deflate' }
const end = closeFrame(1000)

/** Message after message through one compressor, as with context takeover. */
async function stream(messages: readonly string[], windowBits: number): Promise<Buffer[]> {
  const compressor: DeflateRaw = createDeflateRaw({ windowBits })
  const out: Buffer[] = []
  for (const message of messages) {
    const chunks: Buffer[] = []
    const collect = (chunk: Buffer) => chunks.push(chunk)
    compressor.on('data', collect)
    compressor.write(message)
    await new Promise<void>((resolve) => compressor.flush(constants.Z_SYNC_FLUSH, () => resolve()))
    compressor.off('data', collect)
    const all = Buffer.concat(chunks)
    out.push(all.subarray(0, all.length - 4))
  }
  compressor.close()
  return out
}

const ticks = (n: number): string[] =>
  Array.from(
    { length: n },
    (_, i) => `{"u":${400_900_217 + i},"s":"BNBUSDT","b":"25.3${i % 10}190000","B":"31.21000000"}`,
  )

describe('permessage-deflate', () => {
  for (const [how, cut] of Object.entries(deliveries)) {
    it.each([0, 1, 16, 64, 256, 1024, 4096])(`messages of %i bytes, ${how}`, async (size) => {
      const messages = Array.from({ length: 5 }, (_, i) => String.fromCharCode(97 + i).repeat(size))
      const wire = Buffer.concat([...messages.map((m) => frame(deflated(m), { rsv: 4 })), end])
      const headers = { 'Sec-WebSocket-Extensions': 'permessage-deflate; server_no_context_takeover' }
      const got = await visit(serve(cut(wire), headers), { deflate: true })
      expect(got.messages).toEqual(messages)
      expect(got.closeCode).toBe(1000)
    })
  }

  it.each([9, 12, 15])('context takeover with a window of %i bits', async (bits) => {
    const messages = ticks(300)
    const payloads = await stream(messages, bits)
    const wire = Buffer.concat([...payloads.map((p) => frame(p, { rsv: 4 })), end])
    const headers = { 'Sec-WebSocket-Extensions': `permessage-deflate; server_max_window_bits=${bits}` }
    const got = await visit(serve([wire], headers), { deflate: { serverMaxWindowBits: bits } })
    expect(got.messages).toEqual(messages)
  })

  it('mixes compressed, plain, fragmented and control frames', async () => {
    const body = deflated('fragmented and compressed')
    const wire = [
      frame('plain'),
      frame(body.subarray(0, 5), { rsv: 4, fin: false }),
      frame('p', { opcode: Opcode.ping }),
      frame(body.subarray(5), { opcode: Opcode.continuation }),
      frame(deflated(Buffer.of(1, 2, 3)), { rsv: 4, opcode: Opcode.binary }),
      end,
    ]
    const headers = { 'Sec-WebSocket-Extensions': 'permessage-deflate; server_no_context_takeover' }
    const got = await visit(serve(wire, headers), { deflate: true })
    expect(got.messages.slice(0, 2)).toEqual(['plain', 'fragmented and compressed'])
    expect(got.closeCode).toBe(1000)
  })

  it.each([
    [
      'RSV1 on a continuation',
      [frame('a', { rsv: 4, fin: false }), frame('b', { opcode: Opcode.continuation, rsv: 4 })],
      'ERR_WS_RESERVED_BITS',
      1002,
    ],
    ['RSV1 on a ping', [frame('a', { rsv: 4, opcode: Opcode.ping })], 'ERR_WS_COMPRESSED_CONTROL', 1002],
    ['RSV2', [frame('a', { rsv: 2 })], 'ERR_WS_RESERVED_BITS', 1002],
    ['garbage for deflate data', [frame(Buffer.of(0xff, 0xff, 0xff, 0xff), { rsv: 4 })], 'ERR_WS_INFLATE', 1007],
    [
      'text that inflates to bad UTF-8',
      [frame(deflated(Buffer.of(0xc0, 0xaf)), { rsv: 4 })],
      'ERR_WS_INVALID_UTF8',
      1007,
    ],
  ] as const)('%s', async (_name, wire, reason, closeCode) => {
    const got = await visit(serve([Buffer.concat(wire)], extension), { deflate: true })
    expect(got).toMatchObject({ reason, closeCode, messages: [] })
  })

  it('stops a bomb at maxMessage, with bounded memory', async () => {
    const bomb = deflated(Buffer.alloc(64 << 20))
    const before = process.memoryUsage.rss()
    const got = await visit(serve([frame(bomb, { rsv: 4 })], extension), {
      deflate: true,
      limits: { maxMessage: 1 << 20 },
    })
    expect(got).toMatchObject({ reason: 'ERR_WS_MESSAGE_TOO_LARGE', closeCode: 1009, messages: [] })
    expect(process.memoryUsage.rss() - before).toBeLessThan(48 << 20)
  })

  it.each([
    'permessage-deflate; server_max_window_bits=16',
    'permessage-deflate; server_max_window_bits=7',
    'permessage-deflate; unknown=1',
    'permessage-deflate; server_no_context_takeover; server_no_context_takeover',
    'permessage-deflate; client_max_window_bits=8x',
    'permessage-deflate, permessage-deflate',
    'x-webkit-deflate-frame',
  ])('refuses the answer %s', async (value) => {
    const got = await visit(serve([end], { 'Sec-WebSocket-Extensions': value }), { deflate: true })
    expect(got.reason).toBe('ERR_HANDSHAKE_EXTENSION')
  })

  it('refuses an extension that was not offered', async () => {
    const got = await visit(serve([end], extension))
    expect(got.reason).toBe('ERR_HANDSHAKE_EXTENSION')
  })

  it.each([
    ['context takeover', {}],
    ['no context takeover', { serverNoContextTakeover: true, clientNoContextTakeover: true }],
    ['small windows', { serverMaxWindowBits: 10, clientMaxWindowBits: 10 }],
  ])('both ways against ws, %s', async (_name, perMessageDeflate) => {
    await using server = await startWsServer({ perMessageDeflate: { threshold: 0, ...perMessageDeflate }, echo: true })
    const feed = new Feed({ url: server.url, decode: text(), deflate: { threshold: 0 } })
    await using _ = feed
    const echoes: string[] = []
    const done = new Promise<void>((resolve) =>
      feed.on('message', (m) => {
        echoes.push(m.data)
        if (echoes.length === 200) resolve()
      }),
    )
    const info = await feed.open()
    expect(info.deflate).toBe(true)
    const sent = ticks(200)
    for (const message of sent) feed.send(message)
    await done
    expect(echoes).toEqual(sent)
  })
})
