import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Hub, Loop } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { HubClient, refusal } from '../peers/hub-client.ts'
import { rejection, until, within } from './waiting.ts'

const program = new URL('./programs/hub-life.ts', import.meta.url)
const listen = (options: Partial<Parameters<typeof Hub.listen>[0]> = {}): Promise<Hub> =>
  Hub.listen({ ws: 'ws://127.0.0.1:0', ...options })

interface Run {
  readonly code: number | null
  readonly out: string
}

async function run(act: string): Promise<Run> {
  const child = spawn(process.execPath, [fileURLToPath(program), act], { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  const [code] = await within(once(child, 'close'), `the end of '${act}'`)
  return { code, out }
}

describe('closing', () => {
  it('sends what was published, says goodbye, and gives the port back', async () => {
    const hub = await listen()
    const clients = await Promise.all(Array.from({ length: 5 }, () => HubClient.connect(`${hub.url}/?topics=t`)))
    await until(() => hub.subscribers.size === 5, 'all are there')
    const gone: boolean[] = []
    let closed = 0
    hub.on('disconnect', ({ clean }) => gone.push(clean))
    hub.on('close', () => closed++)
    const texts = Array.from({ length: 2_000 }, (_, i) => `message ${i} ${'x'.repeat(100)}`)
    for (const each of texts) hub.publish('t', each)
    const closing = hub.close()
    expect(hub.close()).toBe(closing)
    expect(() => hub.publish('t', 'x')).toThrow(expect.objectContaining({ code: 'ERR_HUB_CLOSING' }))
    await within(closing, 'the end')
    await Promise.all(clients.map((client) => until(() => client.closed !== null, 'the client has ended')))
    for (const client of clients) {
      expect(client.messages).toEqual(texts)
      expect(client.closed?.code).toBe(1001)
    }
    expect(gone).toEqual([true, true, true, true, true])
    expect(closed).toBe(1)
    expect(hub.subscribers.size).toBe(0)
    expect(hub.stats()).toMatchObject({ published: 2_000, disconnected: 5, subscribers: 0 })
    await expect(HubClient.connect(hub.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await hub.close()
  })

  it('cuts whoever does not answer in time', async () => {
    const hub = await listen()
    await using client = await HubClient.connect(hub.url)
    await until(() => hub.subscribers.size === 1, 'it is there')
    client.socket.pause()
    const begun = performance.now()
    await hub.close({ graceMs: 50 })
    expect(performance.now() - begun).toBeGreaterThan(45)
    expect(hub.stats().subscribers).toBe(0)
    await expect(hub.close({ graceMs: -1 })).rejects.toThrow(RangeError)
  })

  it('of a listening hub with nobody there takes no time', async () => {
    const begun = performance.now()
    await (await listen({ threads: 3 })).close()
    expect(performance.now() - begun).toBeLessThan(2_000)
  })

  it('by `await using`, and by signal', async () => {
    const abort = new AbortController()
    let url = ''
    {
      await using hub = await listen()
      url = hub.url
    }
    await expect(HubClient.connect(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    const hub = await listen({ signal: abort.signal })
    await using client = await HubClient.connect(hub.url)
    const closed = new Promise<void>((resolve) => hub.on('close', () => resolve()))
    abort.abort()
    await within(closed, 'the close event')
    await until(() => client.closed !== null, 'the client has noticed')
    expect(await rejection(listen({ signal: abort.signal }))).toMatchObject({ code: 'ERR_ABORTED' })
  })

  it('after draining: nobody new, the others stay', async () => {
    await using hub = await listen()
    await using client = await HubClient.connect(`${hub.url}/?topics=t`)
    await until(() => hub.subscribers.size === 1, 'it is there')
    hub.drain()
    expect(await refusal(hub.url)).toBe(503)
    const health = await fetch(`${hub.url.replace('ws:', 'http:')}/healthz`)
    expect([health.status, await health.json()]).toEqual([503, { status: 'draining', subscribers: 1 }])
    hub.publish('t', 'still')
    await client.got('still')
  })
})

describe('a hub', () => {
  it('tells of an address that is taken, and of one that is none', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const error = await rejection(listen({ ws: ['ws://127.0.0.1:0', `ws://127.0.0.1:${port}`] }))
    expect(error).toMatchObject({ name: 'TickwireError', code: 'EADDRINUSE' })
    taken.close()
    expect(await rejection(listen({ ws: 'ws://203.0.113.1:0' }))).toMatchObject({ code: 'EADDRNOTAVAIL' })
  })

  it('shares a loop with others, and one without a thread', async () => {
    await using loop = new Loop({ mode: 'park' })
    await using one = await listen({ loop })
    await using two = await listen({ loop })
    await using inline = await listen({ loop: 'inline' })
    for (const hub of [one, two, inline]) {
      await using client = await HubClient.connect(`${hub.url}/?topics=t`)
      await until(() => hub.subscribers.size === 1, 'it is there')
      hub.publish('t', 'x')
      await client.got('x')
    }
    expect(await rejection(listen({ loop: 'inline', threads: 2 }))).toMatchObject({ name: 'ConfigError' })
  })

  it('survives subscribers that vanish in the middle', async () => {
    await using hub = await listen({ threads: 2 })
    const reasons = new Set<string | null>()
    hub.on('disconnect', ({ reason }) => reasons.add(reason))
    await using stays = await HubClient.connect(`${hub.url}/?topics=t`)
    let published = 0
    const publisher = setInterval(() => {
      for (let i = 0; i < 20; i++) hub.publish('t', `message ${published++}`)
    }, 1)
    try {
      for (let round = 0; round < 20; round++) {
        const clients = await Promise.all(Array.from({ length: 10 }, () => HubClient.connect(`${hub.url}/?topics=t`)))
        for (const client of clients) {
          if (round % 2 === 0) client.socket.terminate()
          else client.socket.close(1000)
        }
      }
      await until(() => hub.subscribers.size === 1, 'all but one have gone')
    } finally {
      clearInterval(publisher)
    }
    await stays.got(`message ${published - 1}`)
    const first = Number(stays.messages[0]?.toString().slice(8))
    expect(stays.messages).toEqual(Array.from({ length: published - first }, (_, i) => `message ${first + i}`))
    expect(hub.stats()).toMatchObject({ connected: 201, disconnected: 200, subscribers: 1, connections: 1 })
    expect(reasons).toContain('ERR_WS_CLOSED')
  })

  it.each([
    ['close', 0, 'received 1000\nclosed\n'],
    ['dispose', 0, 'received 1000\n'],
    ['unref', 0, 'received 1000\n'],
    ['exit', 3, 'received 1000\n'],
  ])("lets its process end: '%s'", async (act, code, out) => {
    expect(await run(act)).toEqual({ code, out })
  })

  it('runs in workers, and ends with them', async () => {
    const worker = new Worker(program, { workerData: 'close', execArgv: [] })
    const lines: string[] = []
    worker.on('message', (line) => lines.push(line))
    expect(await within(once(worker, 'exit'), 'the end of the worker')).toEqual([0])
    expect(lines).toEqual(['received 1000', 'closed'])

    const serving = new Worker(program, { workerData: 'serve', execArgv: [] })
    const [url] = await within(once(serving, 'message'), 'the address')
    await using client = await HubClient.connect(`${url}/?topics=t`)
    await client.has(10)
    await within(serving.terminate(), 'the worker to end')
    await until(() => client.closed !== null, 'the client has noticed')
  })

  it('that is killed leaves clients with an end', async () => {
    const child = spawn(process.execPath, [fileURLToPath(program), 'serve'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = await within(once(child.stdout, 'data'), 'the address')
    await using client = await HubClient.connect(`${line.toString().trim()}/?topics=t`)
    await client.has(10)
    child.kill('SIGKILL')
    await until(() => client.closed !== null, 'the client has noticed')
    expect(client.closed?.code).toBe(1006)
  })
})
