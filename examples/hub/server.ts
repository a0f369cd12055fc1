/**
 * Live quotes for a browser: a page over HTTP, its data from a hub.
 *
 *   node examples/hub/server.ts [--port 8080] [--hub-port 9000] [--rate 200]
 */
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { Hub } from 'tickwire'
import { fixed, Instrument, instruments } from '../venue/market.ts'
import { Random } from '../venue/random.ts'

const page = new URL('./index.html', import.meta.url)

export interface QuotesOptions {
  /** Of the page and of the hub; 0: any free one. */
  readonly port: number
  readonly hubPort: number
  /** Quotes per second. */
  readonly rate: number
}

export interface Quotes extends AsyncDisposable {
  /** Of the page. */
  readonly url: string
  readonly hub: Hub
}

async function listen(server: Server, port: number): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export async function startQuotes({ port, hubPort, rate }: QuotesOptions): Promise<Quotes> {
  const server = createServer()
  const url = await listen(server, port)
  // Only pages of ours may connect from a browser.
  const hub = await Hub.listen({
    ws: `ws://127.0.0.1:${hubPort}`,
    origins: [url, url.replace('127.0.0.1', 'localhost')],
  })
  const random = new Random(Date.now())
  const markets = instruments.map((spec) => new Instrument(spec, random))
  // Who subscribes later gets the newest quote first.
  const topics = new Map(markets.map((market) => [market, hub.topic(market.symbol, { retain: 'last' })]))

  const html = readFileSync(page, 'utf8').replace(
    '<html ',
    `<html data-hub="${hub.url}" data-symbols="${markets.map((market) => market.symbol).join(',')}" `,
  )
  server.on('request', (request, response) => {
    if (request.url !== '/') response.writeHead(404).end()
    else response.setHeader('Content-Type', 'text/html; charset=utf-8').end(html)
  })

  const timer = setInterval(() => {
    for (let left = rate / 50; random.unit() < left; left--) {
      const market = markets[random.below(markets.length)] as Instrument
      const { tickDecimals, lotDecimals } = market.spec
      market.step()
      topics.get(market)?.publish({
        symbol: market.symbol,
        bid: fixed(market.bid, tickDecimals, tickDecimals),
        bidSize: fixed(market.bidSize, lotDecimals, lotDecimals),
        ask: fixed(market.ask, tickDecimals, tickDecimals),
        askSize: fixed(market.askSize, lotDecimals, lotDecimals),
      })
    }
  }, 20)
  return {
    url,
    hub,
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer)
      await hub.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '8080' },
      'hub-port': { type: 'string', default: '9000' },
      rate: { type: 'string', default: '200' },
    },
  })
  const quotes = await startQuotes({
    port: Number(values.port),
    hubPort: Number(values['hub-port']),
    rate: Number(values.rate),
  })
  console.log(`open ${quotes.url}`)
}
