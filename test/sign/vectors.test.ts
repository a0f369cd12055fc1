/** Signatures that venues, or standards, have published. */
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  BinanceAuth,
  BybitAuth,
  CoinbaseAuth,
  encodeQuery,
  hmac,
  hmacSigner,
  KrakenAuth,
  OkxAuth,
  type RequestDraft,
  Secret,
} from '../../lib/sign/index.js'

class Draft implements RequestDraft {
  readonly headers: Record<string, string> = {}
  readonly method: string
  readonly path: string
  readonly host: string
  query: string
  body: string

  constructor(method: string, path: string, query = '', body = '', host = 'api.example.com') {
    this.method = method
    this.path = path
    this.query = query
    this.body = body
    this.host = host
  }

  setHeader(name: string, value: string): void {
    this.headers[name] = value
  }
}

const at = (ms: number) => ({ timestamp: () => ms })

const binance = {
  apiKey: 'vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A',
  secret: 'NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j',
}
const order = { side: 'BUY', type: 'LIMIT', timeInForce: 'GTC', quantity: 1, price: 0.1 }

describe('Binance', () => {
  it.each([
    ['LTCBTC', 'c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71'],
    ['１２３４５６', 'e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3'],
  ])('REST, %s', (symbol, signature) => {
    const draft = new Draft('POST', '/api/v3/order', encodeQuery({ symbol, ...order }))
    new BinanceAuth(binance).sign(draft, at(1_499_827_319_559))
    expect(draft.query.endsWith(`&recvWindow=5000&timestamp=1499827319559&signature=${signature}`)).toBe(true)
    expect(draft.headers).toEqual({ 'X-MBX-APIKEY': binance.apiKey })
  })

  it.each(['native', 'node'] as const)('REST, parameters in query and body, %s', (backend) => {
    const query = 'symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC'
    const body = 'quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559'
    expect(hmacSigner({ key: binance.secret, backend }).sign(query + body)).toBe(
      '0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77',
    )
  })

  it('REST, put together by hand', () => {
    const auth = hmac({
      secret: binance.secret,
      apiKey: binance.apiKey,
      key: { header: 'X-MBX-APIKEY' },
      recvWindow: { query: 'recvWindow', ms: 5_000 },
      timestamp: { query: 'timestamp' },
      message: ({ query, body }) => query + body,
      signature: { query: 'signature' },
    })
    const draft = new Draft('POST', '/api/v3/order', encodeQuery({ symbol: 'LTCBTC', ...order }))
    auth.sign(draft, at(1_499_827_319_559))
    // The timestamp comes before recvWindow here, so the signature is another one.
    expect(draft.query).toContain('&timestamp=1499827319559&recvWindow=5000&signature=')
    const [signed, signature] = draft.query.split('&signature=') as [string, string]
    expect(signature).toBe(hmacSigner({ key: binance.secret, backend: 'node' }).sign(signed))
  })

  it.each([
    [
      'BTCUSDT',
      'SELL',
      '0.01000000',
      '52000.00',
      100,
      'aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24',
    ],
    [
      '１２３４５６',
      'BUY',
      '1.00000000',
      '0.10000000',
      5_000,
      'b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd',
    ],
  ])('WebSocket API, %s', (symbol, side, quantity, price, recvWindow, signature) => {
    const params = { symbol, side, type: 'LIMIT', timeInForce: 'GTC', quantity, price }
    const signed = new BinanceAuth({ ...binance, recvWindow }).params(params, at(1_645_423_376_532))
    expect(signed['signature']).toBe(signature)
  })

  it('FIX logon with Ed25519', () => {
    const privateKey =
      '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u\n-----END PRIVATE KEY-----\n'
    const auth = new BinanceAuth({ apiKey: 'sBRX', privateKey })
    expect(auth.fixLogon('EXAMPLE', 'SPOT', 1, '20240627-11:17:25.223')).toBe(
      '4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j8gCA==',
    )
  })
})

describe('Kraken', () => {
  const secret = 'kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=='

  it('REST', () => {
    const draft = new Draft(
      'POST',
      '/0/private/AddOrder',
      '',
      'ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25',
    )
    new KrakenAuth({ apiKey: 'key', secret, nonce: () => 1_616_492_376_594 }).sign(draft, at(0))
    expect(draft.body).toBe('nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25')
    expect(draft.headers['API-Sign']).toBe(
      '4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ==',
    )
  })

  it('Futures challenge', () => {
    const futures = '7zxMEF5p/Z8l2p2U7Ghv6x14Af+Fx+92tPgUdVQ748FOIrEoT9bgT+bTRfXc5pz8na+hL/QdrCVG7bh9KpT0eMTm'
    for (const given of [futures, new Secret(futures, 'base64')]) {
      expect(new KrakenAuth({ apiKey: 'key', secret: given }).challenge('c100b894-1729-464d-ace1-52dbce11db42')).toBe(
        '4JEpF3ix66GA2B+ooK128Ift4XQVtc137N9yeg4Kqsn9PI0Kpzbysl9M1IeCEdjg0zl00wkVqcsnG4bmnlMb3A==',
      )
    }
  })

  it('nonces never fall, whatever the clock does, and go into forms and JSON', () => {
    const auth = new KrakenAuth({ apiKey: 'key', secret })
    const nonces: number[] = []
    for (const ms of [1_000, 1_000, 999, 1_001]) {
      const draft = new Draft('POST', '/0/private/Balance', '', '')
      auth.sign(draft, at(ms))
      nonces.push(Number(draft.body.slice('nonce='.length)))
    }
    expect(nonces).toEqual([1_000_000, 1_000_001, 1_000_002, 1_001_000])
    for (const [body, expected] of [
      ['{"pair":"X"}', { nonce: '2000000', pair: 'X' }],
      ['{ }', { nonce: '2000001' }],
    ] as const) {
      const draft = new Draft('POST', '/0/private/AddOrder', '', body)
      auth.sign(draft, at(2_000))
      expect(JSON.parse(draft.body)).toEqual(expected)
    }
    const broken = new KrakenAuth({ apiKey: 'key', secret, nonce: () => Number.NaN })
    expect(() => broken.sign(new Draft('POST', '/x'), at(0))).toThrow(
      expect.objectContaining({ code: 'ERR_SIGN_VALUE' }),
    )
  })
})

