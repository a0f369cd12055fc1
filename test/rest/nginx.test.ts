/** Against nginx: what a production server does, and a matrix of TLS faults, each refused with its own error and before a request leaves. */
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HttpClient, type HttpClientOptions, HttpError, Rest } from '../../dist/esm/rest/index.js'
import { rejection } from '../e2e/waiting.ts'
import { createAuthority, localhostCertificates, selfSigned } from '../peers/certificates.ts'
import { type NginxServer, type NginxSite, startNginx } from '../peers/nginx-server.ts'

const { authority, server } = localhostCertificates()
const stranger = createAuthority('Another Authority')
const hosts = ['localhost', '127.0.0.1']
const hour = 3_600_000
const long = { commonName: 'localhost', hosts }
const past = { notBefore: new Date(Date.now() - 2 * hour), notAfter: new Date(Date.now() - hour) }
const future = { notBefore: new Date(Date.now() + hour), notAfter: new Date(Date.now() + 2 * hour) }

const location = `location / { default_type application/json; return 200 '{"uri":"$request_uri","protocol":"$server_protocol"}'; }`
const compressed = `location /large { gzip on; gzip_types application/json; gzip_min_length 1; default_type application/json; return 200 '{"x":"${'y'.repeat(3_000)}"}'; }`

interface Fault {
  readonly name: string
  readonly site: NginxSite
  readonly code: string
  readonly options?: Omit<HttpClientOptions, 'origin'>
}

const trusted = { tls: { ca: authority.cert } }

const faults: readonly Fault[] = [
  {
    name: 'an expired certificate',
    site: { config: location, tls: authority.issue({ ...long, ...past }) },
    code: 'ERR_TLS_CERT_EXPIRED',
  },
  {
    name: 'one that is not valid yet',
    site: { config: location, tls: authority.issue({ ...long, ...future }) },
    code: 'ERR_TLS_CERT_NOT_YET_VALID',
  },
  {
    name: 'one of another host',
    site: { config: location, tls: authority.issue({ commonName: 'x', hosts: ['other.example'] }) },
    code: 'ERR_TLS_HOSTNAME',
  },
  { name: 'a self-signed one', site: { config: location, tls: selfSigned(long) }, code: 'ERR_TLS_SELF_SIGNED' },
  {
    name: 'one of an unknown issuer',
    site: { config: location, tls: stranger.issue(long) },
    code: 'ERR_TLS_UNKNOWN_ISSUER',
  },
  {
    name: 'another key than the pinned one',
    site: { config: location, tls: server },
    code: 'ERR_TLS_PIN',
    options: { tls: { ca: authority.cert, pins: [stranger.spkiPin] } },
  },
  {
    name: 'TLS 1.1',
    site: { config: `${location} ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;`, tls: server },
    code: 'ERR_TLS_VERSION',
  },
  {
    name: 'TLS 1.2 where 1.3 is demanded',
    site: { config: `${location} ssl_protocols TLSv1.2;`, tls: server },
    code: 'ERR_TLS_VERSION',
    options: { tls: { ca: authority.cert, profile: 'production' } },
  },
]

