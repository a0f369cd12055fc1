import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import {
  CaptureError,
  type CaptureReaderStats,
  type CaptureRecord,
  CaptureWriter,
  type CaptureWriterOptions,
  openCapture,
} from 'tickwire/capture'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { crc32c } from '../../lib/capture/crc32c.ts'

const shared = new URL('../../../shared/captures/', import.meta.url)
const isThere = existsSync(shared)
const isDemanded = process.env['TICKWIRE_REQUIRE_CAPTURES'] === '1'

let directory = ''
let files = 0
const newPath = (): string => join(directory, `${files++}.capture`)

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tickwire-capture-'))
})
afterAll(async () => {
  await rm(directory, { recursive: true })
})

interface Read {
  readonly records: CaptureRecord[]
  readonly stats: CaptureReaderStats
}

async function readAll(path: string): Promise<Read> {
  await using reader = await openCapture(path)
  const records: CaptureRecord[] = []
  for await (const record of reader) records.push(plain(record))
  return { records, stats: reader.stats() }
}

/** With data of one class, so that it compares by its bytes alone. */
function plain(record: CaptureRecord): CaptureRecord {
  return 'data' in record ? { ...record, data: new Uint8Array(record.data) } : record
}

async function writeAll(records: readonly CaptureRecord[], options: CaptureWriterOptions = {}): Promise<string> {
  const path = newPath()
  await using writer = await CaptureWriter.create(path, options)
  for (const record of records) {
    if (writer.stats().waitingBytes >= 65_536) await writer.flush()
    expect(writer.write(record)).toBe(true)
  }
  return path
}

/** Blocks as one record each: what is lost to a fault is countable. */
async function writeBlocks(records: readonly CaptureRecord[], options: CaptureWriterOptions): Promise<string> {
  const path = newPath()
  await using writer = await CaptureWriter.create(path, options)
  for (const record of records) {
    writer.write(record)
    await writer.flush()
  }
  return path
}

const timeNs = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })
const connection = fc.integer({ min: 0, max: 0xffff_ffff })
const text = fc.string({ unit: 'binary', maxLength: 40 })
const data = fc.uint8Array({ maxLength: 300 })
const record: fc.Arbitrary<CaptureRecord> = fc.oneof(
  fc.record({ type: fc.constant('open' as const), timeNs, connection, url: text }),
  fc.record({
    type: fc.constant('close' as const),
    timeNs,
    connection,
    code: fc.integer({ min: 0, max: 0xffff }),
    reason: text,
  }),
  fc.record({
    type: fc.constantFrom('received' as const, 'sent' as const),
    timeNs,
    connection,
    binary: fc.boolean(),
    data,
  }),
  fc.record({ type: fc.constant('answer' as const), timeNs, url: text, data }),
  fc.record({
    type: fc.constant('lost' as const),
    timeNs,
    count: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  }),
)
const compression = fc.constantFrom('none' as const, 'deflate' as const, 'zstd' as const)
const options = { numRuns: 60 }

const message = (number: number, size = 10): CaptureRecord => ({
  type: 'received',
  timeNs: BigInt(number),
  connection: 0,
  binary: false,
  data: new Uint8Array(size).fill(number),
})

describe('what was written is read', () => {
  it('CRC-32C as RFC 3720 has it', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe306_9283)
    expect(crc32c(new Uint8Array(32))).toBe(0x8a91_36aa)
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8_ab43)
  })

  it('any records, in any blocks, however compressed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 60 }), compression, async (records, compression) => {
        const path = await writeAll(records, { compression, blockBytes: 1_024 })
        const { records: read, stats } = await readAll(path)
        expect(read).toEqual(records)
        const whole = { damagedBlocks: 0, missingBlocks: 0, skippedBytes: 0, truncated: false, ended: true }
        expect(stats).toMatchObject({ ...whole, records: records.length })
      }),
      options,
    )
  })

  it('a market stream takes a fifth of its bytes or less', async () => {
    const source = fileURLToPath(new URL('../../examples/captures/SIMULATED.ws.1.0', import.meta.url))
    const { records } = await readAll(source)
    const path = await writeAll(records)
    expect((await readAll(path)).records).toEqual(records)
    expect((await stat(path)).size).toBeLessThan((await stat(source)).size / 5)
  })
})

