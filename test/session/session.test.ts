import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { inspect } from 'node:util'
import { Worker } from 'node:worker_threads'
import { exponential, never } from 'tickwire'
import { afterEach, describe, expect, it } from 'vitest'
import { binance, ClockOffset, Limiter, okx } from '../../dist/esm/policy/index.js'
import { slidingWindow, weighted } from '../../dist/esm/rest/index.js'
import { binanceSession, bybitSession, okxSession, RequestSession, SessionError } from '../../dist/esm/session/index.js'
import { BinanceAuth, BybitAuth, OkxAuth } from '../../dist/esm/sign/index.js'
import { rejection, until } from '../e2e/waiting.ts'
import { startWsServer } from '../peers/ws-server.ts'
import {
  type Arrived,
  apiKey,
  cleanUpSessions,
  secret,
  session,
  signedRightly,
  TradingServer,
} from './trading-server.ts'

afterEach(cleanUpSessions)

const auth = new BinanceAuth({ apiKey, secret })
const protocol = binanceSession({ auth })
const connection = { reconnect: exponential({ first: 5, max: 20, storm: { floor: 0 } }) }

describe('a session', () => {
  it('signs requests and matches answers by id, in whatever order they come', async () => {
    const waiting: (() => void)[] = []
    const server = await TradingServer.start(({ params }, reply) => {
      waiting.push(() => reply({ status: 200, result: { n: params['n'] } }))
      if (waiting.length === 50) for (const answer of waiting.splice(0).reverse()) answer()
    })
    const ws = session({ url: server.url, protocol })
    await ws.open()
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => ws.request('order.place', { symbol: 'BTCUSDT', price: 0.0000001, n })),
    )
    expect(answers.map(({ body }) => (body as { result: { n: number } }).result.n)).toEqual(answers.map((_, n) => n))
    expect(answers[0]).toMatchObject({ status: 200, epoch: 1 })
    expect(server.arrived.every(signedRightly)).toBe(true)
    // What JSON would write with an exponent is text, as it was signed.
    expect(server.arrived[0]?.params['price']).toBe('0.0000001')
    expect(new Set(server.arrived.map(({ id }) => id)).size).toBe(50)
    expect(ws.stats()).toMatchObject({
      ready: true,
      epoch: 1,
      requests: 50,
      answered: 50,
      failed: 0,
      inFlight: 0,
      late: 0,
    })
  })

  it('sends on the calling thread: what blocks JS right after does not hold the order back', async () => {
    const flag = new Int32Array(new SharedArrayBuffer(4))
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads')
       const server = new (require('ws').WebSocketServer)({ port: 0, host: '127.0.0.1' })
       server.on('listening', () => parentPort.postMessage(server.address().port))
       server.on('connection', (socket) => socket.on('message', () => {
         Atomics.store(workerData, 0, 1)
         Atomics.notify(workerData, 0)
       }))`,
      { eval: true, workerData: flag },
    )
    try {
      const [port] = (await once(worker, 'message')) as [number]
      const ws = session({ url: `ws://127.0.0.1:${port}`, protocol, connection: { reconnect: never() } })
      await ws.open()
      const lost = rejection(ws.request('order.place'))
      // Nothing of this thread's event loop runs in here.
      expect(Atomics.wait(flag, 0, 0, 10_000)).not.toBe('timed-out')
      await ws.close()
      expect(await lost).toMatchObject({ code: 'ERR_SESSION_LOST', mayHaveExecuted: true })
    } finally {
      await worker.terminate()
    }
  })

  it('refuses what cannot be sent now, and queues nothing', async () => {
    const server = await TradingServer.start()
    const ws = session({ url: server.url, protocol, connection, inFlight: 2 })
    expect(await rejection(ws.request('order.place'))).toMatchObject({ code: 'ERR_NOT_OPEN', mayHaveExecuted: false })
    await ws.open()
    server.serve = () => {}
    const held = [ws.request('a'), ws.request('b')]
    for (const one of held) one.catch(() => {})
    expect(await rejection(ws.request('c'))).toMatchObject({ code: 'ERR_SESSION_IN_FLIGHT', mayHaveExecuted: false })
    expect(await rejection(ws.request('d', {}, { signal: AbortSignal.abort() }))).toMatchObject({ code: 'ERR_ABORTED' })
    await ws.close()
    expect(await rejection(ws.request('e'))).toMatchObject({ code: 'ERR_NOT_OPEN' })
    expect(server.arrived.map(({ method }) => method)).toEqual(['a', 'b'])
    for (const one of held)
      expect(await rejection(one)).toMatchObject({ code: 'ERR_SESSION_LOST', mayHaveExecuted: true })
    expect(ws.stats().inFlight).toBe(0)
  })

  it('what was under way fails with its connection, and is never sent on the next', async () => {
    const server = await TradingServer.start(() => {})
    const ws = session({ url: server.url, protocol, connection })
    const epochs: string[] = []
    ws.on('ready', ({ epoch }) => epochs.push(`ready ${epoch}`))
    ws.on('lost', ({ epoch }) => epochs.push(`lost ${epoch}`))
    await ws.open()
    const lost = Array.from({ length: 20 }, (_, n) => rejection(ws.request('order.place', { n })))
    await until(() => server.arrived.length === 20, 'they have arrived')
    server.cut()
    for (const error of await Promise.all(lost)) {
      expect(error).toBeInstanceOf(SessionError)
      expect(error).toMatchObject({ code: 'ERR_SESSION_LOST', mayHaveExecuted: true, method: 'order.place' })
    }
    await until(() => ws.ready && ws.epoch === 2, 'it is ready again')
    server.serve = ({ params }, reply) => reply({ status: 200, result: params })
    expect(await ws.request('order.place', { n: 99 })).toMatchObject({ epoch: 2 })
    expect(server.arrived.map(({ connection: at, params }) => [at, params['n']]).slice(20)).toEqual([[1, 99]])
    expect(epochs).toEqual(['ready 1', 'lost 1', 'ready 2'])
  })

  it('what waits for limits when the connection is lost was not sent, and is not sent later', async () => {
    const server = await TradingServer.start()
    const limiter = new Limiter({ rules: [weighted({ name: 'w', meters: slidingWindow({ limit: 1, window: 300 }) })] })
    const ws = session({ url: server.url, protocol, connection, limiter })
    await ws.open()
    await ws.request('first')
    const second = rejection(ws.request('second'))
    server.cut()
    expect(await second).toMatchObject({ code: 'ERR_SESSION_LOST', mayHaveExecuted: false })
    await until(() => ws.ready && ws.epoch === 2, 'it is ready again')
    await ws.request('third')
    expect(server.arrived.map(({ method }) => method)).toEqual(['first', 'third'])
  })

  it('under cuts at any moment: each request ends, arrives at most once, and is answered on its own connection', async () => {
    const server = await TradingServer.start()
    let count = 0
    server.serve = (request, reply) => {
      if (++count % 23 === 0) request.socket.terminate()
      else reply({ status: 200, result: { n: request.params['n'], at: request.connection + 1 } })
      if (count % 37 === 0) setTimeout(() => request.socket.terminate(), 1)
    }
    const ws = session({ url: server.url, protocol, connection })
    await ws.open()
    let answered = 0
    let unknown = 0
    for (let n = 0; n < 1_500; n++) {
      if (!ws.ready) await until(() => ws.ready, 'it is ready again')
      const done = ws.request('order.place', { n }).then(
        ({ body, epoch }) => {
          expect((body as { result: unknown }).result).toEqual({ n, at: epoch })
          answered++
        },
        (error: SessionError) => {
          const times = server.arrived.filter(({ params }) => params['n'] === n).length
          expect(times).toBeLessThanOrEqual(error.mayHaveExecuted ? 1 : 0)
          if (error.mayHaveExecuted) unknown++
        },
      )
      if (n % 8 === 0) await done
    }
    await until(() => ws.stats().inFlight === 0, 'all have ended')
    expect(answered).toBeGreaterThan(1_000)
    expect(unknown).toBeGreaterThan(20)
    const seen = server.arrived.map(({ params }) => params['n'])
    expect(new Set(seen).size).toBe(seen.length)
  })

  it('gives up after its time, and counts what comes later', async () => {
    let late = (): void => {}
    const server = await TradingServer.start((_request, reply) => {
      late = () => reply({ status: 200 })
    })
    const ws = session({ url: server.url, protocol, connection, timeouts: { answer: 40 } })
    await ws.open()
    expect(await rejection(ws.request('order.place'))).toMatchObject({
      code: 'ERR_SESSION_TIMEOUT',
      mayHaveExecuted: true,
    })
    late()
    await until(() => ws.stats().late === 1, 'it has come')
    const stop = new AbortController()
    const aborted = rejection(ws.request('order.place', {}, { signal: stop.signal }))
    stop.abort()
    expect(await aborted).toMatchObject({ code: 'ERR_ABORTED' })
  })

  it('tells refusals apart, shuts the limiter when the venue wants silence, and learns levels', async () => {
    const server = await TradingServer.start()
    const limiter = new Limiter({ rules: binance.limits({ margin: 0 }) })
    const ws = session({ url: server.url, protocol, connection, limiter })
    await ws.open()
    const rateLimits = [{ rateLimitType: 'ORDERS', interval: 'SECOND', intervalNum: 10, limit: 50, count: 17 }]
    server.serve = (_request, reply) => reply({ status: 200, result: {}, rateLimits })
    await ws.request('order.place')
    expect(limiter.stats().meters.find(({ meter }) => meter === 'x-mbx-order-count-10s')?.used).toBe(17)
    for (const [error, code, mayHaveExecuted] of [
      [{ code: -2010, msg: 'Account has insufficient balance.' }, 'ERR_SESSION_REFUSED', false],
      [{ code: -2010, msg: 'Duplicate order sent.' }, 'ERR_SESSION_DUPLICATE', false],
      [{ code: -1007, msg: 'Timeout waiting for response.' }, 'ERR_SESSION_UNKNOWN', true],
      [{ code: -1021, msg: 'Timestamp ahead.' }, 'ERR_SESSION_SKEWED', false],
      [{ code: -1008, msg: 'Busy.' }, 'ERR_SESSION_RETRYABLE', false],
    ] as const) {
      server.serve = (_request, reply) => reply({ status: 400, error })
      expect(await rejection(ws.request('order.place'))).toMatchObject({
        code,
        mayHaveExecuted,
        venueCode: String(error.code),
      })
    }
    server.serve = (_request, reply) =>
      reply({ status: 418, error: { code: -1003, msg: `IP banned until ${Date.now() + 60_000}.` } })
    expect(await rejection(ws.request('order.place'))).toMatchObject({ code: 'ERR_SESSION_BANNED', status: 418 })
    const count = server.arrived.length
    expect(await rejection(ws.request('order.place', {}, { wait: 100 }))).toMatchObject({
      code: 'ERR_RATE_LIMIT_BLOCKED',
      mayHaveExecuted: false,
    })
    expect(server.arrived).toHaveLength(count)
  })

  it('hands over what answers nothing, and bears nonsense', async () => {
    const server = await TradingServer.start()
    const ws = session({ url: server.url, protocol, connection })
    const seen: unknown[] = []
    ws.on('message', (message) => seen.push(message))
    await ws.open()
    for (const text of [
      '{"event":"x"}',
      'pong',
      '[1]',
      'null',
      '{"id":1}',
      '{"status":"200","id":"a"}',
      '{"id":"nobody","status":200}',
    ]) {
      server.broadcast(text)
    }
    await until(() => ws.stats().late === 1, 'the last has come')
    expect(seen).toEqual([{ event: 'x' }, [1], null, { id: 1 }, { status: '200', id: 'a' }])
    expect(ws.stats().unread).toBe(1)
    expect(ws.ready).toBe(true)
  })
})

