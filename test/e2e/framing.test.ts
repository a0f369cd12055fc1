import { describe, expect, it } from 'vitest'
import { closeFrame, frame, Opcode } from '../../examples/venue/frames.ts'
import { deliveries, serve, visit } from './visit.ts'

/** RFC 6455 rule by rule, in the order of Autobahn's client cases 1 to 7. Every case ends with what it expects the client to close with. */

interface Case {
  readonly name: string
  readonly wire: readonly Buffer[]
  /** Texts that must have arrived, in order. */
  readonly texts?: readonly string[]
  readonly reason?: string
  readonly closeCode?: number
  /** Long wires: byte by byte would only take time. */
  readonly wholeOnly?: boolean
}

const end = closeFrame(1000)
const text = (s: string | Uint8Array, o = {}) => frame(s, { opcode: Opcode.text, ...o })
const more = (s: string | Uint8Array, o = {}) => frame(s, { opcode: Opcode.continuation, ...o })
const open = (s: string | Uint8Array) => text(s, { fin: false })
const ping = (s: string | Uint8Array = '', o = {}) => frame(s, { opcode: Opcode.ping, ...o })
const pong = (s: string | Uint8Array = '', o = {}) => frame(s, { opcode: Opcode.pong, ...o })
const violation = (name: string, wire: Buffer[], reason: string, closeCode = 1002, texts: string[] = []): Case => ({
  name,
  wire,
  reason,
  closeCode,
  texts,
})

const lengths = [0, 1, 125, 126, 127, 128, 65_535, 65_536, 1_000_000]
const cases: Case[] = [
  // 1: payload lengths
  ...lengths.map((n) => ({
    name: `text of ${n} bytes`,
    wire: [text('*'.repeat(n)), end],
    texts: ['*'.repeat(n)],
    wholeOnly: n > 1000,
  })),
  // 2: pings and pongs
  { name: 'ping without payload', wire: [ping(), text('after'), end], texts: ['after'] },
  { name: 'ping of 125 bytes', wire: [ping('p'.repeat(125)), text('after'), end], texts: ['after'] },
  { name: 'binary ping payload', wire: [ping(Buffer.of(0, 0xff, 0xfe, 0xfd)), end], texts: [] },
  { name: 'ten pings', wire: [...Array.from({ length: 10 }, (_, i) => ping(`n${i}`)), end], texts: [] },
  { name: 'unsolicited pong', wire: [pong(), pong('x'), text('after'), end], texts: ['after'] },
  violation('ping of 126 bytes', [ping('p'.repeat(126))], 'ERR_WS_CONTROL_TOO_LONG'),
  // 3: reserved bits
  ...[1, 2, 3, 4, 5, 6, 7].map((rsv) =>
    violation(`RSV ${rsv} on text`, [text('a'), text('b', { rsv })], 'ERR_WS_RESERVED_BITS', 1002, ['a']),
  ),
  violation('RSV on ping', [ping('x', { rsv: 4 })], 'ERR_WS_RESERVED_BITS'),
  violation('RSV on close', [frame('', { opcode: Opcode.close, rsv: 7 })], 'ERR_WS_RESERVED_BITS'),
  // 4: opcodes
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) =>
    violation(`opcode ${opcode}`, [text('a'), frame('', { opcode })], 'ERR_WS_OPCODE', 1002, ['a']),
  ),
  // 5: fragmentation
  violation('fragmented ping', [ping('x', { fin: false }), more('y')], 'ERR_WS_CONTROL_FRAGMENTED'),
  violation('fragmented pong', [pong('x', { fin: false }), more('y')], 'ERR_WS_CONTROL_FRAGMENTED'),
  { name: 'two fragments', wire: [open('frag'), more('ment'), end], texts: ['fragment'] },
  { name: 'ping between fragments', wire: [open('frag'), ping('x'), more('ment'), end], texts: ['fragment'] },
  {
    name: 'empty fragments around one letter',
    wire: [open(''), more('', { fin: false }), more('a', { fin: false }), more(''), end],
    texts: ['a'],
  },
  violation('continuation without a message', [more('x')], 'ERR_WS_UNEXPECTED_CONTINUATION'),
  violation('continuation that begins one', [more('x', { fin: false }), text('y')], 'ERR_WS_UNEXPECTED_CONTINUATION'),
  violation(
    'continuation after a whole message',
    [open('a'), more('b'), more('c')],
    'ERR_WS_UNEXPECTED_CONTINUATION',
    1002,
    ['ab'],
  ),
  violation('text inside a fragmented text', [open('a'), text('b')], 'ERR_WS_EXPECTED_CONTINUATION'),
  // 6: UTF-8
  { name: 'valid UTF-8', wire: [text('Hello-µ@ßöäüàá-UTF-8!!🎼'), end], texts: ['Hello-µ@ßöäüàá-UTF-8!!🎼'] },
  {
    name: 'a character cut by a fragment',
    wire: [open(Buffer.from('κόσμε').subarray(0, 3)), more(Buffer.from('κόσμε').subarray(3)), end],
    texts: ['κόσμε'],
  },
  ...(
    [
      ['surrogate', [0xed, 0xa0, 0x80]],
      ['overlong', [0xc0, 0xaf]],
      ['overlong of three', [0xe0, 0x80, 0xaf]],
      ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
      ['lone continuation byte', [0x80]],
      ['0xFE', [0xfe]],
      ['cut at the end', [0xce, 0xba, 0xe1, 0xbd]],
    ] as const
  ).flatMap(([name, bad]) => [
    violation(`UTF-8: ${name}`, [text(Buffer.from(bad))], 'ERR_WS_INVALID_UTF8', 1007),
    violation(
      `UTF-8: ${name} behind ASCII`,
      [text(Buffer.concat([Buffer.from('a'.repeat(70)), Buffer.from(bad)]))],
      'ERR_WS_INVALID_UTF8',
      1007,
    ),
  ]),
  // fails at the first bad fragment: the last one never comes
  violation('UTF-8 fails fast', [open('ok'), more(Buffer.of(0xf4, 0x90), { fin: false })], 'ERR_WS_INVALID_UTF8', 1007),
  ...[0xffff, 0xfffe, 0x10ffff, 0xfdd0].map((point) => ({
    name: `non-character U+${point.toString(16)}`,
    wire: [text(String.fromCodePoint(point)), end],
    texts: [String.fromCodePoint(point)],
  })),
  // 7: closing
  { name: 'close without payload', wire: [closeFrame()], reason: 'ERR_WS_CLOSED', closeCode: 1005 },
  { name: 'data behind the close frame', wire: [text('a'), end, text('b')], texts: ['a'] },
  { name: 'ping behind the close frame', wire: [end, ping()], texts: [] },
  violation('close with one byte', [frame('x', { opcode: Opcode.close })], 'ERR_WS_CLOSE_PAYLOAD'),
  { name: 'close with a reason of 123 bytes', wire: [closeFrame(1000, 'r'.repeat(123))], texts: [] },
  violation('close with 124 bytes of reason', [closeFrame(1000, 'r'.repeat(124))], 'ERR_WS_CONTROL_TOO_LONG'),
  violation(
    'close reason that is not UTF-8',
    [closeFrame(1000, Buffer.of(0xce, 0xba, 0xe1, 0xbd))],
    'ERR_WS_INVALID_UTF8',
    1007,
  ),
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999].map((code) => ({
    name: `close code ${code}`,
    wire: [closeFrame(code)],
    reason: 'ERR_WS_CLOSED',
    closeCode: code,
  })),
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map((code) =>
    violation(`close code ${code}`, [closeFrame(code)], 'ERR_WS_CLOSE_CODE'),
  ),
  // lengths and masks
  violation('masked by the server', [text('x', { mask: Buffer.of(1, 2, 3, 4) })], 'ERR_WS_MASKED'),
  violation('125 bytes in 16 bits of length', [text('x'.repeat(125), { lengthForm: 16 })], 'ERR_WS_LENGTH_ENCODING'),
  violation('300 bytes in 64 bits of length', [text('x'.repeat(300), { lengthForm: 64 })], 'ERR_WS_LENGTH_ENCODING'),
  violation('2^63 bytes', [text('', { claimedLength: 1n << 63n, lengthForm: 64 })], 'ERR_WS_LENGTH_ENCODING'),
  violation(
    '2^63 − 1 bytes',
    [text('', { claimedLength: (1n << 63n) - 1n, lengthForm: 64 })],
    'ERR_WS_MESSAGE_TOO_LARGE',
    1009,
  ),
  violation(
    'more than the limit',
    [text('', { claimedLength: (16n << 20n) + 1n, lengthForm: 64 })],
    'ERR_WS_MESSAGE_TOO_LARGE',
    1009,
  ),
]

