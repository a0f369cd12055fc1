/** Taking secrets out of what is recorded: what goes out signs in, and its addresses carry keys. */

/** Stands in place of a secret. */
const shown = '[secret]'

/** Fields whose values are secrets, in lower case: keys, signatures and tokens of the venues' protocols. */
const secretNames: ReadonlySet<string> = new Set([
  'apikey',
  'api_key',
  'api-key',
  'key',
  'secret',
  'apisecret',
  'passphrase',
  'password',
  'signature',
  'sign',
  'sig',
  'token',
  'jwt',
  'listenkey',
  'listentoken',
  'authorization',
  'auth',
])

/** Operations whose arguments are secrets by their place: `{ op: 'auth', args: [key, expires, signature] }`. */
const secretOps: ReadonlySet<string> = new Set(['auth', 'login', 'authenticate'])

/** A part of a path that nobody would write: a key, as Binance's listen keys are. */
const secretPart = /^[A-Za-z0-9_-]{40,}$/

export class Redaction {
  readonly #names: ReadonlySet<string>
  /** Messages that cannot hold any of the names are not looked at further. */
  readonly #hint: RegExp

  /** @param fields more names whose values are secrets, in any case. */
  constructor(fields: readonly string[]) {
    this.#names = new Set([...secretNames, ...fields.map((name) => name.toLowerCase())])
    const escaped = [...this.#names].map((name) => name.replaceAll(/[^\w-]/g, '\\$&'))
    this.#hint = new RegExp(`"(${escaped.join('|')})"|"op"\\s*:\\s*"(${[...secretOps].join('|')})"`, 'i')
  }

  /** A text that is sent: byte for byte, unless it holds a secret. */
  text(text: string): string {
    if (!this.#hint.test(text)) return text
    let message: unknown
    try {
      message = JSON.parse(text)
    } catch {
      // No protocol of a venue, but with the name of a secret in it: better nothing than too much.
      return shown
    }
    return JSON.stringify(this.#clean(message, false))
  }

  /** An address, with its secrets replaced in the query and the path; a user and password are gone. */
  url(address: string): string {
    if (!URL.canParse(address)) return address
    const url = new URL(address)
    url.pathname = url.pathname
      .split('/')
      .map((part) => (secretPart.test(part) ? shown : part))
      .join('/')
    url.username = ''
    url.password = ''
    const query = url.search
      .slice(1)
      .split('&')
      .map((pair) => {
        const [name = ''] = pair.split('=', 1)
        return pair.includes('=') && this.#names.has(name.toLowerCase()) ? `${name}=${encodeURIComponent(shown)}` : pair
      })
      .join('&')
    const end = address.indexOf('?')
    const start = url.href.indexOf('?')
    if (end < 0 || start < 0) return url.href
    return `${url.href.slice(0, start)}?${query}${url.hash}`
  }

  #clean(value: unknown, isSecret: boolean): unknown {
    if (typeof value === 'string' || typeof value === 'number') return isSecret ? shown : value
    if (Array.isArray(value)) return value.map((each) => this.#clean(each, isSecret))
    if (typeof value !== 'object' || value === null) return value
    const { op } = value as { op?: unknown }
    const ofOp = typeof op === 'string' && secretOps.has(op.toLowerCase())
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [
        name,
        this.#clean(each, isSecret || this.#names.has(name.toLowerCase()) || (ofOp && name === 'args')),
      ]),
    )
  }
}
