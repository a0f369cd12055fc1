/** Messages of private streams as the venues document them, through desks. */
import { afterEach, describe, expect, it } from 'vitest'
import { binance } from '../../dist/esm/venue/binance/index.js'
import type { BalanceUpdate, FillEvent, PositionUpdate } from '../../dist/esm/venue/index.js'
import { until } from '../e2e/waiting.ts'
import { cleanUp, onCleanUp } from '../rest/venue-server.ts'
import { ed25519, type Order, startExchange, wires } from './exchange.ts'
import { startDoor } from './private-door.ts'
import { common, limit, live, orderOf, type Scene } from './private-scene.ts'
import { binanceDoor } from './private-wires.ts'

afterEach(cleanUp)

describe('Binance', () => {
  it('an Ed25519 key logs on with every connection, and subscribes without parameters', async () => {
    const exchange = await startExchange(wires.binance())
    const door = await startDoor(exchange.book, binanceDoor)
    const privateKey = ed25519.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
    const desk = binance.trading({ ...common(exchange.origin, door.url), privateKey })
    onCleanUp(() => desk.close({ force: true }))
    const fills: FillEvent[] = []
    desk.on('fill', (fill) => fills.push(fill))
    await desk.open()
    const order = exchange.book.place({ client: 'c', symbol: 'X', side: 'BUY', price: '1', size: '1.00000' })
    exchange.book.fill(order, '0.50000')
    await until(() => fills.length === 1, 'the fill is heard')
    door.cut()
    await until(() => door.granted === 2, 'it logs on again')
  })

  // https://developers.binance.com/docs/binance-spot-api-docs/user-data-stream
  it('balances, order lists, and the end of a subscription', async () => {
    const { desk, door, states } = await live('binance')
    const balances: BalanceUpdate[] = []
    const others: unknown[] = []
    desk.on('balance', (balance) => balances.push(balance))
    desk.on('message', (message) => others.push(message))
    const say = (event: object): void => door.say({ subscriptionId: 0, event })
    say({
      e: 'outboundAccountPosition',
      E: 1564034571105,
      u: 1564034571073,
      B: [{ a: 'ETH', f: '10000.000000', l: '0.500000' }],
    })
    say({ e: 'balanceUpdate', E: 1573200697110, a: 'BTC', d: '100.00000000', T: 1573200697068 })
    say({ e: 'externalLockUpdate', E: 1581557507324, a: 'NEO', d: '10.00000000', T: 1581557507268 })
    say({ e: 'listStatus', E: 1564035303637, s: 'ETHBTC', g: 2, c: 'OCO', l: 'EXEC_STARTED', L: 'EXECUTING' })
    await until(() => others.length === 1, 'all are heard')
    expect(balances).toMatchObject([
      { asset: 'ETH', available: '10000.000000', locked: '0.500000', total: '10000.500000', timeMs: 1564034571073 },
      { asset: 'BTC', change: '100.00000000', total: null, timeMs: 1573200697068 },
      { asset: 'NEO', lockedChange: '10.00000000', total: null },
    ])
    expect(others).toMatchObject([{ event: { e: 'listStatus', g: 2 } }])
    say({ e: 'eventStreamTerminated', E: 1728973001334 })
    await until(() => states.some(({ to }) => to === 'blind'), 'it is blind')
    await until(() => desk.state === 'live', 'it has subscribed again')
    expect(door.granted).toBe(2)
  })
})

/** What a desk tells of everything but orders. */
function heard({ desk }: Scene) {
  const told = { balances: [] as BalanceUpdate[], positions: [] as PositionUpdate[], others: [] as unknown[] }
  desk.on('balance', (balance) => told.balances.push(balance))
  desk.on('position', (position) => told.positions.push(position))
  desk.on('message', (message) => told.others.push(message))
  return told
}

describe('Binance USD-M', () => {
  // https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams/Event-Balance-and-Position-Update
  it('balances and positions; another listen key when the last has expired', async () => {
    const made = await live('binanceUsdm')
    const { desk, door, exchange } = made
    const { balances, positions } = heard(made)
    const account = {
      m: 'ORDER',
      B: [
        { a: 'USDT', wb: '122624.12345678', cw: '100.12345678', bc: '50.12345678' },
        { a: 'BUSD', wb: '1.00000000', cw: '0.00000000', bc: '-49.12345678' },
      ],
      P: [
        {
          s: 'BTCUSDT',
          pa: '0',
          ep: '0.00000',
          bep: '0',
          cr: '200',
          up: '0',
          mt: 'isolated',
          iw: '0.00000000',
          ps: 'BOTH',
        },
        { s: 'BTCUSDT', pa: '-10', ep: '6563.86000', cr: '-45.04000000', up: '-1423.15600', ps: 'SHORT' },
      ],
    }
    door.say({ e: 'ACCOUNT_UPDATE', E: 1564745798939, T: 1564745798938, a: account })
    await until(() => positions.length === 2, 'both are told')
    expect(balances).toMatchObject([
      { asset: 'USDT', total: '122624.12345678', change: '50.12345678', timeMs: 1564745798938 },
      { asset: 'BUSD', total: '1.00000000', change: '-49.12345678' },
    ])
    expect(positions).toMatchObject([
      { symbol: 'BTCUSDT', side: 'none', size: '0', leg: 'net', entryPrice: null },
      {
        symbol: 'BTCUSDT',
        side: 'short',
        size: '10',
        leg: 'short',
        entryPrice: '6563.86000',
        unrealized: '-1423.15600',
      },
    ])
    exchange.book.listenKey = 'listen-key-1'
    door.say({ e: 'listenKeyExpired', E: 1699596037418, listenKey: 'listen-key-0' })
    await until(() => door.granted === 2 && desk.state === 'live', 'it hears by the other key')
    expect([...door.clients].map(({ url }) => url)).toEqual(['/private/ws/listen-key-1'])
  })
})

