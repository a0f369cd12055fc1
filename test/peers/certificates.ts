import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'
import * as der from './der.ts'

export interface CertificateOptions {
  readonly commonName: string
  /** Host names and IPv4/IPv6 addresses that the certificate is good for. */
  readonly hosts?: readonly string[]
  /** May sign others. Default false. */
  readonly ca?: boolean
  /** Good for a server or for a client. Default 'server'. */
  readonly use?: 'server' | 'client'
  readonly notBefore?: Date
  readonly notAfter?: Date
  /** `rsa1024` is too weak for anybody. Default 'ec'. */
  readonly key?: 'ec' | 'rsa' | 'rsa1024' | 'ed25519'
}

/** A certificate with its key, PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
  /** SHA-256 of the public key's SubjectPublicKeyInfo, base64: what a pin names. */
  readonly spkiPin: string
}

export interface Authority extends Certificate {
  issue(options: CertificateOptions): Certificate
}

const signatureOid = {
  ec: '1.2.840.10045.4.3.2',
  rsa: '1.2.840.113549.1.1.11',
  rsa1024: '1.2.840.113549.1.1.11',
  ed25519: '1.3.101.112',
} as const

type KeyKind = keyof typeof signatureOid

function makeKey(kind: KeyKind): { publicKey: KeyObject; privateKey: KeyObject } {
  switch (kind) {
    case 'ec':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    case 'rsa':
      return generateKeyPairSync('rsa', { modulusLength: 2048 })
    case 'rsa1024':
      return generateKeyPairSync('rsa', { modulusLength: 1024 })
    case 'ed25519':
      return generateKeyPairSync('ed25519')
  }
}

function algorithm(kind: KeyKind): Buffer {
  // RSA's parameters are NULL, the others have none (RFC 8017, 5758, 8410).
  return kind === 'rsa' || kind === 'rsa1024'
    ? der.sequence(der.oid(signatureOid.rsa), Uint8Array.of(5, 0))
    : der.sequence(der.oid(signatureOid[kind]))
}

const name = (commonName: string): Buffer =>
  der.sequence(der.set(der.sequence(der.oid('2.5.4.3'), der.utf8(commonName))))

function addressBytes(host: string): Uint8Array {
  if (isIP(host) === 4) return Uint8Array.from(host.split('.').map(Number))
  const [head = '', tail] = host.split('::')
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
  const left = groups(head)
  const right = tail === undefined ? [] : groups(tail)
  const all = [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right]
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]))
}

function extensions(options: CertificateOptions, spki: Buffer): Buffer {
  const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
    der.sequence(der.oid(id), ...(critical ? [der.boolean(true)] : []), der.octets(value))
  const list = [
    extension('2.5.29.19', true, options.ca ? der.sequence(der.boolean(true)) : der.sequence()),
    // keyCertSign and cRLSign, or digitalSignature.
    extension('2.5.29.15', true, options.ca ? der.bits(Uint8Array.of(0x06), 1) : der.bits(Uint8Array.of(0x80), 7)),
    extension('2.5.29.14', false, der.octets(createHash('sha1').update(spki).digest())),
  ]
  if (!options.ca) {
    const use = options.use === 'client' ? '1.3.6.1.5.5.7.3.2' : '1.3.6.1.5.5.7.3.1'
    list.push(extension('2.5.29.37', false, der.sequence(der.oid(use))))
  }
  if (options.hosts?.length) {
    const names = options.hosts.map((host) =>
      isIP(host) === 0 ? der.implicit(2, Buffer.from(host)) : der.implicit(7, addressBytes(host)),
    )
    list.push(extension('2.5.29.17', false, der.sequence(...names)))
  }
  return der.explicit(3, der.sequence(...list))
}

interface Issuer {
  readonly commonName: string
  readonly kind: KeyKind
  readonly privateKey: KeyObject
}

function build(options: CertificateOptions, issuer: Issuer | null): Certificate & { issuer: Issuer } {
  const kind = options.key ?? 'ec'
  const { publicKey, privateKey } = makeKey(kind)
  const self: Issuer = { commonName: options.commonName, kind, privateKey }
  const signer = issuer ?? self
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const day = 86_400_000
  const serial = randomBytes(16)
  serial.writeUInt8((serial.readUInt8(0) & 0x7f) | 0x40, 0)

  const toBeSigned = der.sequence(
    der.explicit(0, der.integer(Uint8Array.of(2))),
    der.integer(serial),
    algorithm(signer.kind),
    name(signer.commonName),
    der.sequence(
      der.time(options.notBefore ?? new Date(Date.now() - day)),
      der.time(options.notAfter ?? new Date(Date.now() + 30 * day)),
    ),
    name(options.commonName),
    spki,
    extensions(options, spki),
  )
  const signature = sign(signer.kind === 'ed25519' ? null : 'sha256', toBeSigned, signer.privateKey)
  const certificate = der.sequence(toBeSigned, algorithm(signer.kind), der.bits(signature))
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    spkiPin: createHash('sha256').update(spki).digest('base64'),
    issuer: self,
  }
}

/** A certification authority of the test's own, made anew each time; nothing of it is kept. */
export function createAuthority(commonName = 'Test Authority', key: KeyKind = 'ec'): Authority {
  const own = build({ commonName, ca: true, key }, null)
  return {
    cert: own.cert,
    key: own.key,
    spkiPin: own.spkiPin,
    issue: (options) => {
      const { cert, key: privateKey, spkiPin } = build(options, own.issuer)
      return { cert, key: privateKey, spkiPin }
    },
  }
}

export function selfSigned(options: CertificateOptions): Certificate {
  const { cert, key, spkiPin } = build(options, null)
  return { cert, key, spkiPin }
}

/** What most tests want: an authority, and a certificate of its for this machine. */
export function localhostCertificates(): { readonly authority: Authority; readonly server: Certificate } {
  const authority = createAuthority()
  return { authority, server: authority.issue({ commonName: 'localhost', hosts: ['localhost', '127.0.0.1', '::1'] }) }
}
