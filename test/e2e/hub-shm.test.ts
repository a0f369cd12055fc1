import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Hub, Quote, ShmReader, Trade } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { HubClient } from '../peers/hub-client.ts'
import { WireRecord } from '../peers/wire-client.ts'
import { ShmDirectory } from '../support/shm-directory.ts'
import { rejection, until, within } from './waiting.ts'

const program = fileURLToPath(new URL('./programs/hub-shm-reader.ts', import.meta.url))

/** What is there to be read, taken apart. */
function readAll(reader: ShmReader, record: WireRecord): void {
  reader.poll((message) => record.take(Buffer.from(message)))
}

describe("a hub's messages in shared memory", () => {
  it('are frames of the wire format, with the numbers that everybody else gets', async () => {
    using directory = new ShmDirectory()
    await using hub = await Hub.listen({
      ws: 'ws://127.0.0.1:0',
      shm: { name: 'ticks', directory: directory.path },
    })
    const reader = await ShmReader.open('ticks', { directory: directory.path, start: 'start' })
    await using client = await HubClient.connect(`${hub.url}/?topics=market`)
    await until(() => hub.subscribers.size === 1, 'the WebSocket client is there')
    hub.publish('market', Quote.message({ symbol: 'BTCUSDT', bid: '100.25', ask: '100.5', bidSize: 1, askSize: 2 }))
    hub.publish('market', { a: 1 })
    hub.publish('other', Buffer.from('bytes'))
    hub.publishAll('market', ['one', 'two'], { key: 'ETHUSDT' })
    const record = new WireRecord()
    readAll(reader, record)
    expect(record.messages).toEqual([
      'market 1 quote BTCUSDT 10025e-2 10050e-2 1 2 e-0',
      'market 2 raw 1 {"a":1}',
      'other 1 raw 3 bytes',
      'market 3 raw 2 one',
      'market 4 raw 2 two',
    ])
    await client.has(4)
    expect(hub.stats()).toMatchObject({ shmMessages: 5, shmUnwritten: 0 })
    // Who comes late knows all names from the table.
    const late = await ShmReader.open('ticks', { directory: directory.path })
    const known = new WireRecord()
    for (const entry of late.definitions()) known.take(Buffer.from(entry))
    hub.publish('other', Trade.message({ symbol: 'ETHUSDT', price: 1, size: 2 }))
    readAll(late, known)
    expect(known.messages).toEqual(['other 2 type 2 ETHUSDT'])
    late.close()
    reader.close()
  })

  it('reach another process, without any address', async () => {
    using directory = new ShmDirectory()
    const hub = await Hub.listen({ shm: { name: 'ticks', directory: directory.path, bytes: 65_536 } })
    expect([hub.url, hub.address()]).toEqual(['', []])
    const child = spawn(process.execPath, [program, 'ticks', directory.path, '100'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let out = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    for (let i = 0; i < 100; i++) hub.publish('t', `message ${i}`, { key: `key ${i % 3}` })
    const [code] = await within(once(child, 'close'), 'the end of the reader')
    expect(code).toBe(0)
    expect(JSON.parse(out)).toEqual([
      Array.from({ length: 100 }, (_, i) => `t ${i + 1} raw 2 message ${i}`),
      ['t'],
      ['key 0', 'key 1', 'key 2'],
    ])
    expect(directory.files).toHaveLength(1)
    await hub.close()
    expect(directory.files).toEqual([])
  })

  it('end with the hub, and are lost exactly when a reader is too slow', async () => {
    using directory = new ShmDirectory()
    const hub = await Hub.listen({ shm: { name: 'ticks', directory: directory.path, bytes: 65_536 } })
    const reader = await ShmReader.open('ticks', { directory: directory.path, start: 'start', resume: 'oldest' })
    const texts = Array.from({ length: 2_000 }, (_, i) => `${i} ${'x'.repeat(100)}`)
    hub.publishAll('t', texts)
    const record = new WireRecord()
    readAll(reader, record)
    // One record is the definition of the topic.
    expect(record.frames.length + reader.lost).toBe(2_001)
    expect(record.frames.at(-1)?.sequence).toBe(2_000n)
    const gone = new Promise<{ reason: string }>((resolve) => reader.on('writerGone', resolve))
    await hub.close()
    expect(await within(gone, 'the end is told')).toMatchObject({ reason: 'closed' })
    reader.close()
  })

  it('can be had by one hub at a time; what is wrong has a name', async () => {
    using directory = new ShmDirectory()
    const shm = { name: 'ticks', directory: directory.path }
    await using hub = await Hub.listen({ shm })
    hub.publish('t', 'x')
    expect(await rejection(Hub.listen({ shm }))).toMatchObject({ name: 'ShmError', code: 'ERR_SHM_WRITER_ACTIVE' })
    for (const wrong of ['', 'a/b', { name: 'x', bytes: 0 }, { name: 'x', mode: 0o700 }, { name: 'x', other: 1 }]) {
      expect(await rejection(Hub.listen({ shm: wrong }))).toMatchObject({ name: 'ConfigError', message: /shm/ })
    }
    const tooLong = Hub.listen({ shm: { ...shm, bytes: 65_536 }, limits: { maxMessage: 16_384 } })
    expect(await rejection(tooLong)).toMatchObject({ name: 'ConfigError', message: /shm\.bytes/ })
    await hub.close()
    await using next = await Hub.listen({ shm: { ...shm, bytes: 65_536 } })
    const longest = 'x'.repeat(65_536 / 4 - 128)
    expect(next.publish('t', longest)).toBe(true)
    expect(() => next.publish('t', `${longest}x`)).toThrow(
      expect.objectContaining({ code: 'ERR_HUB_MESSAGE_TOO_LARGE' }),
    )
    expect(next.stats()).toMatchObject({ shmMessages: 1, shmUnwritten: 0 })
  })

  it('that find no room in the table still reach those who are there, and are counted', async () => {
    using directory = new ShmDirectory()
    await using hub = await Hub.listen({ shm: { name: 'ticks', directory: directory.path, table: 0 } })
    const reader = await ShmReader.open('ticks', { directory: directory.path, start: 'start' })
    hub.publish('t', 'x', { key: 'K' })
    const record = new WireRecord()
    readAll(reader, record)
    expect(record.messages).toEqual(['t 1 raw 2 x'])
    expect(hub.stats().shmUnwritten).toBe(2)
    reader.close()
  })
})
