import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WireEncoder } from '../../lib/wire/encoder.js'
import { Quote, Raw, Trade } from '../../lib/wire/messages.js'
import { frameOf } from '../peers/wire-frames.js'
import { startWireServer, type WireServer } from '../peers/wire-server.js'
import { vectors } from './vectors.js'

const script = join(import.meta.dirname, '..', '..', 'examples', 'wire_client.py')
const hasPython = spawnSync('python3', ['--version']).status === 0

/** The golden frame of this name. */
function golden(name: string): Buffer {
  const found = [...vectors.messages, ...vectors.controls, vectors.masked].find((vector) => vector.name === name)
  if (found === undefined) throw new Error(`no vector ${name}`)
  return Buffer.from(found.frame, 'hex')
}

describe.skipIf(!hasPython)(`examples/wire_client.py${hasPython ? '' : ' (skipped: no python3)'}`, () => {
  let server: WireServer
  let python: ChildProcess
  let printed: Promise<string[]>

  beforeEach(async () => {
    server = await startWireServer()
    python = spawn('python3', [script, '127.0.0.1', String(server.port), 'market'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output: Buffer[] = []
    python.stdout?.on('data', (chunk: Buffer) => output.push(chunk))
    python.stderr?.on('data', (chunk: Buffer) => output.push(chunk))
    printed = new Promise((resolve) => {
      python.on('close', () => resolve(Buffer.concat(output).toString().split('\n').filter(Boolean)))
    })
  })
  afterEach(async () => {
    python.kill()
    await server.close()
  })

  const numbers = new Map(Object.entries(vectors.symbols))
  const encoder = new WireEncoder((symbol) => numbers.get(symbol) ?? 0)
  const quote = (sequence: number, flags = 0): Buffer => {
    const n = encoder.encode(Quote, {
      symbol: 'BTCUSDT',
      bid: `100.${String(sequence).padStart(2, '0')}`,
      ask: '200.00',
      bidSize: '1.50',
      askSize: sequence,
    })
    return frameOf({ domain: 1, type: 1, flags, source: 7, sequence }, encoder.bytes.subarray(0, n))
  }

  async function greeted() {
    const client = await server.client()
    const hello = await client.expect(10)
    expect(hello.fields[0]).toEqual([1, Buffer.of(1, 1)])
    const subscribe = await client.expect(12)
    expect(subscribe.fields.filter(([tag]) => tag === 2).map(([, name]) => name.toString())).toEqual(['market'])
    for (const name of ['Welcome', 'Topic', 'Symbol']) client.send(golden(name))
    return client
  }

  it('prints quotes and trades exactly, and nothing of what it need not know', async () => {
    const client = await greeted()
    for (const name of [
      'quote',
      "quote with the venue's stamps",
      'quote with one side',
      'quote beyond the compact form',
    ]) {
      client.send(golden(name))
    }
    client.send(golden('book delta')) // number 5
    const n = encoder.encode(Trade, { symbol: 'ETHUSDT', price: '2051.50', size: '0.001', side: 'sell', tradeId: 7 })
    client.send(frameOf({ domain: 1, type: 2, source: 7, sequence: 6 }, encoder.bytes.subarray(0, n)))
    client.send(golden('Bye'))
    client.end()
    expect(await printed).toEqual([
      'quote BTCUSDT 37251.90 31.21000000 37252.00 40.66000000',
      'quote ETHUSDT 2051.50 3.00 2051.55 0.25',
      'quote BTCUSDT none 0 0.000000000000000001 9223372036854775807',
      'quote BTCUSDT -5.00 -1 92233720368547758.07 281474976710656',
      'trade ETHUSDT 2051.50 0.001 sell 7',
      'end restart',
    ])
  })

  it('names what is missing, drops what is doubled, and takes snapshots', async () => {
    const client = await greeted()
    client.send(Buffer.concat([quote(1), quote(2), quote(2), quote(5), quote(3), quote(9, 1), quote(4, 1), quote(10)]))
    client.end()
    expect((await printed).map((line) => line.replace(/ 1\.50.*/, ''))).toEqual([
      'quote BTCUSDT 100.01',
      'quote BTCUSDT 100.02',
      'missing market 3 4',
      'quote BTCUSDT 100.05',
      'quote BTCUSDT 100.09',
      'quote BTCUSDT 100.04',
      'quote BTCUSDT 100.10',
    ])
  })

  it('finds its place again, byte by byte, and takes masks off', async () => {
    const client = await greeted()
    const damaged = quote(1)
    damaged[40] = (damaged[40] as number) ^ 1
    const long = quote(2)
    long[10] = 9 // a length that reaches far
    const stream = Buffer.concat([
      Buffer.from('TW junk TW'),
      damaged,
      quote(3),
      long,
      quote(4),
      quote(5).subarray(5),
      quote(6),
    ])
    for (let at = 0; at < stream.length; at += 7) {
      client.send(stream.subarray(at, at + 7))
      await new Promise((resolve) => setImmediate(resolve))
    }
    const content = encoder.encode(Raw, { content: Buffer.concat([quote(99), quote(98)]) })
    const key = Buffer.of(3, 5, 7, 11)
    const masked = Buffer.concat([
      encoder.bytes.subarray(0, content).map((byte, i) => byte ^ (key[i % 4] as number)),
      key,
    ])
    client.send(frameOf({ domain: 1, type: 21, flags: 32, source: 7, sequence: 7 }, masked))
    client.send(quote(8))
    client.end()
    expect((await printed).map((line) => line.replace(/ 1\.50.*/, ''))).toEqual([
      'missing market 1 2',
      'quote BTCUSDT 100.03',
      'quote BTCUSDT 100.04',
      'missing market 5 5',
      'quote BTCUSDT 100.06',
      'quote BTCUSDT 100.08',
    ])
  })
})
