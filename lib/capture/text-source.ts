import type { FileHandle } from 'node:fs/promises'
import { CaptureError, toCaptureError } from './errors.js'
import type { CaptureReaderStats, CaptureSource } from './reader.js'
import type { CaptureRecord } from './record.js'

const chunkBytes = 65_536
const newline = 10
const maxSeconds = 9_223_372_035n

/** `URL <-> TIME`, `URL <- TIME: `, `URL -> TIME: `, `TIME: `. Latin-1, so that positions are those of the bytes. URL and time: 16 KiB at most. */
const head = /^(?:([^ ]+) (<->|<-|->) )?(\d{1,10})(?:\.(\d+))?(: )?/

/**
 * Lines of the text format, one event each: `URL <-> TIME` connection opened, `URL <- TIME: TEXT` sent, `TIME: TEXT` received on the
 * connection opened last, `URL -> TIME: BODY` REST answer. Times are Unix seconds. A line of any other form is an
 * error: half a capture would pass for a whole one.
 */
export class TextSource implements CaptureSource {
  readonly #file: FileHandle
  readonly #path: string
  readonly #maxLineBytes: number
  readonly #connections = new Map<string, number>()
  #opened = 0
  #lineNumber = 0

  constructor(file: FileHandle, path: string, maxLineBytes: number) {
    this.#file = file
    this.#path = path
    this.#maxLineBytes = maxLineBytes
  }

  unixOffsetNs(): bigint {
    return 0n
  }

  stats(): Omit<CaptureReaderStats, 'records'> {
    const nothing = { blocks: 0, damagedBlocks: 0, oversizedBlocks: 0, missingBlocks: 0, skippedBytes: 0 }
    return { ...nothing, truncated: false, ended: true }
  }

  async *read(): AsyncGenerator<CaptureRecord[]> {
    let pieces: Buffer[] = []
    let length = 0
    for await (const chunk of this.#chunks()) {
      const records: CaptureRecord[] = []
      let from = 0
      for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
        const part = chunk.subarray(from, end)
        this.#checkLength(length + part.length)
        this.#line(pieces.length === 0 ? part : Buffer.concat([...pieces, part]), records)
        pieces = []
        length = 0
        from = end + 1
      }
      if (from < chunk.length) {
        pieces.push(chunk.subarray(from))
        length += chunk.length - from
        this.#checkLength(length)
      }
      if (records.length > 0) yield records
    }
    const last: CaptureRecord[] = []
    if (length > 0) this.#line(Buffer.concat(pieces), last)
    if (last.length > 0) yield last
  }

  async *#chunks(): AsyncGenerator<Buffer> {
    for (let position = 0; ; ) {
      // New memory each time: records are views of it.
      const buffer = Buffer.allocUnsafeSlow(chunkBytes)
      let bytesRead: number
      try {
        bytesRead = (await this.#file.read(buffer, 0, chunkBytes, position)).bytesRead
      } catch (error) {
        throw toCaptureError(error, 'ERR_CAPTURE_READ', this.#path)
      }
      if (bytesRead === 0) return
      position += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  }

  #checkLength(length: number): void {
    if (length <= this.#maxLineBytes) return
    const where = `${this.#path}, line ${this.#lineNumber + 1}`
    throw new CaptureError('ERR_CAPTURE_TOO_LONG', `${where}: longer than ${this.#maxLineBytes} bytes`)
  }

  #line(line: Buffer, records: CaptureRecord[]): void {
    this.#lineNumber++
    if (line.length === 0 || (line.length === 1 && line[0] === 13)) return
    const record = this.#record(line)
    if (record !== null) {
      records.push(record)
      return
    }
    const where = `${this.#path}, line ${this.#lineNumber}`
    throw new CaptureError('ERR_CAPTURE_FORMAT', `${where} has no known form: ${line.toString('utf8', 0, 60)}`)
  }

  #record(line: Buffer): CaptureRecord | null {
    // A URL and a time; what is beyond is the message, of which nothing has to be matched.
    const match = head.exec(line.toString('latin1', 0, 16_384))
    if (match === null) return null
    const [whole, latinUrl, arrow, seconds = '', fraction = '', colon] = match
    if (BigInt(seconds) > maxSeconds) return null
    const timeNs = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'))
    const url = latinUrl === undefined ? '' : Buffer.from(latinUrl, 'latin1').toString()
    if (arrow === '<->') {
      const rest = line.toString('latin1', whole.length)
      return colon === undefined && (rest === '' || rest === '\r') ? this.#open(url, timeNs) : null
    }
    if (colon === undefined) return null
    const data = line.subarray(whole.length)
    if (arrow === '->') return { type: 'answer', timeNs, url, data }
    if (arrow === '<-') return { type: 'sent', timeNs, connection: this.#connection(url), binary: false, data }
    return { type: 'received', timeNs, connection: Math.max(0, this.#opened - 1), binary: false, data }
  }

  #open(url: string, timeNs: bigint): CaptureRecord {
    const connection = this.#opened++
    this.#connections.set(url, connection)
    return { type: 'open', timeNs, connection, url }
  }

  #connection(url: string): number {
    return this.#connections.get(url) ?? Math.max(0, this.#opened - 1)
  }
}