describe('OKX', () => {
  const auth = new OkxAuth({
    apiKey: '985d5b66-57ce-40fb-b714-afc0b9787083',
    secret: 'chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO',
    passphrase: new Secret('1234567890'),
  })

  it('REST', () => {
    const draft = new Draft('GET', '/api/v5/account/balance')
    auth.sign(draft, at(Date.parse('2020-12-08T09:08:57.715Z')))
    expect(draft.headers).toEqual({
      'OK-ACCESS-KEY': '985d5b66-57ce-40fb-b714-afc0b9787083',
      'OK-ACCESS-PASSPHRASE': '1234567890',
      'OK-ACCESS-TIMESTAMP': '2020-12-08T09:08:57.715Z',
      'OK-ACCESS-SIGN': 'PJ61e1nb2F2Qd7D8SPiaIcx2gjdELc+o0ygzre9z33k=',
    })
  })

  it('signs the query with the path, and logs in with seconds', () => {
    const draft = new Draft('GET', '/api/v5/account/balance', 'ccy=BTC')
    auth.sign(draft, at(0))
    const signer = hmacSigner({
      key: 'chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO',
      encoding: 'base64',
      backend: 'node',
    })
    expect(draft.headers['OK-ACCESS-SIGN']).toBe(
      signer.sign('1970-01-01T00:00:00.000ZGET/api/v5/account/balance?ccy=BTC'),
    )
    expect(auth.login(at(1_538_054_050_975))).toMatchObject({
      timestamp: '1538054050',
      sign: signer.sign('1538054050GET/users/self/verify'),
    })
  })
})

it('Bybit signs timestamp, key, window and what is sent', () => {
  const auth = new BybitAuth({ apiKey: 'key', secret: 'secret' })
  const signer = hmacSigner({ key: 'secret', backend: 'node' })
  const get = new Draft('GET', '/v5/order/realtime', 'category=linear&symbol=BTCUSDT')
  const post = new Draft('POST', '/v5/order/create', '', '{"symbol":"BTCUSDT"}')
  for (const draft of [get, post]) auth.sign(draft, at(1_658_384_314_791))
  expect(get.headers['X-BAPI-SIGN']).toBe(signer.sign('1658384314791key5000category=linear&symbol=BTCUSDT'))
  expect(post.headers['X-BAPI-SIGN']).toBe(signer.sign('1658384314791key5000{"symbol":"BTCUSDT"}'))
  expect(auth.login(at(1_000))).toEqual(['key', 11_000, signer.sign('GET/realtime11000')])
})

describe('Coinbase', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

  it.each(['sec1', 'pkcs8'] as const)('tokens are verified by the public key, %s', (type) => {
    const pem = privateKey.export({ format: 'pem', type })
    const auth = new CoinbaseAuth({ keyName: 'organizations/o/apiKeys/k', privateKey: pem, nonce: () => 'n' })
    const draft = new Draft('GET', '/api/v3/brokerage/accounts', '', '', 'api.coinbase.com')
    auth.sign(draft, at(1_700_000_000_999))
    const token = (draft.headers['Authorization'] as string).slice('Bearer '.length)
    const [header, claims, signature] = token.split('.') as [string, string, string]
    const decode = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString())
    expect(decode(header)).toEqual({ alg: 'ES256', typ: 'JWT', kid: 'organizations/o/apiKeys/k', nonce: 'n' })
    expect(decode(claims)).toEqual({
      sub: 'organizations/o/apiKeys/k',
      iss: 'cdp',
      nbf: 1_700_000_000,
      exp: 1_700_000_120,
      uri: 'GET api.coinbase.com/api/v3/brokerage/accounts',
    })
    const key = {
      key: createPublicKey(publicKey.export({ format: 'pem', type: 'spki' })),
      dsaEncoding: 'ieee-p1363',
    } as const
    expect(verify('sha256', Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, 'base64url'))).toBe(true)
    expect(decode(auth.token(at(0)).split('.')[1] as string)).not.toHaveProperty('uri')
  })
})
