import { httpClassifier } from '../../policy/retry/classify.js'
import type { Rest } from '../../rest/rest.js'
import { TickwireError } from '../../runtime/errors.js'
import type { SessionProtocol } from '../../session/protocol.js'
import { decimalOf, nonZeroOf } from '../order/decimal-text.js'
import { fieldOf, listOf, sideOf, textOf, timeOf } from '../order/fields.js'
import { type AccountEvent, balanceOf, type Fill, positionOf } from '../stream/account-events.js'
import type { StreamPlan } from '../stream/stream-plan.js'
import { statuses } from './orders.js'

/** https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams, …/general-info */
export const usdmStreamUrls = Object.freeze({
  production: 'wss://fstream.binance.com/private',
  demo: 'wss://demo-fstream.binance.com/private',
})

/** The key of a stream is valid for 60 minutes from when it was asked for last. */
const keepAliveMs = 30 * 60_000

const path = '/fapi/v1/listenKey'

/** Nothing is asked on it, and nothing answered: who knows the address hears. */
const protocol: SessionProtocol = Object.freeze({
  name: 'binance-usdm-user',
  classify: httpClassifier,
  secretFields: Object.freeze([]),
  validMs: () => Number.NaN,
  request: () => {
    throw new TickwireError('ERR_SESSION_REQUEST', 'the stream takes no requests')
  },
  login: () => null,
  answer: () => null,
})

/**
 * Binance USD-M's user data stream: a listen key of REST is its address.
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams/Start-User-Data-Stream
 */
export function binanceUsdmStream(apiKey: string): StreamPlan {
  let current = ''
  const ask = async (rest: Rest, method: 'POST' | 'PUT'): Promise<string> => {
    // Wants the key alone, and no parameters.
    const headers = { 'X-MBX-APIKEY': apiKey }
    const response = await rest.request(method, path, { auth: false, headers, kind: 'query', idempotent: true })
    return textOf(fieldOf(response.json(), 'listenKey'))
  }
  return {
    name: 'binance-usdm',
    tellsTrades: true,
    protocol: () => protocol,
    address: async (base, rest) => {
      current = await ask(rest, 'POST')
      if (current === '') throw new TickwireError('ERR_SESSION_LOGIN', 'the venue gave no listen key')
      return `${base.replace(/\/+$/, '')}/ws/${encodeURIComponent(current)}`
    },
    // Who connects with a key that has expired hears nothing, and is not told: it is asked for again, which also keeps it alive.
    subscribe: async (_session, rest) => {
      const key = await ask(rest, 'POST')
      if (key !== current) throw new TickwireError('ERR_SESSION_LOGIN', 'the listen key has expired')
    },
    reader: () => readMessage,
    keepAlive: {
      everyMs: keepAliveMs,
      run: async (rest) => {
        await ask(rest, 'PUT')
      },
    },
  }
}

function readMessage(message: unknown): readonly AccountEvent[] {
  // In an envelope where streams are combined.
  const event = fieldOf(message, 'data') ?? message
  switch (fieldOf(event, 'e')) {
    case 'ORDER_TRADE_UPDATE':
      return readOrderUpdate(fieldOf(event, 'o'), timeOf(fieldOf(event, 'T')))
    case 'ACCOUNT_UPDATE':
      return readAccount(fieldOf(event, 'a'), timeOf(fieldOf(event, 'T')))
    case 'listenKeyExpired':
      return [{ type: 'readdress' }]
    // A part of what ORDER_TRADE_UPDATE tells in full.
    case 'TRADE_LITE':
      return []
    default:
      return [{ type: 'message', raw: message }]
  }
}

/** https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams/Event-Order-Update */
function readOrderUpdate(raw: unknown, at: number): readonly AccountEvent[] {
  const status = statuses[textOf(fieldOf(raw, 'X'))]
  if (status === undefined) return [{ type: 'message', raw }]
  const common = {
    symbol: textOf(fieldOf(raw, 's')),
    orderId: textOf(fieldOf(raw, 'i')),
    clientOrderId: textOf(fieldOf(raw, 'c')),
    side: sideOf(fieldOf(raw, 'S')),
    timeMs: timeOf(fieldOf(raw, 'T')) || at,
    raw,
  }
  const update = Object.freeze({
    ...common,
    status,
    type: textOf(fieldOf(raw, 'o')),
    price: nonZeroOf(fieldOf(raw, 'p')),
    size: nonZeroOf(fieldOf(raw, 'q')),
    filled: decimalOf(fieldOf(raw, 'z')),
    quoteFilled: null,
    averagePrice: nonZeroOf(fieldOf(raw, 'ap')),
  })
  const order: AccountEvent = { type: 'order', update }
  const size = nonZeroOf(fieldOf(raw, 'l'))
  const tradeId = textOf(fieldOf(raw, 't'))
  // CALCULATED: a liquidation.
  const traded = fieldOf(raw, 'x') === 'TRADE' || fieldOf(raw, 'x') === 'CALCULATED'
  if (!traded || size === null || tradeId === '' || tradeId === '0') return [order]
  const fill: Fill = Object.freeze({
    ...common,
    tradeId,
    price: nonZeroOf(fieldOf(raw, 'L')),
    size,
    fee: decimalOf(fieldOf(raw, 'n')),
    feeAsset: textOf(fieldOf(raw, 'N')),
    liquidity: fieldOf(raw, 'm') === true ? 'maker' : 'taker',
  })
  return [order, { type: 'fill', fill }]
}

/** https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams/Event-Balance-and-Position-Update */
function readAccount(update: unknown, at: number): readonly AccountEvent[] {
  const balances = listOf(fieldOf(update, 'B')).map((raw) =>
    balanceOf(textOf(fieldOf(raw, 'a')), raw, at, {
      total: decimalOf(fieldOf(raw, 'wb')),
      change: nonZeroOf(fieldOf(raw, 'bc')),
    }),
  )
  const positions = listOf(fieldOf(update, 'P')).map((raw) => {
    const leg = textOf(fieldOf(raw, 'ps'))
    return positionOf({
      symbol: textOf(fieldOf(raw, 's')),
      signed: decimalOf(fieldOf(raw, 'pa')) ?? '0',
      entryPrice: nonZeroOf(fieldOf(raw, 'ep')),
      unrealized: decimalOf(fieldOf(raw, 'up')),
      leg: leg === 'LONG' ? 'long' : leg === 'SHORT' ? 'short' : 'net',
      timeMs: at,
      raw,
    })
  })
  return [...balances, ...positions]
}
