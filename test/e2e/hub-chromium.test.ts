import type { Browser } from 'playwright-core'
import { Hub, Quote } from 'tickwire'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startQuotes } from '../../examples/hub/server.ts'
import { localhostCertificates } from '../peers/certificates.ts'
import { chromiumUnavailable, startChromium } from '../peers/chromium.ts'
import { openSocketPage, type SocketPage } from './browser-page.ts'
import { until } from './waiting.ts'

const { server: certificate } = localhostCertificates()
const why = chromiumUnavailable()
if (why !== null) console.warn(`no browser: ${why}`)

describe.skipIf(why !== null)('a hub and Chromium', () => {
  let browser: Browser
  let page: SocketPage
  beforeAll(async () => {
    browser = await startChromium([certificate.spkiPin])
    page = await openSocketPage(browser)
  }, 300_000)
  afterAll(async () => {
    await page?.[Symbol.asyncDispose]()
    await browser?.close()
  })

  const listen = (options: Partial<Parameters<typeof Hub.listen>[0]> = {}): Promise<Hub> =>
    Hub.listen({ ws: 'ws://127.0.0.1:0', ...options })

  it('gets text, JSON, bytes and typed messages as a browser has them', async () => {
    await using hub = await listen()
    expect(await page.connect('kinds', `${hub.url}/?topics=t`)).toEqual({ protocol: '', extensions: '' })
    await until(() => hub.subscribers.size === 1, 'the page is there')
    hub.publish('t', 'text: äöü €')
    hub.publish('t', { a: [1, 'two'] })
    hub.publish('t', Uint8Array.of(0, 127, 128, 255))
    hub.publish('t', Quote.message({ symbol: 'BTCUSDT', bid: '67412.35', ask: '67412.36' }))
    hub.publish('t', 'x'.repeat(70_000))
    const { messages } = await page.recordWhen('kinds', (r) => r.messages.length === 5, 'five messages came')
    expect(messages[0]).toBe('text: äöü €')
    expect(JSON.parse(messages[1] as string)).toEqual({ a: [1, 'two'] })
    expect(messages[2]).toEqual({ bytes: [0, 127, 128, 255] })
    expect(JSON.parse(messages[3] as string)).toMatchObject({ symbol: 'BTCUSDT' })
    expect(messages[4]).toBe('x'.repeat(70_000))
    await page.close('kinds', 1000, 'done')
    const { closed, errors } = await page.recordWhen('kinds', (r) => r.closed !== null, 'the page has left')
    expect(closed).toEqual({ code: 1000, reason: '', wasClean: true })
    expect(errors).toBe(0)
  })

  it('subscribes by request and is told when it ends', async () => {
    await using hub = await listen()
    await page.connect('asks', hub.url)
    await page.send('asks', '{"op":"subscribe","topics":["a","b"],"id":"s"}')
    await page.recordWhen('asks', (r) => r.messages.length === 1, 'the answer came')
    hub.publish('b', 'of b')
    hub.publish('c', 'of c')
    hub.publish('a', 'of a')
    const { messages } = await page.recordWhen('asks', (r) => r.messages.length === 3, 'both came')
    expect(JSON.parse(messages[0] as string)).toEqual({ op: 'subscribed', topics: ['a', 'b'], id: 's' })
    expect(messages.slice(1)).toEqual(['of b', 'of a'])
    const [subscriber] = hub.subscribers.values()
    subscriber?.close(4001, 'enough')
    const { closed } = await page.recordWhen('asks', (r) => r.closed !== null, 'it was shown the door')
    expect(closed).toEqual({ code: 4001, reason: 'enough', wasClean: true })
  })

  it.each([false, true])('inflates what is compressed (a context of its own: %s)', async (contextTakeover) => {
    await using hub = await listen({ deflate: { contextTakeover } })
    const name = `deflate ${contextTakeover}`
    const opened = await page.connect(name, `${hub.url}/?topics=t`)
    expect(opened?.extensions).toContain('permessage-deflate')
    await until(() => hub.subscribers.size === 1, 'the page is there')
    const sent = Array.from({ length: 50 }, (_, i) => `${i} `.repeat(200))
    for (const message of sent) hub.publish('t', message)
    const { messages } = await page.recordWhen(name, (r) => r.messages.length === 50, 'all came')
    expect(messages).toEqual(sent)
    const plain = sent.reduce((sum, message) => sum + message.length, 0)
    expect(hub.stats().bytes).toBeLessThan(plain / 5)
    await page.close(name)
  })

  it('over TLS, with the subprotocol of the wire format', async () => {
    await using hub = await listen({
      ws: 'wss://localhost:0',
      tls: { cert: certificate.cert, key: certificate.key },
    })
    const url = `wss://localhost:${hub.address()[0]?.port}/?topics=t`
    expect(await page.connect('wire', url, ['tickwire.v1'])).toMatchObject({ protocol: 'tickwire.v1' })
    await until(() => hub.subscribers.size === 1, 'the page is there')
    hub.publish('t', Quote.message({ symbol: 'A', bid: '1', ask: '2' }))
    // Welcome, topic, symbol, quote: each message begins with the magic of its frame.
    const { messages } = await page.recordWhen('wire', (r) => r.messages.length >= 4, 'frames came')
    for (const message of messages) expect((message as { bytes: number[] }).bytes.slice(0, 3)).toEqual([0x54, 0x57, 1])
    await page.close('wire')
  })

  it('is let in from the origins that were named, and from no other', async () => {
    await using own = await listen({ origins: [page.origin] })
    await using foreign = await listen({ origins: ['https://app.example'] })
    expect(await page.connect('own', own.url)).not.toBeNull()
    expect(await page.connect('foreign', foreign.url)).toBeNull()
    expect((await page.record('foreign')).closed).toMatchObject({ code: 1006, wasClean: false })
    await until(() => foreign.stats().refusedBy.origin === 1, 'it is counted')
    await page.close('own')
  })

  it('shows the example page with quotes that move', async () => {
    await using quotes = await startQuotes({ port: 0, hubPort: 0, rate: 200 })
    const view = await browser.newPage()
    const failures: string[] = []
    view.on('pageerror', (error) => failures.push(String(error)))
    view.on('console', (message) => {
      if (message.type() === 'error') failures.push(message.text())
    })
    await view.goto(quotes.url)
    const read = (): Promise<string> => view.evaluate<string>('document.querySelector("#rows").innerText')
    await view.waitForFunction('document.querySelector("#state").className === "open"', null, { timeout: 20_000 })
    const first = await read()
    await view.waitForFunction(`document.querySelector("#rows").innerText !== ${JSON.stringify(first)}`, null, {
      timeout: 20_000,
    })
    const shot = process.env['TICKWIRE_SCREENSHOT']
    if (shot) {
      await view.waitForTimeout(4000)
      await view.screenshot({ path: shot, fullPage: true })
    }
    expect(failures).toEqual([])
    await view.close()
  })
})
