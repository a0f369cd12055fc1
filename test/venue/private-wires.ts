/** What the venues' private streams say. Messages after their documents; see the docstrings of lib/venue/<venue>/stream.ts. */
import { createHmac, generateKeyPairSync, verify } from 'node:crypto'
import { key, secret } from './exchange.ts'
import type { DoorWire } from './private-door.ts'

export const ed25519 = generateKeyPairSync('ed25519')

/** https://developers.binance.com/docs/binance-spot-api-docs/user-data-stream */
export const binanceDoor: DoorWire = {
  receive: ({ id, method, params }, client, door) => {
    const refuse = (code: number, msg: string): void => client.send({ id, status: 400, error: { code, msg } })
    if (method === 'userDataStream.subscribe') {
      if (Object.keys(params).length > 0) return refuse(-1101, 'Too many parameters')
      if (!client.loggedIn) return refuse(-2015, 'not logged on')
      client.channels.add('user')
      return client.send({ id, status: 200, result: { subscriptionId: 0 } })
    }
    const { signature, ...signed } = params
    const text = Object.keys(signed)
      .sort()
      .map((name) => `${name}=${signed[name]}`)
      .join('&')
    if (method === 'session.logon') {
      client.loggedIn = verify(null, Buffer.from(text), ed25519.publicKey, Buffer.from(signature, 'base64'))
      if (!client.loggedIn) return refuse(-1022, 'Signature for this request is not valid.')
      door.granted++
      return client.send({ id, status: 200, result: { apiKey: params.apiKey } })
    }
    if (method !== 'userDataStream.subscribe.signature') return refuse(-1100, `no ${method} here`)
    if (params.apiKey !== key || signature !== createHmac('sha256', secret).update(text).digest('hex')) {
      return refuse(-1022, `Signature for this request is not valid: ${params.apiKey} ${signature}`)
    }
    client.channels.add('user')
    door.granted++
    client.send({ id, status: 200, result: { subscriptionId: 0 }, rateLimits: [] })
  },
  push: (order, trade) => {
    const canceled = order.state === 'canceled'
    const event = {
      e: 'executionReport',
      E: order.updated,
      s: order.symbol,
      c: canceled ? 'id-of-the-cancel' : order.client,
      S: order.side.toUpperCase(),
      o: 'LIMIT',
      f: 'GTC',
      q: order.size,
      p: order.price,
      g: -1,
      C: canceled ? order.client : '',
      x: trade !== null ? 'TRADE' : canceled ? 'CANCELED' : 'NEW',
      X:
        order.state === 'filled' ? 'FILLED' : canceled ? 'CANCELED' : order.filled === '0' ? 'NEW' : 'PARTIALLY_FILLED',
      r: 'NONE',
      i: `#${order.id}`,
      l: trade?.size ?? '0.00000000',
      z: order.filled,
      L: trade?.price ?? '0.00000000',
      n: trade?.fee ?? '0',
      N: trade?.feeAsset ?? null,
      T: order.updated,
      t: trade?.id ?? -1,
      m: trade?.maker ?? false,
      Z: '0',
    }
    return [{ subscriptionId: 0, event }]
  },
}