for (const [how, cut] of Object.entries(deliveries)) {
  describe(`framing, ${how}`, () => {
    const fitting = cases.filter((c) => how === 'whole' || !c.wholeOnly)
    it.each(fitting)('$name', async (c) => {
      const wire = Buffer.concat(c.wire)
      const got = await visit(serve(cut(wire)))
      expect(got.messages).toEqual(c.texts ?? [])
      expect(got.reason).toBe(c.reason ?? 'ERR_WS_CLOSED')
      expect(got.closeCode).toBe(c.closeCode ?? 1000)
    })
  })
}

describe('pongs', () => {
  it('carry the payload of their pings, in order', async () => {
    const payloads = ['', 'a', 'p'.repeat(125)]
    const pongs: string[] = []
    await visit(async (connection) => {
      await connection.accept()
      for (const payload of payloads) {
        await connection.write(ping(payload))
        await connection.frame((f) => f.opcode === Opcode.pong && f.payload.toString() === payload)
      }
      for (const f of connection.frames) {
        expect(f.masked).toBe(true)
        if (f.opcode === Opcode.pong) pongs.push(f.payload.toString())
      }
      await connection.write(end)
      await connection.closeCode()
      connection.end()
    })
    expect(pongs).toEqual(payloads)
  })
})

describe('limits', () => {
  it('refuses a fragmented message as soon as it exceeds maxMessage', async () => {
    const got = await visit(serve([open('a'.repeat(600)), more('b'.repeat(600), { fin: false })]), {
      limits: { maxMessage: 1000 },
    })
    expect(got).toMatchObject({ reason: 'ERR_WS_MESSAGE_TOO_LARGE', closeCode: 1009, messages: [] })
  })

  it('takes messages larger than the receive buffer', async () => {
    const big = 'x'.repeat(300_000)
    const got = await visit(serve([text(big), text('small'), end]), { recvBuffer: 65_536 })
    expect(got.messages).toEqual([big, 'small'])
  })

  it('refuses too many fragments', async () => {
    const got = await visit(serve([open('a'), ...Array.from({ length: 20 }, () => more('b', { fin: false }))]), {
      limits: { maxFragments: 10 },
    })
    expect(got).toMatchObject({ reason: 'ERR_WS_TOO_MANY_FRAGMENTS', closeCode: 1009 })
  })
})
