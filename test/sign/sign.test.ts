import { constants, createHmac, generateKeyPairSync, type KeyObject, verify } from 'node:crypto'
import { format, inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Decimal } from '../../lib/runtime/decimal.js'
import {
  BinanceAuth,
  BybitAuth,
  CoinbaseAuth,
  decimalText,
  ed25519Signer,
  encodeQuery,
  es256Jwt,
  hmac,
  hmacSigner,
  KrakenAuth,
  OkxAuth,
  rsaSigner,
  Secret,
} from '../../lib/sign/index.js'

const pem = (key: KeyObject): string => key.export({ format: 'pem', type: 'pkcs8' }) as string
const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const ed25519 = generateKeyPairSync('ed25519')
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const otherCurve = generateKeyPairSync('ec', { namedCurve: 'P-384' })

describe('HMAC', () => {
  it('is the same from the core and from node:crypto, and as node:crypto says', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('sha256', 'sha384', 'sha512'),
        fc.constantFrom('hex', 'base64', 'base64url'),
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.uint8Array({ maxLength: 300 }),
          fc.string({ minLength: 1_900, maxLength: 6_000 }),
        ),
        (digest, encoding, key, data) => {
          const [native, node] = (['native', 'node'] as const).map((backend) =>
            hmacSigner({ key, digest, encoding, backend }),
          )
          const expected = createHmac(digest, key).update(data).digest(encoding)
          expect(native?.sign(data)).toBe(expected)
          expect(node?.sign(data)).toBe(expected)
          expect(native?.signDigestOf('/path', data)).toBe(node?.signDigestOf('/path', data))
        },
      ),
      { numRuns: 300 },
    )
  })

  it('takes text of the lengths at which it is copied in another way', () => {
    const signer = hmacSigner({ key: 'k', backend: 'native' })
    for (const length of [2_040, 2_043, 2_044, 2_045, 2_046, 2_047, 2_048, 2_049, 100_000]) {
      for (const unit of ['a', 'é', '漢', '😀']) {
        const text = unit.repeat(length)
        expect(signer.sign(text)).toBe(createHmac('sha256', 'k').update(text).digest('hex'))
      }
    }
  })

  it('has a backend that can be chosen, and says which it has', () => {
    expect(hmacSigner({ key: 'k' })).toMatchObject({ backend: 'native', algorithm: 'hmac-sha256' })
    expect(hmacSigner({ key: 'k', backend: 'node', digest: 'sha512' })).toMatchObject({
      backend: 'node',
      algorithm: 'hmac-sha512',
    })
  })

  it('refuses what is neither text nor bytes', () => {
    for (const backend of ['native', 'node'] as const) {
      expect(() => hmacSigner({ key: 'k', backend }).sign(5 as never)).toThrow()
      expect(() => hmacSigner({ key: 'k', backend }).sign(undefined as never)).toThrow()
    }
  })
})

describe('private keys', () => {
  const data = 'timestamp=1&symbol=１２'

  it.each(['sha256', 'sha384', 'sha512'] as const)('RSA, %s', async (digest) => {
    const pkcs1 = rsaSigner({ key: pem(rsa.privateKey), digest })
    const signature = Buffer.from(pkcs1.sign(data), 'base64')
    expect(verify(digest, Buffer.from(data), rsa.publicKey, signature)).toBe(true)
    // PKCS#1 v1.5 is deterministic.
    expect(await pkcs1.signAsync(data)).toBe(pkcs1.sign(Buffer.from(data)))
    const pss = rsaSigner({ key: pem(rsa.privateKey), digest, padding: 'pss' })
    const key = {
      key: rsa.publicKey,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    }
    expect(verify(digest, Buffer.from(data), key, Buffer.from(pss.sign(data), 'base64'))).toBe(true)
  })

  it('Ed25519', async () => {
    const signer = ed25519Signer({ key: Buffer.from(pem(ed25519.privateKey)), encoding: 'hex' })
    expect(verify(null, Buffer.from(data), ed25519.publicKey, Buffer.from(signer.sign(data), 'hex'))).toBe(true)
    expect(await signer.signAsync(data)).toBe(signer.sign(data))
  })

  it('behind a passphrase', () => {
    const key = rsa.privateKey.export({
      format: 'pem',
      type: 'pkcs8',
      cipher: 'aes-256-cbc',
      passphrase: 'open sesame',
    }) as string
    expect(rsaSigner({ key, passphrase: new Secret('open sesame') }).sign(data)).toBe(
      rsaSigner({ key: pem(rsa.privateKey) }).sign(data),
    )
    for (const passphrase of [undefined, 'wrong']) {
      expect(() => rsaSigner({ key, passphrase })).toThrow(expect.objectContaining({ code: 'ERR_SIGN_KEY' }))
    }
  })

  it.each([
    ['another type', () => rsaSigner({ key: pem(ed25519.privateKey) })],
    ['another type', () => ed25519Signer({ key: pem(rsa.privateKey) })],
    ['another curve', () => es256Jwt({ key: pem(otherCurve.privateKey), keyId: 'k' })],
    ['no key at all', () => ed25519Signer({ key: 'not a key' })],
    ['an empty one', () => ed25519Signer({ key: '' })],
  ])('of %s are refused', (_what, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_SIGN_KEY' }))
  })
})