describe('a login', () => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const logon = binanceSession({ auth: new BinanceAuth({ apiKey, privateKey: pem }), logon: true })

  it('comes first on every connection, and nothing is sent before it is done', async () => {
    const server = await TradingServer.start()
    const ws = session({ url: server.url, protocol: logon, connection })
    let done = (): void => {}
    server.serve = ({ method }, reply) => {
      if (method === 'session.logon') done = () => reply({ status: 200, result: {} })
      else reply({ status: 200 })
    }
    const opened = ws.open()
    await until(() => server.arrived.length === 1, 'the login has come')
    expect(await rejection(ws.request('order.place'))).toMatchObject({ code: 'ERR_NOT_OPEN', mayHaveExecuted: false })
    done()
    await opened
    await ws.request('order.place', { a: 'b' })
    expect(server.arrived[1]?.params).toEqual({ a: 'b', recvWindow: 5_000, timestamp: expect.any(Number) })
    server.cut()
    await until(() => server.arrived.length === 3, 'the next login has come')
    expect(ws.ready).toBe(false)
    expect(await rejection(ws.request('order.place'))).toMatchObject({ code: 'ERR_NOT_OPEN' })
    done()
    await until(() => ws.ready, 'it is ready')
    await ws.request('order.place')
    expect(server.arrived.map(({ method, connection: at }) => `${at} ${method}`)).toEqual([
      '0 session.logon',
      '0 order.place',
      '1 session.logon',
      '1 order.place',
    ])
  })

  it('that is refused ends the session; the error shows no key', async () => {
    const server = await TradingServer.start((request, reply) =>
      reply({ status: 401, error: { code: -2015, msg: `Invalid ${JSON.stringify(request.params)}` } }),
    )
    const ws = session({ url: server.url, protocol: logon, connection })
    const closed: (Error | null)[] = []
    ws.on('close', (error) => closed.push(error))
    const error = (await rejection(ws.open())) as SessionError
    expect(error).toMatchObject({ code: 'ERR_SESSION_LOGIN', venueCode: '-2015', status: 401 })
    const { apiKey: key, signature } = (server.arrived[0] as Arrived).params
    for (const value of [key, signature]) {
      expect(String(value).length).toBeGreaterThan(8)
      for (const text of [
        inspect(error, { depth: 9, showHidden: true }),
        error.message,
        error.venueMessage,
        JSON.stringify(error),
      ]) {
        expect(text).not.toContain(String(value))
      }
    }
    await until(() => closed.length === 1, 'it has ended')
    expect(closed[0]).toBe(error)
    expect(server.connections).toBe(1)
  })

  it('that the venue is too busy for is tried again after a pause; one without an answer on another connection', async () => {
    const server = await TradingServer.start()
    let tries = 0
    server.serve = ({ method }, reply) => {
      if (method !== 'session.logon') return reply({ status: 200 })
      tries++
      if (tries === 1) return
      if (tries === 2) return reply({ status: 500, error: { code: -1000, msg: 'busy' } })
      return reply({ status: 200 })
    }
    const ws = session({ url: server.url, protocol: logon, connection, timeouts: { login: 60 } })
    const pauses: number[] = []
    ws.on('login', ({ retryMs }) => pauses.push(retryMs))
    await ws.open()
    expect(server.arrived.map(({ connection: at }) => at)).toEqual([0, 1, 1])
    expect(pauses).toEqual([0, 1_000])
  })
})