describe('Bybit', () => {
  // https://bybit-exchange.github.io/docs/v5/websocket/private/wallet, …/position, …/execution
  it('wallet, positions, executions; funding is no fill', async () => {
    const made = await live('bybit')
    const { door, fills } = made
    const { balances, positions, others } = heard(made)
    const coin = {
      coin: 'BTC',
      equity: '0.00102964',
      walletBalance: '0.00102964',
      locked: '0',
      spotHedgingQty: '0.01592413',
    }
    door.say({
      topic: 'wallet',
      id: 'x',
      creationTime: 1700034722104,
      data: [{ accountType: 'UNIFIED', coin: [coin] }],
    })
    const position = {
      positionIdx: 2,
      symbol: 'BTCUSDT',
      side: '',
      size: '0',
      entryPrice: '0',
      unrealisedPnl: '0',
      updatedTime: '1697682317038',
    }
    door.say({
      topic: 'position.linear',
      id: 'x',
      creationTime: 1697682317044,
      data: [position, { ...position, positionIdx: 0, side: 'Sell', size: '0.5' }],
    })
    const execution = {
      category: 'linear',
      symbol: 'BTCUSDT',
      execFee: '26.3725275',
      execId: '0ab1bdf7-4219-438b-b30a-32ec863018f7',
      execPrice: '95900.1',
      execQty: '0.5',
      execType: 'Trade',
      orderId: '9aac161b-8ed6-450d-9cab-c5cc67c21784',
      orderLinkId: '',
      side: 'Sell',
      execTime: '1746270400353',
      isMaker: false,
      seq: 140612148849382,
      feeCurrency: 'USDT',
    }
    door.say({
      topic: 'execution.linear',
      id: 'x',
      creationTime: 1746270400355,
      data: [execution, { ...execution, execType: 'Funding', execId: 'f' }],
    })
    await until(() => others.length === 1, 'all are told')
    expect(balances).toMatchObject([
      { asset: 'BTC', total: '0.00102964', locked: '0', available: null, timeMs: 1700034722104 },
    ])
    expect(positions).toMatchObject([
      { symbol: 'BTCUSDT', side: 'none', leg: 'short', timeMs: 1697682317038 },
      { symbol: 'BTCUSDT', side: 'short', size: '0.5', leg: 'net' },
    ])
    expect(fills).toMatchObject([
      {
        symbol: 'BTCUSDT',
        orderId: '9aac161b-8ed6-450d-9cab-c5cc67c21784',
        side: 'sell',
        tradeId: '0ab1bdf7-4219-438b-b30a-32ec863018f7',
        price: '95900.1',
        size: '0.5',
        fee: '26.3725275',
        feeAsset: 'USDT',
        liquidity: 'taker',
        timeMs: 1746270400353,
      },
    ])
    expect(others).toMatchObject([{ execType: 'Funding' }])
  })
})