describe('damage', () => {
  it('a file cut anywhere gives its whole blocks, and says that it was cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { minLength: 1, maxLength: 12 }),
        compression,
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        async (records, compression, where) => {
          const path = await writeBlocks(records, { compression })
          const bytes = readFileSync(path)
          const cut = Math.floor(bytes.length * where)
          await writeFile(path, bytes.subarray(0, cut))
          const { records: read, stats } = await readAll(path)
          expect(read).toEqual(records.slice(0, read.length))
          expect(stats.ended).toBe(false)
          expect(stats).toMatchObject({ blocks: read.length, damagedBlocks: 0, missingBlocks: 0 })
          // Whatever is not one of the blocks is told, to the byte.
          const header = Math.min(24, cut)
          const whole = cut - stats.skippedBytes
          expect(whole === 0 || whole >= header).toBe(true)
          if (read.length < records.length && stats.skippedBytes > 0) expect(stats.truncated).toBe(true)
        },
      ),
      options,
    )
  })

  it('one bit turned anywhere costs one block at most, and is counted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { minLength: 1, maxLength: 12 }),
        compression,
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        fc.integer({ min: 0, max: 7 }),
        async (records, compression, where, bit) => {
          const path = await writeBlocks(records, { compression })
          const bytes = readFileSync(path)
          const at = Math.floor(bytes.length * where)
          bytes[at] = (bytes[at] as number) ^ (1 << bit)
          await writeFile(path, bytes)
          const { records: read, stats } = await readAll(path)
          const lost = records.length - read.length
          expect(lost === 0 || lost === 1).toBe(true)
          let first = 0
          while (first < read.length && sameRecord(read[first], records[first])) first++
          expect(read.slice(first)).toEqual(records.slice(first + lost))
          expect(stats.skippedBytes).toBeGreaterThan(0)
          if (lost === 1) expect(stats.damagedBlocks + stats.missingBlocks + Number(stats.truncated)).toBe(1)
          else expect(at < 24 || !stats.ended).toBe(true)
        },
      ),
      { numRuns: 200 },
    )
  })

  it('a capture within a capture does not come to light when the block around it is damaged', async () => {
    const inner = readFileSync(await writeBlocks([message(1), message(2)], { compression: 'none' }))
    const outer: CaptureRecord = { type: 'received', timeNs: 0n, connection: 0, binary: true, data: inner }
    const path = await writeBlocks([outer, message(3)], { compression: 'none' })
    const bytes = readFileSync(path)
    for (const at of [30, 24 + 48 + 3]) {
      const damaged = Buffer.from(bytes)
      damaged[at] = (damaged[at] as number) ^ 1
      await writeFile(path, damaged)
      const { records, stats } = await readAll(path)
      expect(records).toEqual([message(3)])
      expect(stats.damagedBlocks + stats.missingBlocks).toBe(1)
    }
  })

  it('no bytes whatever make the reader fail otherwise than with its own errors', async () => {
    const start = readFileSync(await writeAll([])).subarray(0, 24)
    const path = newPath()
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), fc.boolean(), async (bytes, headed) => {
        await writeFile(path, headed ? Buffer.concat([start, bytes]) : bytes)
        try {
          expect((await readAll(path)).stats.blocks).toBe(0)
        } catch (error) {
          expect(error).toBeInstanceOf(CaptureError)
        }
      }),
      options,
    )
  })
})

