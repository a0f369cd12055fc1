import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytes, Feed, type FeedOptions, json, never, type Pong, type RawDecoder, text } from 'tickwire'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { localhostCertificates } from '../peers/certificates.ts'
import { type PythonServer, pythonServerUnavailable, startPythonServer } from '../peers/python-server.ts'
import { rejection, until, within } from './waiting.ts'

/** The same expectations against a server that shares no code with those of the other tests: python3-websockets. */

const unavailable = pythonServerUnavailable()
const patience = 60_000

interface Message {
  readonly data: Buffer
  readonly isBinary: boolean
}

/** Takes `count` messages from a path. */
async function take(
  url: string,
  count: number,
  options: Partial<FeedOptions<RawDecoder<Uint8Array>>> = {},
): Promise<{ messages: Message[]; feed: Feed<RawDecoder<Uint8Array>> }> {
  const feed = new Feed({ reconnect: never(), ...options, url, decode: bytes() })
  const messages: Message[] = []
  feed.on('message', (message) => {
    messages.push({ data: Buffer.from(message.copy()), isBinary: message.isBinary })
  })
  await within(feed.open(), 'the connection')
  await until(() => messages.length >= count, `${count} messages have come`)
  return { messages, feed }
}

describe.skipIf(unavailable !== null)(
  `python3-websockets${unavailable === null ? '' : ` (skipped: ${unavailable})`}`,
  { timeout: patience },
  () => {
    describe.each([
      ['plain', false, false],
      ['with permessage-deflate', true, false],
      ['over TLS', false, true],
      ['over TLS with permessage-deflate', true, true],
    ] as const)('%s', (_, deflate, secure) => {
      const directory = mkdtempSync(join(tmpdir(), 'tickwire-python-'))
      const { authority, server: certificate } = localhostCertificates()
      const common = { deflate, ...(secure ? { tls: { ca: authority.cert } } : {}) }
      let server: PythonServer

      beforeAll(async () => {
        const files = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') }
        writeFileSync(files.cert, certificate.cert)
        writeFileSync(files.key, certificate.key)
        server = await startPythonServer({ deflate, subprotocols: ['chat'], ...(secure ? files : {}) })
      }, patience)
      afterAll(async () => {
        await server?.close()
        rmSync(directory, { recursive: true, force: true })
      })

      it('agrees on what it is', async () => {
        await using feed = new Feed({ url: `${server.url}/stream?count=0`, decode: text(), ...common })
        const info = await feed.open()
        expect(info).toMatchObject({ deflate, subprotocol: '', port: server.port, address: '127.0.0.1' })
        expect(info.tlsVersion).toBe(secure ? 'TLSv1.3' : '')
      })

      it('streams rows', async () => {
        const count = 5_000
        const decode = json({ n: json.int64('/n'), pad: json.text('/pad') })
        await using feed = new Feed({ url: `${server.url}/stream?count=${count}&bytes=500`, decode, ...common })
        let next = 0n
        feed.on('rows', (rows) => {
          for (const row of rows) {
            if (row.n !== next || row.pad !== 'x'.repeat(500)) expect(row.toObject()).toMatchObject({ n: next })
            next += 1n
          }
        })
        await feed.open()
        await until(() => next === BigInt(count), 'all rows have come')
        expect(feed.stats()).toMatchObject({ messages: count, rows: count, malformed: 0, connects: 1 })
        if (deflate && !secure) expect(feed.stats().bytes).toBeLessThan(feed.stats().payloadBytes / 3)
      })

      it('fragments messages', async () => {
        const decode = json({ n: json.number('/n'), ok: json.bool('/ok') })
        await using feed = new Feed({ url: `${server.url}/fragments?count=500`, decode, ...common })
        const seen: number[] = []
        feed.on('rows', (rows) => {
          for (const row of rows) if (row.ok) seen.push(row.n)
        })
        await feed.open()
        await until(() => seen.length === 500, 'all rows have come')
        expect(seen).toEqual(Array.from({ length: 500 }, (_, i) => i))
      })

      it('sends binary messages', async () => {
        const { messages, feed } = await take(`${server.url}/binary?count=600`, 600, common)
        await feed.close()
        for (const [n, { data, isBinary }] of messages.entries()) {
          expect(isBinary).toBe(true)
          expect(data.equals(Buffer.alloc(n % 251, n % 256)), `message ${n}`).toBe(true)
        }
      })

      it('echoes what is sent', async () => {
        const sent: (string | Buffer)[] = ['', 'ä€😀', 'x'.repeat(200_000), Buffer.alloc(70_000, 9), Buffer.alloc(0)]
        for (let i = 0; i < 200; i++) sent.push(i % 2 === 0 ? `text ${i} `.repeat(i * 3) : Buffer.alloc(i * 7, i))
        const feed = new Feed({ url: `${server.url}/echo`, decode: bytes(), ...common })
        const echoed: Message[] = []
        feed.on('message', (message) => {
          echoed.push({ data: Buffer.from(message.copy()), isBinary: message.isBinary })
        })
        await feed.open()
        for (const message of sent) feed.send(message)
        await until(() => echoed.length === sent.length, 'everything has come back')
        await feed.close()
        for (const [i, { data, isBinary }] of echoed.entries()) {
          expect(isBinary).toBe(typeof sent[i] !== 'string')
          expect(data.equals(Buffer.from(sent[i] as string)), `message ${i}`).toBe(true)
        }
      })

      it.each([
        [1000, ''],
        [1001, 'going away'],
        [1011, 'ä'.repeat(60)],
        [3000, 'of a library'],
        [4999, 'of an application'],
      ])('closes with %d', async (code, reason) => {
        const url = `${server.url}/close?code=${code}&reason=${encodeURIComponent(reason)}`
        const feed = new Feed({ url, decode: text(), reconnect: never(), ...common })
        const closed = new Promise((resolve) => feed.on('close', resolve))
        feed.on('error', () => {})
        await feed.open()
        const error = await within(closed, 'the end')
        if (code === 1000) expect(error).toBeNull()
        else expect(error).toMatchObject({ code: 'ERR_WS_CLOSED', detail: code })
        if (reason !== '') expect(String(error)).toContain(reason)
      })

      it('gets its pings answered, and answers ours', async () => {
        const pongs: Pong[] = []
        const decode = json({ pongs: json.number('/pongs') })
        await using feed = new Feed({
          url: `${server.url}/ping?count=200`,
          decode,
          heartbeat: { ping: 20 },
          ...common,
        })
        let answered = 0
        feed.on('pong', (pong) => {
          pongs.push(pong)
        })
        feed.on('rows', (rows) => {
          for (const row of rows) answered = row.pongs
        })
        await feed.open()
        await until(() => answered === 200 && pongs.length >= 2, 'both sides are answered')
        expect(feed.stats().pings).toBe(200)
      })

      it('gets the headers as they were given', async () => {
        const headers = { 'X-Api-Key': 'k-123', authorization: 'Basic dTpw' }
        const { messages, feed } = await take(`${server.url}/headers`, 1, {
          ...common,
          headers,
          origin: 'https://app.example',
        })
        await feed.close()
        const got = JSON.parse(messages[0]?.data.toString() ?? '') as Record<string, string>
        expect(got).toMatchObject({
          'x-api-key': 'k-123',
          authorization: 'Basic dTpw',
          origin: 'https://app.example',
          host: `127.0.0.1:${server.port}`,
          upgrade: 'websocket',
          connection: 'Upgrade',
          'sec-websocket-version': '13',
        })
        expect(Buffer.from(got['sec-websocket-key'] ?? '', 'base64').length).toBe(16)
        expect('sec-websocket-extensions' in got).toBe(deflate)
      })

      it('agrees on a subprotocol', async () => {
        await using feed = new Feed({
          url: `${server.url}/stream?count=0`,
          decode: text(),
          subprotocols: ['other', 'chat'],
          ...common,
        })
        expect(await feed.open()).toMatchObject({ subprotocol: 'chat' })
      })
    })

    it('ends a connection whose pings go unanswered, and keeps ours', async () => {
      await using server = await startPythonServer({ pingInterval: 0.05, pingTimeout: 10 })
      await using feed = new Feed({ url: `${server.url}/stream?count=1`, decode: text() })
      await feed.open()
      await until(() => feed.stats().pings >= 5, 'five pings have come')
      expect(feed.state).toBe('connected')
      expect(feed.stats()).toMatchObject({ connects: 1, failures: 0 })
    })

    it('is told apart when it speaks no TLS', async () => {
      await using server = await startPythonServer()
      const feed = new Feed({ url: server.url.replace('ws:', 'wss:'), decode: text(), reconnect: never() })
      expect(await within(rejection(feed.open()), 'the failure')).toMatchObject({ phase: 'tls' })
    })
  },
)
