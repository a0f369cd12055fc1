/** Keys, signatures and passphrases are searched for in everything that can be printed: errors, events, statistics, the objects themselves. */
import { generateKeyPairSync } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { binance, bybit, coinbase, kraken, okx } from '../../dist/esm/policy/index.js'
import { exponential, hmac, type Rest } from '../../dist/esm/rest/index.js'
import {
  type Auth,
  BinanceAuth,
  BybitAuth,
  CoinbaseAuth,
  KrakenAuth,
  OkxAuth,
  Secret,
} from '../../dist/esm/sign/index.js'
import { answer, cleanUp, cut, hang, rest, VenueServer } from './venue-server.ts'

afterEach(cleanUp)

const apiKey = 'ApiKey-4f9d2c7b1e'
const secret = Buffer.from('TopSecret-81c0aa37').toString('base64')
const passphrase = 'Passphrase-5577'
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string

const auths: Readonly<Record<string, () => Auth>> = {
  binance: () => new BinanceAuth({ apiKey, secret }),
  bybit: () => new BybitAuth({ apiKey, secret: new Secret(secret) }),
  okx: () => new OkxAuth({ apiKey, secret, passphrase }),
  kraken: () => new KrakenAuth({ apiKey, secret }),
  coinbase: () => new CoinbaseAuth({ keyName: apiKey, privateKey: pem }),
  hmac: () =>
    hmac({
      apiKey,
      secret,
      key: { header: 'X-Key' },
      signature: { query: 'sig' },
      headers: { 'X-Pass': passphrase },
      message: ({ query }) => query,
    }),
}
const venues = { binance, bybit, okx, kraken, coinbase, hmac: binance } as const

/** All forms in which a value may get into a log. */
function printed(value: unknown): string {
  const parts = [inspect(value, { depth: 20, showHidden: true, getters: true }), String(value)]
  try {
    parts.push(JSON.stringify(value))
  } catch {
    // Cannot be printed like that.
  }
  if (value instanceof Error)
    parts.push(value.stack ?? '', value.message, printed(value.cause), JSON.stringify({ ...value }))
  return parts.join('\n')
}

describe.each(Object.keys(auths))('what %s signs with', (name) => {
  it('appears nowhere', async () => {
    const sent = new Set<string>([apiKey, secret, passphrase, pem.slice(40, 80)])
    const auth = auths[name]?.() as Auth
    // Repeats everything that it was told, as some gateways do.
    const parrot: RequestListener = (request, response) => {
      const url = new URL(request.url ?? '', 'http://x')
      for (const header of auth.secretHeaders) if (request.headers[header]) sent.add(String(request.headers[header]))
      for (const param of auth.secretParams)
        if (url.searchParams.has(param)) sent.add(url.searchParams.get(param) as string)
      const said = `invalid: ${request.url} ${JSON.stringify(request.headers)}`
      const body = { code: -2014, msg: said, retCode: 10003, retMsg: said, error: [`EAPI:${said}`], message: said }
      answer(url.pathname === '/bad' ? 400 : 401, body)(request, response)
    }
    const handlers: [string, RequestListener][] = [
      ['/bad', parrot],
      ['/worse', parrot],
      ['/cut', cut],
      ['/hang', hang],
      ['/error', answer(500)],
      ['/busy', answer(429, {}, { 'retry-after': '100' })],
    ]
    const log: string[] = []
    for (const [path, handler] of handlers) {
      const server = await VenueServer.start((request, response) => {
        for (const header of auth.secretHeaders) if (request.headers[header]) sent.add(String(request.headers[header]))
        handler(request, response)
      })
      const client: Rest = rest({
        endpoints: [server.origin],
        auth,
        venue: venues[name as keyof typeof venues],
        limits: [],
        retry: {
          backoff: exponential({ first: 1, max: 2, retries: 1 }),
          lookups: 2,
          settle: 5,
          visibleAfter: 0,
          // One venue asks for 100 s of silence, also before an order is looked up.
          certainty: 2_000,
        },
        lookup: async ({ ask }) => ({ found: await ask('GET', '/lookup') }),
        http: { timeouts: { head: 50 }, headers: { authorization: 'Bearer Token-9931' } },
      })
      for (const event of ['retry', 'breaker', 'health', 'blocked', 'connect', 'disconnect'] as const) {
        client.on(event, (value: unknown) => log.push(printed(value)))
      }
      const form = { note: 'x' }
      const results = await Promise.allSettled([
        client.get(path, { query: { a: 1 } }),
        client.post(path, { form, idempotencyKey: 'id1', headers: { cookie: 'Cookie-7788' } }),
      ])
      for (const result of results) log.push(printed(result.status === 'rejected' ? result.reason : result.value))
      log.push(printed(client), printed(client.stats()), printed(client.auth))
    }
    expect(log.join('\n')).toContain('RestError')
    const text = log.join('\n')
    for (const value of [...sent, 'Token-9931', 'Cookie-7788']) {
      expect(value.length).toBeGreaterThan(8)
      expect(text.includes(value), `${value.slice(0, 6)}… is printed`).toBe(false)
      expect(text.includes(encodeURIComponent(value)), `${value.slice(0, 6)}… is printed encoded`).toBe(false)
    }
    // There was something to hide.
    expect(sent.size).toBeGreaterThan(4)
  })
})