describe('the writer', () => {
  it('loses what its queue has no room for, and the file says where and how much', async () => {
    const path = newPath()
    const writer = await CaptureWriter.create(path, { queueBytes: 65_536, blockBytes: 32_768, compression: 'none' })
    const taken: number[] = []
    for (let i = 0; i < 100; i++) if (writer.write(message(i, 2_000))) taken.push(i)
    const { lost } = writer.stats()
    expect(lost).toBe(100 - taken.length)
    expect(lost).toBeGreaterThan(50)
    await writer.flush()
    expect(writer.write(message(200))).toBe(true)
    await writer.close()
    const { records } = await readAll(path)
    const expected = [...taken.map((i) => message(i, 2_000)), { type: 'lost', timeNs: 200n, count: lost }, message(200)]
    expect(records).toEqual(expected)
  })

  it('loses nothing when it is waited for, and the file tells of no loss', async () => {
    const records = Array.from({ length: 200 }, (_, i) => message(i, 2_000))
    const path = await writeAll(records, { queueBytes: 65_536, blockBytes: 32_768 })
    expect((await readAll(path)).records).toEqual(records)
  })

  it('writes a block that is not full after its interval', async () => {
    const path = newPath()
    await using writer = await CaptureWriter.create(path, { flushInterval: 5 })
    writer.write(message(1))
    await expect.poll(() => writer.stats().blocks).toBe(1)
    const { records, stats } = await readAll(path)
    expect(records).toEqual([message(1)])
    expect(stats).toMatchObject({ ended: false, truncated: false })
  })

  it('copies: what it was given may change at once', async () => {
    const path = newPath()
    await using writer = await CaptureWriter.create(path)
    const data = new Uint8Array([1, 2, 3])
    writer.write({ type: 'sent', timeNs: 1n, connection: 0, binary: true, data })
    data.fill(0)
    await writer.flush()
    expect((await readAll(path)).records).toMatchObject([{ data: new Uint8Array([1, 2, 3]) }])
  })

  it('refuses what the format cannot hold, and goes on', async () => {
    const path = newPath()
    const writer = await CaptureWriter.create(path, { maxRecordBytes: 1_024 })
    const code = (record: CaptureRecord): unknown => {
      try {
        return writer.write(record)
      } catch (error) {
        return (error as CaptureError).code
      }
    }
    expect(code({ ...message(1), timeNs: -1n })).toBe('ERR_CAPTURE_RECORD')
    expect(code({ ...message(1), timeNs: 2n ** 63n })).toBe('ERR_CAPTURE_RECORD')
    expect(code({ type: 'open', timeNs: 0n, connection: 1.5, url: '' })).toBe('ERR_CAPTURE_RECORD')
    expect(code({ type: 'open', timeNs: 0n, connection: 0, url: '\ud800' })).toBe('ERR_CAPTURE_RECORD')
    expect(code(message(1, 2_000))).toBe('ERR_CAPTURE_TOO_LONG')
    expect(code(message(2))).toBe(true)
    await writer.close()
    expect(code(message(3))).toBe('ERR_CAPTURE_CLOSED')
    expect((await readAll(path)).records).toEqual([message(2)])
  })

  it('paths that cannot be written, and files that are there already', async () => {
    const path = await writeAll([message(1)])
    await expect(CaptureWriter.create(path)).rejects.toMatchObject({ code: 'ERR_CAPTURE_OPEN' })
    await expect(CaptureWriter.create(directory)).rejects.toMatchObject({ code: 'ERR_CAPTURE_OPEN' })
    await expect(CaptureWriter.create(join(path, 'x'))).rejects.toMatchObject({ code: 'ERR_CAPTURE_OPEN' })
    await expect(openCapture(`${path}.none`)).rejects.toMatchObject({ code: 'ERR_CAPTURE_OPEN' })
    await expect(CaptureWriter.create(path, { blockBytes: 1 })).rejects.toMatchObject({ code: 'ERR_TICKWIRE_CONFIG' })
    expect((await readAll(path)).records).toEqual([message(1)])
  })

  it.skipIf(!existsSync('/dev/full'))('a full disk', async () => {
    const create = CaptureWriter.create('/dev/full', { overwrite: true })
    await expect(create).rejects.toMatchObject({ code: 'ERR_CAPTURE_NO_SPACE', cause: { code: 'ENOSPC' } })
  })

  it('a disk that fills up later: what was written before stays, what comes after is counted', async () => {
    const path = newPath()
    const writer = await CaptureWriter.create(path)
    writer.write(message(1))
    await writer.flush()
    const probe = await open(path)
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    const spy = vi.spyOn(Object.getPrototypeOf(probe) as typeof probe, 'write').mockRejectedValueOnce(full)
    try {
      expect(writer.write(message(2))).toBe(true)
      await expect(writer.flush()).rejects.toMatchObject({ code: 'ERR_CAPTURE_NO_SPACE', cause: full })
    } finally {
      spy.mockRestore()
      await probe.close()
    }
    expect(writer.write(message(3))).toBe(false)
    expect(writer.stats()).toMatchObject({ records: 2, lost: 1, blocks: 1 })
    expect(writer.error).toMatchObject({ code: 'ERR_CAPTURE_NO_SPACE' })
    await expect(writer.close()).rejects.toBe(writer.error)
    const { records, stats } = await readAll(path)
    expect(records).toEqual([message(1)])
    expect(stats.ended).toBe(false)
  })
})

