import type { RequestListener } from 'node:http'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { exponential, RestError } from '../../dist/esm/rest/index.js'
import { redacted } from '../../dist/esm/rest/redaction.js'
import { answer, cleanUp, rest, VenueServer } from './venue-server.ts'

afterEach(cleanUp)

describe('redaction', () => {
  it('leaves no secret in any text, and keeps the text within its limit', () => {
    const secret = fc.string({ minLength: 4, maxLength: 20 }).filter((text) => !'[secret]'.includes(text))
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 4 }),
        fc.array(fc.string(), { maxLength: 5 }),
        fc.nat(3),
        (secrets, words, at) => {
          const text = [...words, secrets[at % secrets.length], ...secrets].join(' ')
          const clean = redacted(text, secrets, 200)
          expect(clean.length).toBeLessThanOrEqual(201)
          // What stands in place of a secret may complete another one's text only by chance of its own letters.
          for (const one of secrets) expect(clean.replaceAll('[secret]', '\0').includes(one)).toBe(false)
        },
      ),
    )
  })
})

/** What a server does with a request, before and after executing it. */
type Fate = 'ok' | 'cutBefore' | 'cutAfter' | 'errorBefore' | 'errorAfter' | 'refuse' | 'busy'

describe('requests under any series of fates', () => {
  it('an order without a look-up is executed at most once, and what is said of it is true', async () => {
    let fates: Fate[] = []
    const executed = new Map<string, number>()
    const handler: RequestListener = (request, response) => {
      const id = request.url ?? ''
      const execute = (): void => void executed.set(id, (executed.get(id) ?? 0) + 1)
      switch (fates.shift() ?? 'ok') {
        case 'ok':
          execute()
          return answer(200)(request, response)
        case 'cutBefore':
          return void request.socket.destroy()
        case 'cutAfter':
          execute()
          return void request.socket.destroy()
        case 'errorBefore':
          return answer(502)(request, response)
        case 'errorAfter':
          execute()
          return answer(504)(request, response)
        case 'refuse':
          return answer(400)(request, response)
        case 'busy':
          return answer(429, {}, { 'retry-after': '0' })(request, response)
      }
    }
    const server = await VenueServer.start(handler)
    const client = rest({
      endpoints: [server.origin],
      breaker: false,
      balance: { health: { failures: Number.POSITIVE_INFINITY } },
      retry: { backoff: exponential({ first: 0, max: 1, retries: 4 }), budget: false },
    })
    const fate = fc.constantFrom<Fate>('ok', 'cutBefore', 'cutAfter', 'errorBefore', 'errorAfter', 'refuse', 'busy')
    let run = 0
    await fc.assert(
      fc.asyncProperty(fc.array(fate, { maxLength: 6 }), async (series) => {
        fates = [...series]
        const id = `/order${run++}`
        const times = (): number => executed.get(id) ?? 0
        try {
          await client.post(id)
          expect(times()).toBe(1)
        } catch (error) {
          expect(error).toBeInstanceOf(RestError)
          expect(times()).toBeLessThanOrEqual(1)
          if (!(error as RestError).mayHaveExecuted) expect(times()).toBe(0)
        }
        // A query is answered unless it was refused, or all five attempts failed.
        fates = [...series]
        const got = await client.get(`/query${run}`).catch((error: RestError) => error)
        const first = series.slice(0, 5).find((one) => one === 'ok' || one === 'refuse')
        if (first === 'ok' || (first === undefined && series.length < 5)) expect(got).toMatchObject({ status: 200 })
        else expect(got).toBeInstanceOf(RestError)
      }),
      { numRuns: 150 },
    )
  })
})
