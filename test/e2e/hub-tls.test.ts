import type { TLSSocket } from 'node:tls'
import { Feed, Hub, type HubTlsOptions, never, text } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { createAuthority, localhostCertificates } from '../peers/certificates.ts'
import { HubClient } from '../peers/hub-client.ts'
import { rejection, until, within } from './waiting.ts'

const { authority, server } = localhostCertificates()
const people = createAuthority('People')
const ca = authority.cert

const listen = (tls: Partial<HubTlsOptions> = {}, more: Partial<Parameters<typeof Hub.listen>[0]> = {}): Promise<Hub> =>
  Hub.listen({ ws: 'wss://localhost:0', tls: { cert: server.cert, key: server.key, ...tls }, ...more })

const urlOf = (hub: Hub): string => `wss://localhost:${hub.address()[0]?.port}/?topics=t`

describe('a hub over TLS', () => {
  it('serves ws clients and feeds, large messages and small ones', async () => {
    await using hub = await listen({}, { threads: 2 })
    await using client = await HubClient.connect(urlOf(hub), { ca })
    await using feed = new Feed({ url: urlOf(hub), decode: text(), tls: { ca } })
    const texts: string[] = []
    feed.on('message', ({ data }) => texts.push(data))
    await feed.open()
    await until(() => hub.subscribers.size === 2, 'both are there')
    const messages = Array.from({ length: 300 }, (_, i) => `${i} ${'x'.repeat(i === 150 ? 200_000 : (i % 7) * 500)}`)
    for (const message of messages) hub.publish('t', message)
    await Promise.all([client.has(300), until(() => texts.length === 300, 'the feed has them')])
    expect(client.messages).toEqual(messages)
    expect(texts).toEqual(messages)
    expect(hub.url).toMatch(/^wss:/)
    expect((await fetchStatus(hub)).trim()).toBe('{"status":"ok","subscribers":2}')
  })

  it('of the production profile speaks TLS 1.3 only', async () => {
    await using hub = await listen({ profile: 'production' })
    await using client = await HubClient.connect(urlOf(hub), { ca })
    expect((client.socket as unknown as { _socket: TLSSocket })._socket.getProtocol()).toBe('TLSv1.3')
    await expect(HubClient.connect(urlOf(hub), { ca, maxVersion: 'TLSv1.2' })).rejects.toThrow()
    await until(() => hub.stats().refusedBy.tls === 1, 'the failure is counted')
  })

  it('asks clients for certificates, and tells authorize who they are', async () => {
    const subjects: string[] = []
    await using hub = await listen(
      { clientCa: people.cert },
      {
        authorize: ({ tlsSubject, secure }) => {
          expect(secure).toBe(true)
          subjects.push(tlsSubject)
          return true
        },
      },
    )
    const alice = people.issue({ commonName: 'alice', use: 'client' })
    await using _ = await HubClient.connect(urlOf(hub), { ca, cert: alice.cert, key: alice.key })
    expect(subjects).toEqual(['CN=alice'])
    await using feed = new Feed({ url: urlOf(hub), decode: text(), tls: { ca }, reconnect: never() })
    await within(rejection(feed.open()), 'the failure without a certificate')
    expect(subjects).toHaveLength(1)
  })

  it('names what is wrong with certificates', async () => {
    expect(await rejection(listen({ key: localhostCertificates().authority.key }))).toMatchObject({
      code: 'ERR_TLS_CONFIG',
    })
    expect(await rejection(listen({ cert: 'no PEM' }))).toMatchObject({ name: 'ConfigError', message: /tls\.cert/ })
    const error = await rejection(Hub.listen({ ws: 'wss://localhost:0' }))
    expect(error).toMatchObject({ name: 'ConfigError', message: expect.stringContaining('tls') })
  })
})

/** The health check, by a client that trusts the authority. */
async function fetchStatus(hub: Hub): Promise<string> {
  const { get } = await import('node:https')
  return new Promise((resolve, reject) => {
    get({ host: 'localhost', port: hub.address()[0]?.port, path: '/healthz', ca }, (response) => {
      let body = ''
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => resolve(body))
    }).on('error', reject)
  })
}