describe('parameters', () => {
  it.each([
    [1e-7, '0.0000001'],
    [1.5e-10, '0.00000000015'],
    [-2e-9, '-0.000000002'],
    [1e21, '1000000000000000000000'],
    [1.2345e25, '12345000000000000000000000'],
    [0.1 + 0.2, '0.30000000000000004'],
    [-0, '0'],
    [52_000, '52000'],
  ])('%d is written out', (number, text) => {
    expect(decimalText(number)).toBe(text)
  })

  it('that are numbers are read back as the same, and have no exponent', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        const text = decimalText(number)
        expect(text).toMatch(/^-?\d+(\.\d+)?$/)
        expect(Number(text)).toBe(number === 0 ? 0 : number)
      }),
      { numRuns: 2_000 },
    )
  })

  it('are encoded once, in their order, and never rounded', () => {
    expect(
      encodeQuery({
        symbol: 'BTC/USDT',
        price: Decimal.parse('0.10000000'),
        id: 9_007_199_254_740_993n,
        quantity: '1.50',
        flag: true,
        symbols: ['A', 'B'],
        skipped: undefined,
        text: "a b+c&d=é!'()*~",
      }),
    ).toBe(
      'symbol=BTC%2FUSDT&price=0.10000000&id=9007199254740993&quantity=1.50&flag=true&symbols=%5B%22A%22%2C%22B%22%5D' +
        '&text=a%20b%2Bc%26d%3D%C3%A9%21%27%28%29%2A~',
    )
    expect(encodeQuery({})).toBe('')
  })

  it('are decoded to what they were', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ minLength: 1 }), fc.string()), (params) => {
        const { __proto__: _ignored, ...own } = params
        const decoded = new URLSearchParams(encodeQuery(own).replaceAll('+', '%2B'))
        expect(Object.fromEntries(decoded)).toEqual(Object.fromEntries(Object.entries(own)))
      }),
    )
  })

  it.each([
    [{ price: Number.NaN }],
    [{ price: Number.POSITIVE_INFINITY }],
    [{ nested: {} }],
    [{ nothing: null }],
    [{ text: '\ud800' }],
  ])('%j cannot be sent', (params) => {
    expect(() => encodeQuery(params as never)).toThrow(expect.objectContaining({ code: 'ERR_SIGN_VALUE' }))
  })
})

