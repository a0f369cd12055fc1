/** Answers decoded by a schema, against what `JSON.parse` makes of the same text. */
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { DecodeError, json } from 'tickwire'
import { sbe } from 'tickwire/sbe'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HttpClient, Rest } from '../../dist/esm/rest/index.js'
import { readCapture } from '../../examples/venue/capture.ts'
import { Bytes, message } from '../sbe/encode.ts'

const captures = new URL('../../../shared/captures/', import.meta.url)
const isThere = existsSync(captures)
const isDemanded = process.env['TICKWIRE_REQUIRE_CAPTURES'] === '1'

const depth = json({
  id: json.int64('/lastUpdateId'),
  bids: json.levels('/bids', { exact: true, max: 5_000 }),
  asks: json.levels('/asks', { exact: true, max: 5_000 }),
})
interface Depth {
  readonly lastUpdateId: number
  readonly bids: readonly (readonly [string, string])[]
  readonly asks: readonly (readonly [string, string])[]
}
const pairs = (levels: readonly { readonly price: unknown; readonly size: unknown }[]): string[][] =>
  levels.map(({ price, size }) => [String(price), String(size)])

describe('rows of an answer', () => {
  let server: Server
  let http: HttpClient
  let answer: Buffer | string = ''
  let coding: string | undefined
  const asked = async (body: Buffer | string): ReturnType<HttpClient['get']> => {
    answer = body
    return http.get('/')
  }
  beforeAll(async () => {
    server = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json')
      if (coding !== undefined) response.setHeader('content-encoding', coding)
      response.end(answer)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    http = new HttpClient({ origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  })
  afterAll(async () => {
    await http?.close()
    server?.close()
  })

  it('hold exact decimals and whole 64-bit integers, and the times of the answer', async () => {
    const text =
      '{"lastUpdateId":9223372036854775807,"bids":[["0.35210000","672.00000000"]],"asks":[],"more":{"x":[1,2]}}'
    const response = await asked(text)
    const [row, ...others] = response.rows(depth)
    expect(others).toEqual([])
    expect(row?.shape).toBe('row')
    expect(row?.id).toBe(9223372036854775807n)
    expect(pairs(row?.bids ?? [])).toEqual([['0.35210000', '672.00000000']])
    expect(row?.asks).toEqual([])
    expect(row?.rxTimeNs).toBe(response.times.receivedNs)
    expect(row?.kernelTimeNs).toBe(response.times.kernelNs ?? 0)
    // Values: the next answer changes nothing of them.
    await asked('{"lastUpdateId":1,"bids":[],"asks":[["2","3"]]}').then((next) => next.rows(depth))
    expect(pairs(row?.bids ?? [])).toEqual([['0.35210000', '672.00000000']])
  })

  it('are one for each element of an array, of a coded body too, by way of `Rest` as well', async () => {
    const symbols = json(
      {
        symbol: json.symbol('/symbol'),
        step: json.decimal('/step', { optional: true }),
        server: json.int64('/t', { from: 'root' }),
      },
      { each: '/symbols' },
    )
    const list = Array.from({ length: 3_000 }, (_, i) => ({
      symbol: `S${i}USDT`,
      ...(i % 3 === 0 ? {} : { step: `0.${'0'.repeat(i % 7)}1` }),
    }))
    const text = JSON.stringify({ t: 1_700_000_000_000, symbols: list })
    coding = 'gzip'
    answer = gzipSync(text)
    await using rest = new Rest({ endpoints: [http.origin] })
    for (const response of [await http.get('/'), await rest.get('/')]) {
      const rows = response.rows(symbols)
      expect(
        rows.map(({ symbol, step, server }) => [symbol, step === null ? undefined : String(step), server]),
      ).toEqual(list.map(({ symbol, step }) => [symbol, step, 1_700_000_000_000n]))
    }
    coding = undefined
  })

  it('are of the shape that the body says; what no shape wants gives none where that is to be ignored', async () => {
    const variants = { done: { id: json.int64('/id') }, failed: { why: json.text('/why') } }
    const strict = json.oneOf('/kind', variants)
    const lax = json.oneOf('/kind', variants, { otherwise: 'ignore' })
    const [done] = (await asked('{"kind":"done","id":7}')).rows(strict)
    expect(done).toMatchObject({ shape: 'done', id: 7n })
    const [failed] = (await asked('{"why":"no margin","kind":"failed"}')).rows(strict)
    expect(failed?.shape === 'failed' && failed.why).toBe('no margin')
    const other = await asked('{"kind":"other"}')
    expect(other.rows(lax)).toEqual([])
    expect(() => other.rows(strict)).toThrow(expect.objectContaining({ code: 'ERR_DECODE', why: 'unknownShape' }))
  })

  it.each([
    ['{"lastUpdateId":1,"bids":[', 'truncated', null, null],
    ['{"lastUpdateId":1,"bids":[],"asks":x}', 'syntax', null, null],
    ['{"bids":[],"asks":[]}', 'missing', 'row', 'id'],
    ['{"lastUpdateId":"one","bids":[],"asks":[]}', 'wrongType', 'row', 'id'],
    ['{"lastUpdateId":9223372036854775808,"bids":[],"asks":[]}', 'outOfRange', 'row', 'id'],
    ['{"lastUpdateId":1,"bids":[["1","x"]],"asks":[]}', 'wrongType', 'row', 'bids'],
    ['', 'truncated', null, null],
  ])('are refused for %s, by kind and field', async (text, why, shape, field) => {
    const response = await asked(text)
    let error: unknown
    try {
      response.rows(depth)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(DecodeError)
    expect(error).toMatchObject({ code: 'ERR_DECODE', why, shape, field })
    expect((await asked('{"lastUpdateId":2,"bids":[],"asks":[]}')).rows(depth)[0]?.id).toBe(2n)
  })

  it('come of SBE as well, a row for each entry of a group', async () => {
    const fills = sbe(readFileSync(new URL('../sbe/orders.xml', import.meta.url), 'utf8'), {
      message: 'Fills',
      name: 'fill',
      each: 'fills',
      fields: {
        symbol: sbe.symbol('symbol', { from: 'root' }),
        total: sbe.int64('total', { from: 'root' }),
        amount: sbe.decimal('amount'),
      },
    })
    const head = { schema: 91, version: 3, template: 2 }
    const block = new Bytes().i8(-2).i64(9223372036854775807n).done()
    const groups = new Bytes().u16(8).u8(2)
    for (const amount of [150, -5]) groups.u32(7).i32(amount).u16(2).u32(0).text8('me')
    const body = message(head, block, groups.u16(17).u32(0).text8('BTCUSDT').done())

    const response = await asked(body)
    const rows = response.rows(fills)
    expect(rows.map(({ shape, symbol, total, amount }) => [shape, symbol, total, String(amount)])).toEqual([
      ['fill', 'BTCUSDT', 9223372036854775807n, '1.50'],
      ['fill', 'BTCUSDT', 9223372036854775807n, '-0.05'],
    ])
    expect(rows[0]?.rxTimeNs).toBe(response.times.receivedNs)
    for (const [bytes, why] of [
      [body.subarray(0, -1), 'truncated'],
      [message({ ...head, schema: 1 }, block), 'wrongSchema'],
    ] as const) {
      const other = await asked(bytes)
      expect(() => other.rows(fills)).toThrow(expect.objectContaining({ code: 'ERR_DECODE', why }))
    }
  })

  it('equal what JSON.parse gives, whatever the numbers', async () => {
    const schema = json({
      n: json.number('/n'),
      b: json.bool('/b'),
      t: json.text('/t'),
      o: json.number('/o', { optional: true }),
    })
    const value = fc.record(
      {
        n: fc.double({ noNaN: true, noDefaultInfinity: true }),
        b: fc.boolean(),
        t: fc.string({ unit: 'grapheme', maxLength: 50 }),
        o: fc.option(fc.integer()),
      },
      { requiredKeys: ['n', 'b', 't'] },
    )
    await fc.assert(
      fc.asyncProperty(value, async (given) => {
        const text = JSON.stringify(given)
        const { n, b, t, o } = JSON.parse(text) as { n: number; b: boolean; t: string; o?: number | null }
        const [row] = (await asked(text)).rows(schema)
        expect(row).toMatchObject({ n: n === 0 ? expect.closeTo(0) : n, b, t, o: o ?? null })
      }),
      { numRuns: 300 },
    )
  })

  it.skipIf(!isThere && !isDemanded)(
    `of recorded snapshots${isThere ? '' : ': skipped, no captures in ../shared'} are what was sent`,
    async () => {
      let seen = 0
      for (const name of ['BINANCE', 'BINANCE_US', 'BINANCE_FUTURES']) {
        const { answers } = await readCapture(fileURLToPath(new URL(`${name}.http.0.0`, captures)))
        for (const { url, text } of answers) {
          if (!url.includes('/depth')) continue
          const parsed = JSON.parse(text) as Depth
          const [row] = (await asked(text)).rows(depth)
          expect(row?.id).toBe(BigInt(parsed.lastUpdateId))
          expect(pairs(row?.bids ?? [])).toEqual(parsed.bids)
          expect(pairs(row?.asks ?? [])).toEqual(parsed.asks)
          seen++
        }
      }
      expect(seen).toBeGreaterThan(0)
    },
  )
})
