import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exponential, Feed, FeedError, json, Loop, never, type StateChange } from 'tickwire'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { localhostCertificates } from '../peers/certificates.ts'
import { silent } from '../peers/misbehaviours.ts'
import { startRawServer } from '../peers/raw-server.ts'
import { startWsServer, type WsServer } from '../peers/ws-server.ts'
import { rejection, until, within } from './waiting.ts'

const program = fileURLToPath(new URL('./programs/lifecycle.ts', import.meta.url))
const decode = json({ n: json.number('/n') })
const { authority, server: certificate } = localhostCertificates()
const modes = ['park', 'spin', 'inline'] as const

interface Run {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

interface Child {
  readonly out: () => string
  readonly running: () => boolean
  readonly end: Promise<Run>
  kill(): void
}

function start(args: readonly string[], cwd?: string): Child {
  const child = spawn(process.execPath, [...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  let running = true
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString()
  })
  const end = new Promise<Run>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => {
      running = false
    })
    child.once('close', (code, signal) => resolve({ code, signal, out, err }))
  })
  return { out: () => out, running: () => running, end, kill: () => child.kill('SIGKILL') }
}

/** Rows without end for everybody who comes. */
function startStream(options: Parameters<typeof startWsServer>[0] = {}): Promise<WsServer> {
  return startWsServer({
    ...options,
    onConnection: (socket) => {
      let n = 0
      const pour = (): void => {
        if (socket.readyState !== socket.OPEN) return
        for (let k = 0; k < 200 && socket.bufferedAmount < 200_000; k++) socket.send(`{"n":${n++}}`)
        setImmediate(pour)
      }
      pour()
    },
  })
}

let plain: WsServer
let secure: WsServer
beforeAll(async () => {
  plain = await startStream()
  secure = await startStream({ tls: { ...certificate } })
})
afterAll(async () => {
  await plain.close()
  await secure.close()
})

function act(name: string, mode = 'park', server = plain): Child {
  const ca = Buffer.from(authority.cert).toString('base64')
  return start(['--expose-gc', program, name, server.url, mode, ca])
}

async function outcome(child: Child): Promise<Run> {
  try {
    return await within(child.end, 'the end of the process')
  } finally {
    child.kill()
  }
}

describe('a process', () => {
  it.each(modes)('ends by itself once its feed is closed (%s)', async (mode) => {
    expect(await outcome(act('close', mode))).toEqual({ code: 0, signal: null, out: 'closed\n', err: '' })
    expect(await outcome(act('close', mode, secure))).toMatchObject({ code: 0, err: '' })
    expect(await outcome(act('using', mode))).toEqual({ code: 0, signal: null, out: 'leaving\n', err: '' })
  })

  it.each(modes)('goes on while its feed is open (%s)', async (mode) => {
    for (const name of ['open', 'reref']) {
      const child = act(name, mode)
      await until(() => child.out().includes('open'), 'the feed is open')
      await new Promise((resolve) => setTimeout(resolve, 300))
      expect(child.running()).toBe(true)
      child.kill()
      await child.end
    }
  })

  it.each(modes)('may end while its feed is open, when it is told so by unref() (%s)', async (mode) => {
    expect(await outcome(act('unref', mode))).toEqual({ code: 0, signal: null, out: 'unref\n', err: '' })
  })

  it.each(modes)('is not kept by a loop, nor by a feed that was never opened (%s)', async (mode) => {
    expect(await outcome(act('idle', mode))).toEqual({ code: 0, signal: null, out: 'made\n', err: '' })
  })
})

describe('process.exit() in the middle of a stream', () => {
  const acts = ['exit', 'exitLater', 'exitEarly'] as const
  it.each(modes.flatMap((mode) => [false, true].map((tls) => [mode, tls ? 'wss' : 'ws'] as const)))(
    'ends with the given code and no crash (%s, %s)',
    async (mode, scheme) => {
      const server = scheme === 'wss' ? secure : plain
      for (let round = 0; round < 6; round++) {
        // Two at a time: enough to disturb each other, not enough to starve.
        const names = ['exit', acts[round % acts.length] as (typeof acts)[number]]
        const runs = await Promise.all(names.map((name) => outcome(act(name, mode, server))))
        for (const run of runs) expect(run, `round ${round}`).toEqual({ code: 7, signal: null, out: '', err: '' })
      }
    },
    120_000,
  )
})

describe('an exception in a listener', () => {
  it.each(modes)('reaches uncaughtException, and the stream goes on (%s)', async (mode) => {
    const { code, out, err } = await outcome(act('caught', mode))
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(JSON.parse(out)).toEqual({
      caught: ['mine 1', 'mine 2', 'mine 3', 'mine 4', 'mine 5'],
      whole: true,
      enough: true,
    })
  })

  it.each(modes)('ends a process that catches nothing, as any other does (%s)', async (mode) => {
    const { code, signal, err } = await outcome(act('uncaught', mode))
    expect({ code, signal }).toEqual({ code: 1, signal: null })
    expect(err).toContain('nobody catches this')
    expect(err).toContain('lifecycle.ts')
  })
})