describe('secrets', () => {
  const key = 'NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j'
  /** The key in all forms in which it might be printed. */
  const forms = [
    key,
    key.slice(8, 24),
    Buffer.from(key).toString('hex').slice(0, 24),
    Buffer.from(key).toString('base64').slice(0, 24),
    [...Buffer.from(key).subarray(0, 6)].join(', '),
    [...Buffer.from(key).subarray(0, 6)].map((byte) => byte.toString(16)).join(' '),
  ]

  /** Everything that somebody might write to a log. */
  function printed(value: unknown): string {
    return [
      String(value),
      `${value as string}`,
      inspect(value, { depth: 10, showHidden: true, getters: true }),
      format('%s %o %O %j', value, value, value, value),
      JSON.stringify(value),
      JSON.stringify({ value, list: [value] }),
      value instanceof Error ? `${value.stack} ${inspect(value.cause)}` : '',
      Object.entries(value as object).join(),
      inspect(Object.getOwnPropertyDescriptors(value), { depth: 5 }),
    ].join('\n')
  }

  it('are not shown by what holds them', () => {
    const privateKey = pem(ec.privateKey)
    const base64 = Buffer.from(key).toString('base64')
    const holders = [
      new Secret(key),
      hmacSigner({ key, backend: 'native' }),
      hmacSigner({ key, backend: 'node' }),
      hmacSigner({ key: new Secret(key) }),
      new BinanceAuth({ apiKey: 'name', secret: key }),
      new BybitAuth({ apiKey: 'name', secret: key }),
      new OkxAuth({ apiKey: 'name', secret: key, passphrase: key }),
      new KrakenAuth({ apiKey: 'name', secret: base64 }),
      new CoinbaseAuth({ keyName: 'name', privateKey }),
      ed25519Signer({ key: pem(ed25519.privateKey) }),
      rsaSigner({ key: pem(rsa.privateKey) }),
      hmac({
        secret: key,
        apiKey: 'name',
        key: { header: 'x-key' },
        headers: { 'x-pass': new Secret(key) },
        message: () => '',
        signature: { header: 'x-sign' },
      }),
    ]
    const lines = [privateKey, pem(ed25519.privateKey), pem(rsa.privateKey)].flatMap((text) =>
      text.split('\n').slice(1, -2),
    )
    for (const holder of holders) {
      const output = printed(holder)
      for (const form of [...forms, base64.slice(4, 28), ...lines]) expect(output).not.toContain(form)
    }
    // The search would find them.
    expect(printed({ key })).toContain(key)
    expect(printed(Buffer.from(key))).toContain(forms[5])
  })

  it('are not shown by errors', () => {
    const wrong: (() => unknown)[] = [
      () => new Secret(`${key}!`, 'base64'),
      () => new Secret(key, 'hex'),
      () => rsaSigner({ key }),
      () => rsaSigner({ key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----` }),
      () => new KrakenAuth({ apiKey: 'name', secret: `${key}!` }),
      () => new BinanceAuth({ apiKey: 'name', secret: key, privateKey: key }),
      () => new BinanceAuth({ apiKey: 'name', secrets: key } as never),
      () => hmacSigner({ key, digest: 'md5' as never }),
      () => new OkxAuth({ apiKey: key.repeat(9), secret: key, passphrase: 5 as never }),
      () => es256Jwt({ key: pem(otherCurve.privateKey), keyId: 'k' }),
      () => hmacSigner({ key, backend: 'native' }).sign(Symbol('x') as never),
    ]
    for (const make of wrong) {
      let error: unknown
      try {
        make()
      } catch (caught) {
        error = caught
      }
      expect(error).toBeInstanceOf(Error)
      const output = printed(error)
      for (const form of forms) expect(output).not.toContain(form)
    }
  })

  it('are bytes, in the encoding that is said, and are given out on request only', () => {
    const utf8 = new Secret('é')
    for (const same of [
      new Secret('c3a9', 'hex'),
      new Secret('w6k=', 'base64'),
      new Secret(Uint8Array.of(0xc3, 0xa9)),
    ]) {
      expect(same.reveal()).toBe(utf8.reveal())
    }
    expect(Secret.from(utf8)).toBe(utf8)
    expect(() => new Secret('')).toThrow(expect.objectContaining({ code: 'ERR_SIGN_KEY' }))
    expect(`${utf8}${String(utf8)}${JSON.stringify(utf8)}`).toBe('[secret][secret]"[secret]"')
    expect(structuredClone({ ...utf8 })).toEqual({})
  })

  it('can be wiped, and what was made of them goes on', () => {
    const bytes = Uint8Array.from(Buffer.from(key))
    const secret = new Secret(bytes)
    bytes.fill(0)
    const signer = hmacSigner({ key: secret })
    const before = signer.sign('x')
    expect(before).toBe(createHmac('sha256', key).update('x').digest('hex'))
    secret[Symbol.dispose]()
    expect(secret.reveal()).toBe('\0'.repeat(key.length))
    expect(signer.sign('x')).toBe(before)
  })

  it('are named by those who send them, so that they can be left out of logs', () => {
    expect(new OkxAuth({ apiKey: 'a', secret: 'b', passphrase: 'c' }).secretHeaders).toContain('ok-access-passphrase')
    const auth = hmac({
      secret: key,
      apiKey: 'name',
      key: { header: 'X-Key' },
      headers: { 'X-Pass': 'p' },
      message: () => '',
      signature: { query: 'sig' },
    })
    expect(auth.secretHeaders).toEqual(['x-key', 'x-pass'])
    expect(auth.secretParams).toEqual(['sig'])
  })
})