describe('nginx', () => {
  let nginx: NginxServer
  const port = (i: number): number => nginx.ports[i] as number

  beforeAll(async () => {
    nginx = await startNginx([
      { config: `${location} ${compressed}` },
      { config: `${location} ${compressed} ssl_protocols TLSv1.2 TLSv1.3;`, tls: server },
      { config: `${location} ${compressed}`, tls: server, http2: true },
      { config: `${location} keepalive_requests 10;` },
      { config: `${location} keepalive_requests 10;`, tls: server, http2: true },
      ...faults.map(({ site }) => site),
    ])
  }, 120_000)
  afterAll(() => nginx?.close())

  it.each([
    ['HTTP/1.1', 0, '1.1'],
    ['HTTP/1.1 over TLS', 1, '1.1'],
    ['HTTP/2', 2, '2'],
  ] as const)(
    'answers over %s, compressed bodies and bodies that it does not read included',
    async (_name, site, version) => {
      const secure = site > 0
      const origin = `${secure ? 'https' : 'http'}://localhost:${port(site)}`
      await using http = new HttpClient({ origin, ...(secure ? trusted : {}), compress: true })
      const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => http.get(`/a?i=${i}`)))
      for (const [i, answer] of answers.entries()) {
        expect(answer.version).toBe(version)
        expect(answer.json<{ uri: string }>().uri).toBe(`/a?i=${i}`)
      }
      const large = await http.get('/large')
      expect(large.headers.get('content-encoding')).toBe('gzip')
      expect(large.json<{ x: string }>().x).toHaveLength(3_000)
      expect((await http.post('/a', { body: 'z'.repeat(100_000) })).status).toBe(200)
      // Larger than nginx takes: it answers before it has read, and says so.
      const refused = await http.post('/a', { body: 'z'.repeat(2_000_000) }).catch((error: HttpError) => error)
      if (refused instanceof HttpError) expect(refused.mayHaveExecuted).toBe(true)
      else expect([200, 413]).toContain(refused.status)
      expect((await http.get('/still')).status).toBe(200)
    },
  )

  it.each([
    ['HTTP/1.1', 3, 'http'],
    ['HTTP/2 (GOAWAY)', 4, 'https'],
  ] as const)('retires connections over %s without a request being lost', async (_name, site, scheme) => {
    await using rest = new Rest({
      endpoints: [`${scheme}://localhost:${port(site)}`],
      http: scheme === 'https' ? trusted : {},
    })
    let retired = 0
    rest.on('disconnect', () => retired++)
    for (let round = 0; round < 10; round++) {
      const answers = await Promise.all(Array.from({ length: 16 }, (_, i) => rest.get(`/${round}/${i}`)))
      expect(answers.every(({ status }) => status === 200)).toBe(true)
    }
    expect(retired).toBeGreaterThan(5)
    expect(rest.stats()).toMatchObject({ answered: 160, failed: 0 })
  })

  it.each(faults.map(({ name, code, options }, i) => [name, code, options, i] as const))(
    'TLS: %s is refused',
    async (_name, code, options = trusted, i) => {
      await using http = new HttpClient({ origin: `https://localhost:${port(5 + i)}`, ...options })
      const error = await rejection(http.post('/order', { body: 'x' }))
      expect(error).toBeInstanceOf(HttpError)
      expect(error).toMatchObject({ code, mayHaveExecuted: false })
    },
  )

  it('TLS: a key that is too weak is refused, in the certificate and in the chain above it', async () => {
    const weak = createAuthority('Weak Authority', 'rsa1024')
    for (const [ca, certificate] of [
      [authority, authority.issue({ ...long, key: 'rsa1024' })],
      [weak, weak.issue(long)],
    ] as const) {
      // nginx would not start with it; this one is told to make no demands.
      const lax = createServer({ ...certificate, ciphers: 'DEFAULT:@SECLEVEL=0' }, (_request, response) =>
        response.end(),
      )
      lax.listen(0, '127.0.0.1')
      await once(lax, 'listening')
      const { port } = lax.address() as AddressInfo
      await using http = new HttpClient({ origin: `https://localhost:${port}`, tls: { ca: ca.cert } })
      const error = await rejection(http.post('/order', { body: 'x' }))
      expect(error).toMatchObject({ code: 'ERR_TLS_VERIFY', mayHaveExecuted: false })
      expect(String(error)).toMatch(/too (weak|small)/)
      lax.close()
    }
  })

  it('TLS: the right pin and the production profile are accepted', async () => {
    const tls = { ca: authority.cert, pins: [server.spkiPin], profile: 'production' } as const
    await using http = new HttpClient({ origin: `https://localhost:${port(1)}`, tls })
    expect((await http.get('/')).status).toBe(200)
  })
})