describe('OKX', () => {
  // https://www.okx.com/docs-v5/en/#overview-websocket-connection-count-limit
  it('a subscription that is ended after it was confirmed is not heard: the desk says so, and tries again, later each time', async () => {
    const { desk, door, states, exchange } = await live('okx')
    const full = { event: 'channel-conn-count-error', channel: 'orders', connCount: '30', connId: 'c' }
    door.say(full)
    await until(() => desk.state === 'blind', 'it is blind')
    expect(states.at(-1)).toMatchObject({ error: { message: expect.stringContaining('ended a subscription') } })
    const { clientOrderId } = await desk.place(limit)
    exchange.book.cancel(orderOf(exchange, clientOrderId))
    await until(() => desk.state === 'live', 'it hears again')
    expect(desk.known({ clientOrderId })).toMatchObject({ status: 'canceled' })
    expect(door.granted).toBe(2)
    const before = performance.now()
    door.say(full)
    await until(() => door.granted === 3 && desk.state === 'live', 'it hears again')
    expect(performance.now() - before).toBeGreaterThan(1_900)
  })

  // https://www.okx.com/docs-v5/en/#trading-account-websocket-account-channel, #trading-account-websocket-positions-channel
  it('balances and positions; a notice that the connection ends', async () => {
    const made = await live('okx')
    const { desk, door } = made
    const { balances, positions } = heard(made)
    const details = [
      { ccy: 'USDT', cashBal: '91.3', availBal: '90.1', frozenBal: '1.2', eq: '91.3', uTime: '1705564213903' },
    ]
    door.say({ arg: { channel: 'account', uid: '1' }, data: [{ uTime: '1705564223311', details }] })
    const position = {
      instId: 'BTC-USDT-SWAP',
      posSide: 'net',
      pos: '-3',
      avgPx: '2566.31',
      upl: '-0.0009',
      uTime: '1631694338126',
    }
    door.say({
      arg: { channel: 'positions', instType: 'ANY', uid: '1' },
      data: [position, { ...position, posSide: 'long', pos: '0' }],
    })
    await until(() => positions.length === 2, 'all are told')
    expect(balances).toMatchObject([
      { asset: 'USDT', total: '91.3', available: '90.1', locked: '1.2', timeMs: 1705564213903 },
    ])
    expect(positions).toMatchObject([
      { symbol: 'BTC-USDT-SWAP', side: 'short', size: '3', entryPrice: '2566.31', unrealized: '-0.0009', leg: 'net' },
      { side: 'none', size: '0', leg: 'long' },
    ])
    door.say({
      event: 'notice',
      code: '64008',
      msg: 'The connection will soon be closed for a service upgrade.',
      connId: 'c',
    })
    await until(() => door.granted === 2 && desk.state === 'live', 'it has connected again')
  })
})

describe('Kraken', () => {
  // https://docs.kraken.com/api/docs/websocket-v2/balances, https://docs.kraken.com/api/docs/websocket-v2/executions
  it('balances with a snapshot; numbers keep their digits', async () => {
    const made = await live('kraken')
    const { door } = made
    const { balances } = heard(made)
    const wallets = [{ type: 'spot', id: 'main', balance: '#1.20' }]
    door.say({
      channel: 'balances',
      data: [{ asset: 'BTC', asset_class: 'currency', balance: '#1.20', wallets }],
      type: 'snapshot',
      sequence: 1,
    })
    const entry = {
      ledger_id: 'ADKKFF',
      timestamp: '2023-09-22T10:23:42.925034Z',
      type: 'deposit',
      asset: 'BTC',
      amount: '#1e-8',
      fee: '#0.0',
      balance: '#1.20000001',
    }
    door.say({ channel: 'balances', type: 'update', data: [entry], sequence: 2 })
    await until(() => balances.length === 2, 'both are told')
    expect(balances).toMatchObject([
      { asset: 'BTC', total: '1.20', change: null },
      { asset: 'BTC', total: '1.20000001', change: '0.00000001', timeMs: Date.UTC(2023, 8, 22, 10, 23, 42, 925) },
    ])
  })

  it('a number that is missing in the sequence makes it look', async () => {
    const { desk, exchange, door, fills, states } = await live('kraken')
    const { clientOrderId } = await desk.place({
      symbol: 'XBTUSD',
      side: 'buy',
      type: 'limit',
      price: '1',
      size: '1.00000',
    })
    const order = exchange.book.orders[0] as Order
    await until(() => desk.known({ clientOrderId })?.status === 'open', 'it is heard of')
    door.times = () => 0
    exchange.book.fill(order, '0.30000')
    door.times = () => 1
    for (const client of door.clients) client.sequence++
    exchange.book.fill(order, '0.20000')
    await until(() => fills.length === 2, 'what was missing is found')
    expect(fills.map(({ tradeId }) => tradeId).sort()).toEqual(['T1', 'T2'])
    expect(states.slice(-3).map(({ to }) => to)).toEqual(['blind', 'catchingUp', 'live'])
  })

  it('a token of its own for every connection that is not taken any more', async () => {
    const { desk, door, exchange } = await live('kraken')
    expect(exchange.book.tokens).toBe(1)
    // The venue has forgotten it.
    exchange.book.tokens = 7
    door.cut()
    await until(() => desk.state === 'live' && exchange.book.tokens === 8, 'it is subscribed by another')
  })
})

describe('Coinbase', () => {
  // https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels#user-channel
  it('a gap in the sequence makes it look; every subscription has a token of its own', async () => {
    const { desk, door, states } = await live('coinbase')
    const tokens = door.received.map((text) => (JSON.parse(text) as { jwt: string }).jwt)
    expect(tokens).toHaveLength(2)
    expect(new Set(tokens).size).toBe(2)
    // Answers to subscriptions are numbered as well: nothing was missing.
    expect(states.map(({ to }) => to)).toEqual(['connecting', 'catchingUp', 'live'])
    for (const client of door.clients) client.sequence += 3
    const events = [{ current_time: 't', heartbeat_counter: '3049' }]
    for (const client of door.clients) client.send({ channel: 'heartbeats', sequence_num: client.sequence++, events })
    await until(() => states.length === 6, 'it has looked')
    expect(states.slice(3)).toMatchObject([
      { to: 'blind', reason: 'messages are missing' },
      { to: 'catchingUp' },
      { to: 'live' },
    ])
    expect([desk.state, door.granted]).toEqual(['live', 2])
  })
})