describe('objects that nobody holds', () => {
  it.each(['park', 'inline'] as const)('are collected, with what they had of the system (%s)', async (mode) => {
    const { code, out, err } = await outcome(act('forget', mode))
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const { kept, before, after } = JSON.parse(out) as Record<string, { fds: number; threads: number }> & {
      kept: number
    }
    // Of 80; what the last round had in its hands may still be reachable.
    expect(kept).toBeLessThanOrEqual(4)
    expect(after?.fds).toBeLessThanOrEqual((before?.fds ?? 0) + 4)
    expect(after?.threads).toBeLessThanOrEqual((before?.threads ?? 0) + 4)
  })

  it('are not collected while they stream', async () => {
    const { code, out } = await outcome(act('keep'))
    expect(code).toBe(0)
    expect(JSON.parse(out)).toEqual({ goesOn: true })
  })
})

describe('the package', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tickwire-user-'))
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const use = (load: string): string => `${load}
    const feed = new Feed({ url: process.argv[2], decode: json({ n: json.number('/n') }) })
    feed.once('rows', (rows) => {
      console.log(rows.length > 0 && rows.toArray()[0].n === 0)
      feed.close()
    })
    feed.open()`

  beforeAll(() => {
    mkdirSync(join(directory, 'node_modules'))
    symlinkSync(root, join(directory, 'node_modules', 'tickwire'))
    writeFileSync(join(directory, 'user.cjs'), use("const { Feed, json } = require('tickwire')"))
    writeFileSync(join(directory, 'user.mjs'), use("import { Feed, json } from 'tickwire'"))
    writeFileSync(
      join(directory, 'both.mjs'),
      `import { createRequire } from 'node:module'
       import * as esm from 'tickwire'
       const cjs = createRequire(import.meta.url)('tickwire')
       console.log(JSON.stringify(Object.keys(esm).sort()) === JSON.stringify(Object.keys(cjs).sort()))
       console.log(typeof cjs.Feed, typeof esm.Feed)`,
    )
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  it.each(['user.cjs', 'user.mjs'])('is loaded and used by %s', async (file) => {
    const run = await outcome(start([join(directory, file), plain.url], directory))
    expect(run).toEqual({ code: 0, signal: null, out: 'true\n', err: '' })
  })

  it('gives the same names either way', async () => {
    const run = await outcome(start([join(directory, 'both.mjs')], directory))
    expect(run).toEqual({ code: 0, signal: null, out: 'true\nfunction function\n', err: '' })
  })
})

describe('close()', () => {
  it('may be called twice, and before and after everything', async () => {
    await using server = await startWsServer()
    const feed = new Feed({ url: server.url, decode })
    await feed.close()
    expect(feed.state).toBe('disconnected')
    const ends: (FeedError | null)[] = []
    feed.on('close', (error) => {
      ends.push(error)
    })
    await feed.open()
    const first = feed.close(3_000, 'done')
    expect(feed.close()).toBe(first)
    await first
    await feed.close()
    expect(ends).toEqual([null])
    await until(() => server.closeCodes.length === 1, 'the server has seen the end')
    expect(server.closeCodes).toEqual([3_000])
  })

  it('refuses codes and reasons that no close frame can have', async () => {
    await using server = await startWsServer()
    await using feed = new Feed({ url: server.url, decode })
    await feed.open()
    for (const code of [0, 999, 5_000, 1_000.5, Number.NaN]) {
      expect(await rejection(feed.close(code))).toBeInstanceOf(RangeError)
    }
    expect(await rejection(feed.close(1_000, 'ä'.repeat(62)))).toBeInstanceOf(RangeError)
    expect(feed.state).toBe('connected')
  })

  it('while it connects ends the attempt', async () => {
    await using server = await startRawServer(silent)
    const feed = new Feed({ url: server.url, decode })
    const opening = rejection(feed.open())
    await server.connection(0)
    await within(feed.close(), 'the end')
    expect(await opening).toMatchObject({ code: 'ERR_ABORTED' })
    expect(feed.state).toBe('disconnected')
  })

  it('while it waits to reconnect ends the waiting', async () => {
    await using server = await startWsServer()
    const reconnect = exponential({ first: 3_600_000, max: 3_600_000, immediate: false })
    const feed = new Feed({ url: server.url, decode, reconnect })
    await feed.open()
    ;(await server.connection(0)).terminate()
    await until(() => feed.state === 'reconnecting', 'it waits')
    await within(feed.close(), 'the end')
    expect(feed.state).toBe('disconnected')
  })

  it('waits no longer than it may for a server that does not answer', async () => {
    await using server = await startRawServer(async (connection) => {
      await connection.accept()
      await connection.closed
    })
    const feed = new Feed({ url: server.url, decode, timeouts: { close: 50 } })
    await feed.open()
    await within(feed.close(), 'the end', 5_000)
    expect(await server.connections[0]?.closeCode()).toBe(1_000)
  })

  it('of a loop closes its feeds, and the loop is of no use afterwards', async () => {
    await using server = await startWsServer()
    const loop = new Loop()
    const feeds = [1, 2, 3].map(() => new Feed({ url: server.url, decode, loop }))
    await Promise.all(feeds.map((feed) => feed.open()))
    await loop.close()
    await loop.close()
    expect(loop.closed).toBe(true)
    expect(feeds.map(({ state }) => state)).toEqual(['disconnected', 'disconnected', 'disconnected'])
    await until(() => server.closeCodes.length === 3, 'the server has seen the ends')
    expect(server.closeCodes).toEqual([1_000, 1_000, 1_000])
    expect(await rejection(feeds[0]?.open() as Promise<unknown>)).toMatchObject({ code: 'ERR_TICKWIRE_LOOP_CLOSED' })
  })

  it('at once (`using loop`) cuts its feeds', async () => {
    await using server = await startWsServer()
    const ends: unknown[] = []
    {
      using loop = new Loop()
      const feed = new Feed({ url: server.url, decode, loop })
      feed.on('error', () => {})
      feed.on('close', (error) => {
        ends.push(error)
      })
      await feed.open()
    }
    expect(ends).toMatchObject([{ code: 'ERR_ABORTED' }])
    await until(() => server.clients.size === 0, 'the server has seen the end')
  })
})

describe('an AbortSignal', () => {
  it('that is aborted already lets nothing begin', async () => {
    await using server = await startWsServer()
    const reason = new Error('why')
    const feed = new Feed({ url: server.url, decode, signal: AbortSignal.abort(reason) })
    const error = await rejection(feed.open())
    expect(error).toBeInstanceOf(FeedError)
    expect(error).toMatchObject({ code: 'ERR_ABORTED', phase: 'user', cause: reason })
    expect(server.requests).toEqual([])
  })

  it('ends an attempt', async () => {
    await using server = await startRawServer(silent)
    const controller = new AbortController()
    const feed = new Feed({ url: server.url, decode, signal: controller.signal })
    const ends: unknown[] = []
    feed.on('close', (error) => {
      ends.push(error)
    })
    const opening = rejection(feed.open())
    await server.connection(0)
    controller.abort()
    expect(await within(opening, 'the refusal')).toMatchObject({ code: 'ERR_ABORTED' })
    await until(() => ends.length === 1, 'the end')
    expect(ends).toMatchObject([{ code: 'ERR_ABORTED' }])
    expect(feed.state).toBe('disconnected')
  })

  it('cuts a feed that is open, without a farewell, and ends its iteration', async () => {
    await using server = await startStream()
    const controller = new AbortController()
    const feed = new Feed({ url: server.url, decode, signal: controller.signal })
    const errors: unknown[] = []
    const states: StateChange[] = []
    feed.on('error', (error) => errors.push(error))
    feed.on('state', (change) => {
      states.push(change)
    })
    const closed = new Promise((resolve) => feed.on('close', resolve))
    await feed.open()
    let batches = 0
    const iterating = (async () => {
      for await (const _ of feed) if (++batches === 3) controller.abort('enough')
    })()
    expect(await within(rejection(iterating), 'the end of the iteration')).toMatchObject({
      code: 'ERR_ABORTED',
      cause: 'enough',
    })
    expect(await within(closed, 'the end')).toMatchObject({ code: 'ERR_ABORTED', cause: 'enough' })
    // The user's own wish is no failure.
    expect(errors).toEqual([])
    expect(states.at(-1)).toMatchObject({ to: 'disconnected' })
    await until(() => server.closeCodes.length === 1, 'the server has seen the end')
    expect(server.closeCodes).toEqual([1_006])
    expect(await rejection(feed.open())).toMatchObject({ code: 'ERR_ABORTED' })
  })

  it('that is aborted after the end changes nothing', async () => {
    await using server = await startWsServer()
    const controller = new AbortController()
    const feed = new Feed({ url: server.url, decode, signal: controller.signal, reconnect: never() })
    const ends: unknown[] = []
    feed.on('close', (error) => {
      ends.push(error)
    })
    await feed.open()
    await feed.close()
    controller.abort()
    await new Promise(setImmediate)
    expect(ends).toEqual([null])
  })
})