describe('the protocols of other venues', () => {
  it('Bybit: login, orders, limits in the header', async () => {
    const frames: Record<string, unknown>[] = []
    const server = await startWsServer({
      onConnection: (socket) => {
        socket.on('message', (data) => {
          const frame = JSON.parse(String(data)) as { op: string; reqId: string; args: unknown[] }
          frames.push(frame)
          if (frame.op === 'auth') socket.send('{"retCode":0,"retMsg":"OK","op":"auth","connId":"c"}')
          else {
            const header = { 'X-Bapi-Limit': '10', 'X-Bapi-Limit-Status': '9' }
            const retCode = frame.op === 'order.create' ? 0 : 110001
            socket.send(
              JSON.stringify({
                reqId: frame.reqId,
                retCode,
                retMsg: 'm',
                op: frame.op,
                data: { orderId: '1' },
                header,
              }),
            )
          }
        })
      },
    })
    const ws = session({ url: server.url, protocol: bybitSession({ auth: new BybitAuth({ apiKey, secret }) }) })
    await ws.open()
    const response = await ws.request('order.create', { symbol: 'BTCUSDT', qty: 10n })
    expect(response.body).toMatchObject({ retCode: 0, data: { orderId: '1' } })
    expect(await rejection(ws.request('order.cancel', { orderId: 'x' }))).toMatchObject({
      code: 'ERR_SESSION_REFUSED',
      venueCode: '110001',
    })
    expect(frames[0]).toMatchObject({
      op: 'auth',
      args: [apiKey, expect.any(Number), expect.stringMatching(/^[0-9a-f]{64}$/)],
    })
    expect(frames[1]).toMatchObject({
      op: 'order.create',
      args: [{ symbol: 'BTCUSDT', qty: '10' }],
      header: { 'X-BAPI-TIMESTAMP': expect.stringMatching(/^\d{13}$/), 'X-BAPI-RECV-WINDOW': '5000' },
    })
    await ws.close()
    await server.close()
  })

  it('OKX: login by event, a refusal inside the answer', async () => {
    const server = await startWsServer({
      onConnection: (socket, _request, n) => {
        socket.on('message', (data) => {
          const { op, id, args } = JSON.parse(String(data)) as {
            op: string
            id: string
            args: Record<string, string>[]
          }
          if (op === 'login')
            socket.send(
              n === 0
                ? '{"event":"login","code":"0","msg":"","connId":"c"}'
                : `{"event":"error","code":"60009","msg":"Login failed ${args[0]?.['passphrase']}"}`,
            )
          else if (args[0]?.['bad'])
            socket.send(
              JSON.stringify({ id, op, code: '1', msg: '', data: [{ sCode: '51008', sMsg: 'Insufficient' }] }),
            )
          else socket.send(JSON.stringify({ id, op, code: '0', msg: '', data: [{ ordId: '7', sCode: '0' }] }))
        })
      },
    })
    const make = (): RequestSession =>
      session({
        url: server.url,
        protocol: okxSession({ auth: new OkxAuth({ apiKey, secret, passphrase: 'Pass-phrase-1' }) }),
      })
    const ws = make()
    await ws.open()
    expect((await ws.request('order', { instId: 'BTC-USDT' })).body).toMatchObject({ data: [{ ordId: '7' }] })
    expect(await rejection(ws.request('order', { bad: 'yes' }))).toMatchObject({
      code: 'ERR_SESSION_REFUSED',
      venueCode: '51008',
    })
    const refused = (await rejection(make().open())) as SessionError
    expect(refused).toMatchObject({ code: 'ERR_SESSION_LOGIN', venueCode: '60009' })
    expect(inspect(refused, { depth: 9 })).not.toContain('Pass-phrase-1')
    expect(okx.classify).toBe(ws.protocol.classify)
    await ws.close()
    await server.close()
  })
})

describe('wrong options', () => {
  it.each([
    [{ url: 'ws://a', protocol: {} }, 'protocol'],
    [{ url: 'http://a', protocol }, 'url'],
    [{ url: 'ws://a', protocol, inFlight: 0 }, 'inFlight'],
    [{ url: 'ws://a', protocol, connection: { nonsense: 1 } }, 'nonsense'],
    [{ url: 'ws://a', protocol, timeouts: { answer: 0 } }, 'timeouts.answer'],
    [{ url: 'ws://a', protocol, clock: {} }, 'clock'],
    [{ url: 'ws://a', protocol, clock: new ClockOffset(), limiter: {} }, 'limiter'],
  ])('are named: %#', (options, field) => {
    expect(() => new RequestSession(options as never)).toThrow(new RegExp(field.replace('.', '\\.')))
  })
})
