/** Desks with a venue in small behind them, its HTTP and its WebSocket door. */
import { expect } from 'vitest'
import { exponential } from '../../dist/esm/rest/index.js'
import { binance, binanceUsdm } from '../../dist/esm/venue/binance/index.js'
import { bybit } from '../../dist/esm/venue/bybit/index.js'
import { coinbase } from '../../dist/esm/venue/coinbase/index.js'
import type { Desk, FillEvent, OrderEvent, StreamEvent } from '../../dist/esm/venue/index.js'
import { kraken } from '../../dist/esm/venue/kraken/index.js'
import { okx } from '../../dist/esm/venue/okx/index.js'
import { onCleanUp } from '../rest/venue-server.ts'
import { type Exchange, key, type Order, passphrase, pem, secret, startExchange, wires } from './exchange.ts'
import { type Door, type DoorWire, startDoor } from './private-door.ts'
import { binanceDoor, bybitDoor, coinbaseDoor, krakenDoor, okxDoor, usdmDoor } from './private-wires.ts'

export const common = (origin: string, streamUrl: string) => ({
  endpoints: [origin],
  key,
  limits: [],
  retry: {
    backoff: exponential({ first: 1, max: 5, retries: 8 }),
    settle: 400,
    visibleAfter: 10,
    budget: false as const,
  },
  breaker: { failures: 1_000, minimum: 100_000 },
  streamUrl,
  connection: { reconnect: exponential({ first: 5, max: 20, storm: { floor: 0 } }) },
})

export interface Venue {
  readonly wire: keyof typeof wires
  readonly door: () => DoorWire
  open(origin: string, streamUrl: string, secrets?: { readonly secret: string }): Desk
  /** What every fill says besides price and size. */
  readonly fee: Partial<FillEvent>
}

export const venues: Record<string, Venue> = {
  binance: {
    wire: 'binance',
    door: () => binanceDoor,
    open: (origin, url, other) => binance.trading({ ...common(origin, url), secret, recvWindow: 80, ...other }),
    fee: { fee: '0.00013', feeAsset: 'USDT', liquidity: 'maker' },
  },
  binanceUsdm: {
    wire: 'binanceUsdm',
    door: () => usdmDoor,
    open: (origin, url, other) =>
      binanceUsdm.trading({ ...common(origin, `${url}/private`), secret, recvWindow: 80, ...other }),
    fee: { fee: '0.00013', feeAsset: 'USDT', liquidity: 'maker' },
  },
  bybit: {
    wire: 'bybit',
    door: () => bybitDoor,
    open: (origin, url, other) =>
      bybit.trading({ ...common(origin, url), secret, recvWindow: 80, category: 'linear', ...other }),
    fee: { fee: '0.00013', feeAsset: 'USDT', liquidity: 'maker' },
  },
  okx: {
    wire: 'okx',
    door: () => okxDoor,
    open: (origin, url, other) => okx.trading({ ...common(origin, url), secret, passphrase, ...other }),
    fee: { fee: '0.00013', feeAsset: 'USDT', liquidity: 'maker' },
  },
  kraken: {
    wire: 'kraken',
    door: () => krakenDoor,
    open: (origin, url, other) => kraken.trading({ ...common(origin, url), secret, ...other }),
    fee: { fee: '0.00013', feeAsset: 'USDT', liquidity: 'maker' },
  },
  coinbase: {
    wire: 'coinbase',
    door: () => coinbaseDoor,
    open: (origin, url, other) =>
      coinbase.trading({ ...common(origin, url), privateKey: pem, ...(other === undefined ? {} : { key: 'another' }) }),
    fee: { fee: '0.00013', feeAsset: 'USDT', liquidity: 'maker' },
  },
}
export const names = Object.keys(venues)

export interface Scene {
  readonly desk: Desk
  readonly exchange: Exchange
  readonly door: Door
  readonly orders: OrderEvent[]
  readonly fills: FillEvent[]
  readonly states: StreamEvent[]
}

export async function scene(name: string, secrets?: { readonly secret: string }): Promise<Scene> {
  const venue = venues[name] as Venue
  const exchange = await startExchange(wires[venue.wire]())
  const door = await startDoor(exchange.book, venue.door())
  const desk = venue.open(exchange.origin, door.url, secrets)
  onCleanUp(() => desk.close({ force: true }))
  const [orders, fills, states]: [OrderEvent[], FillEvent[], StreamEvent[]] = [[], [], []]
  desk.on('order', (event) => orders.push(event))
  desk.on('fill', (event) => fills.push(event))
  desk.on('stream', (event) => states.push(event))
  return { desk, exchange, door, orders, fills, states }
}

export async function live(name: string): Promise<Scene> {
  const made = await scene(name)
  await made.desk.rest.ready()
  await made.desk.open()
  expect(made.desk.state).toBe('live')
  return made
}

export const limit = { symbol: 'BTC-USDT', side: 'buy', type: 'limit', price: '65000.10', size: '0.00200' } as const
export const orderOf = (exchange: Exchange, client: string): Order =>
  exchange.book.orders.find((order) => order.client === client) as Order
export const told = (fills: readonly FillEvent[]): string[] => fills.map(({ tradeId, size }) => `${tradeId} ${size}`)
