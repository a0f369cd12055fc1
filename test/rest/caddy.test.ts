/** Against caddy, whose HTTP/1.1 and HTTP/2 are Go's: another peer than nginx with other habits. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HttpClient, Rest } from '../../dist/esm/rest/index.js'
import { type CaddyServer, type CaddySite, startCaddy } from '../peers/caddy-server.ts'
import { localhostCertificates } from '../peers/certificates.ts'

const { authority, server } = localhostCertificates()
const config = `encode zstd gzip
header Content-Type application/json
respond /large "{\\"x\\":\\"${'y'.repeat(3_000)}\\"}"
respond "{\\"uri\\":\\"{uri}\\",\\"protocol\\":\\"{http.request.proto}\\"}"`
const sites: readonly CaddySite[] = [{ config }, { config, tls: server }]
const trusted = { tls: { ca: authority.cert } }

describe('caddy', () => {
  let caddy: CaddyServer
  beforeAll(async () => {
    caddy = await startCaddy(sites)
  }, 120_000)
  afterAll(() => caddy?.close())

  it.each([
    ['HTTP/1.1', 0, false, 'HTTP/1.1'],
    ['HTTP/1.1 over TLS', 1, false, 'HTTP/1.1'],
    ['HTTP/2', 1, true, 'HTTP/2.0'],
  ] as const)('answers over %s, many at once, compressed bodies included', async (_name, site, http2, protocol) => {
    const origin = `${site > 0 ? 'https' : 'http'}://localhost:${caddy.ports[site]}`
    await using http = new HttpClient({ origin, ...(site > 0 ? trusted : {}), http2, compress: true })
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => http.get(`/a?i=${i}`)))
    expect(answers.map((answer) => answer.json())).toEqual(
      Array.from({ length: 200 }, (_, i) => ({ uri: `/a?i=${i}`, protocol })),
    )
    const large = await http.get('/large')
    expect(large.headers.get('content-encoding')).toMatch(/^(zstd|gzip)$/)
    expect(large.json<{ x: string }>().x).toBe('y'.repeat(3_000))
    expect((await http.post('/a', { body: 'z'.repeat(1_000_000) })).status).toBe(200)
    expect((await http.get('/still')).status).toBe(200)
    expect(http.stats()).toMatchObject({ requests: 203, responses: 203, failures: 0 })
  })

  it('is ended under load and no request is lost: the other endpoint has them', async () => {
    const both = [await startCaddy([sites[1] as CaddySite]), await startCaddy([sites[1] as CaddySite])]
    await using rest = new Rest({
      endpoints: both.map(({ ports }) => `https://localhost:${ports[0]}`),
      http: trusted,
      balance: 'roundRobin',
    })
    let answered = 0
    let busy = true
    const lanes = Array.from({ length: 16 }, async () => {
      while (busy) {
        const { status } = await rest.get('/x')
        expect(status).toBe(200)
        answered++
      }
    })
    const more = async (): Promise<void> => {
      const from = answered
      while (answered < from + 500) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await more()
    await both[0]?.close()
    await more()
    busy = false
    await Promise.all(lanes)
    expect(rest.stats().failed).toBe(0)
    await both[1]?.close()
  })
})