describe('the reader', () => {
  it('ends by its signal, and is iterated over once', async () => {
    const path = await writeAll([message(1), message(2), message(3)])
    const controller = new AbortController()
    const reader = await openCapture(path, { signal: controller.signal })
    const read: CaptureRecord[] = []
    const iteration = (async () => {
      for await (const record of reader) {
        read.push(record)
        controller.abort(new Error('enough'))
      }
    })()
    await expect(iteration).rejects.toThrow('enough')
    expect(read.length).toBe(1)
    await expect(reader[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'ERR_CAPTURE_CLOSED' })
  })

  it('reads the largest record that a writer takes when it is told to', { timeout: 60_000 }, async () => {
    const large = message(1, 70 * 1_048_576)
    const path = await writeBlocks([large, message(2)], { compression: 'none', maxRecordBytes: 80 * 1_048_576 })
    await using reader = await openCapture(path)
    let bytes = 0
    let records = 0
    for await (const record of reader) {
      records++
      if (record.type === 'received') bytes += record.data.length
    }
    expect(records).toBe(2)
    expect(bytes).toBeGreaterThan(70 * 1_048_576)
    expect(reader.stats()).toMatchObject({ damagedBlocks: 0, missingBlocks: 0, ended: true })
  })

  it('skips blocks beyond its limit', async () => {
    const path = await writeBlocks([message(1, 3_000), message(2)], { compression: 'none' })
    await using reader = await openCapture(path, { maxBlockBytes: 1_024 })
    const read: CaptureRecord[] = []
    for await (const record of reader) read.push(plain(record))
    expect(read).toEqual([message(2)])
    expect(reader.stats()).toMatchObject({ damagedBlocks: 0, oversizedBlocks: 1, missingBlocks: 0, ended: true })
  })
})

describe('the text format', () => {
  it('every kind of line, times to the nanosecond, bytes as they are', async () => {
    const path = newPath()
    const lines =
      'wss://a/é <-> 1.5\r\nwss://a/é <- 2.000000001: {"a": 1}\n\n3: é: x <-> 4\nhttps://b/ -> 1633998512.0633569: []'
    await writeFile(path, lines)
    const { records } = await readAll(path)
    const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))
    expect(records).toEqual([
      { type: 'open', timeNs: 1_500_000_000n, connection: 0, url: 'wss://a/é' },
      { type: 'sent', timeNs: 2_000_000_001n, connection: 0, binary: false, data: bytes('{"a": 1}') },
      { type: 'received', timeNs: 3_000_000_000n, connection: 0, binary: false, data: bytes('é: x <-> 4') },
      { type: 'answer', timeNs: 1_633_998_512_063_356_900n, url: 'https://b/', data: bytes('[]') },
    ])
  })

  it('a line of no known form is an error that says which', async () => {
    const path = newPath()
    await writeFile(path, '1: a\n2 b\n')
    await expect(readAll(path)).rejects.toMatchObject({
      code: 'ERR_CAPTURE_FORMAT',
      message: expect.stringContaining('line 2'),
    })
    await writeFile(path, `1: ${'a'.repeat(200_000)}\n`)
    const reader = await openCapture(path, { maxLineBytes: 100_000 })
    await expect(reader[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'ERR_CAPTURE_TOO_LONG' })
    await writeFile(path, 'a picture, say')
    await expect(openCapture(path)).rejects.toMatchObject({ code: 'ERR_CAPTURE_FORMAT' })
  })

  const names = isThere ? readdirSync(shared).filter((name) => /\.(ws|http)\./.test(name)) : []
  it.skipIf(!isThere && !isDemanded)(
    `recordings of real markets, converted and read back${isThere ? '' : ' (skipped: no captures in ../shared/captures)'}`,
    async () => {
      expect(names.length).toBeGreaterThanOrEqual(8)
      for (const name of names) {
        const path = fileURLToPath(new URL(name, shared))
        const { records } = await readAll(path)
        const expected = linesOf(readFileSync(path, 'utf8'))
        const texts = (type: CaptureRecord['type']): string[] =>
          records.flatMap((each) => (each.type === type && 'data' in each ? [Buffer.from(each.data).toString()] : []))
        expect(texts('received')).toEqual(expected.received)
        expect(texts('sent')).toEqual(expected.sent)
        expect(texts('answer')).toEqual(expected.answers)
        const opened = records.flatMap((each) => (each.type === 'open' ? [each.url] : []))
        expect(opened).toEqual(expected.connections)
        expect((await readAll(await writeAll(records, { blockBytes: 4_096 }))).records).toEqual(records)
      }
    },
  )
})

function sameRecord(a: CaptureRecord | undefined, b: CaptureRecord | undefined): boolean {
  const shown = (each: CaptureRecord | undefined): string =>
    JSON.stringify(each, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
  return shown(a) === shown(b)
}

/** The text format by a reader of its own, as a reference. */
function linesOf(content: string) {
  const found = { received: [] as string[], sent: [] as string[], answers: [] as string[], connections: [] as string[] }
  for (const line of content.split('\n')) {
    const [, url = '', arrow, text = ''] = /^(?:(\S+) (<->|<-|->) )?[\d.]+(?:: (.*))?$/s.exec(line) ?? []
    if (line === '' || line === '\r') continue
    if (arrow === '<->') found.connections.push(url)
    else (arrow === '<-' ? found.sent : arrow === '->' ? found.answers : found.received).push(text)
  }
  return found
}
