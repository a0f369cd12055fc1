/** Header fields: written for requests, read from responses. */

import { TickwireError } from '../runtime/errors.js'

/** Header fields of a request: an object, pairs, or a `Headers`. Names in any case. */
export type HeadersInput =
  | Readonly<Record<string, string | readonly string[]>>
  | Iterable<readonly [name: string, value: string]>

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not pass
const forbidden = /[\x00-\x08\x0a-\x1f\x7f\u0100-\uffff]/

/**
 * "name:value\n" for each field, as the core takes them.
 * @throws TickwireError `ERR_HTTP_REQUEST` naming the field whose name is no token (RFC 9110 section 5.6.2) or whose value has control
 *   characters or characters over U+00FF; never the value.
 */
export function fieldLines(input: HeadersInput): string {
  let lines = ''
  const add = (name: string, value: string): void => {
    if (!token.test(name)) throw refused(`the name of header field ${JSON.stringify(name)} is no token`)
    if (typeof value !== 'string' || forbidden.test(value)) {
      throw refused(`the value of header field ${name} is no text, or has characters that cannot be sent`)
    }
    lines += `${name.toLowerCase()}:${value}\n`
  }
  if (Symbol.iterator in input) {
    for (const [name, value] of input as Iterable<readonly [string, string]>) add(name, value)
    return lines
  }
  const fields = input as Readonly<Record<string, string | readonly string[]>>
  for (const name of Object.keys(fields)) {
    const value = fields[name] as string | readonly string[]
    if (typeof value === 'string') add(name, value)
    else for (const one of value) add(name, one)
  }
  return lines
}

/** Header fields one by one, as they were given. */
export function pairsOf(input: HeadersInput): (readonly [name: string, value: string])[] {
  if (Symbol.iterator in input) return [...(input as Iterable<readonly [string, string]>)]
  const fields = input as Readonly<Record<string, string | readonly string[]>>
  const pairs: (readonly [string, string])[] = []
  for (const name of Object.keys(fields)) {
    const value = fields[name] as string | readonly string[]
    if (typeof value === 'string') pairs.push([name, value])
    else for (const one of value) pairs.push([name, one])
  }
  return pairs
}

function refused(message: string): TickwireError {
  return new TickwireError('ERR_HTTP_REQUEST', message)
}

/** Header fields of a response. Names are in lower case. Looked for in the text as it came: most of them nobody asks for. */
export class ResponseHeaders implements Iterable<readonly [name: string, value: string]> {
  readonly #text: string

  /** @param text "name:value\n" for each. */
  constructor(text: string) {
    this.#text = text
  }

  /** The value; of several fields of that name their values joined by ", "; null when there is none. Any case. */
  get(name: string): string | null {
    const values = this.#values(name)
    return values.length === 0 ? null : values.join(', ')
  }

  /** All values of that name: `set-cookie` must not be joined. */
  getAll(name: string): readonly string[] {
    return this.#values(name)
  }

  has(name: string): boolean {
    return this.#values(name).length > 0
  }

  /** In the order in which they came, a name's values one by one. */
  *[Symbol.iterator](): IterableIterator<readonly [name: string, value: string]> {
    for (const line of this.#lines()) {
      const colon = line.indexOf(':')
      yield [line.slice(0, colon), line.slice(colon + 1)]
    }
  }

  /** One string per name. */
  toJSON(): Record<string, string> {
    const joined = new Map<string, string>()
    for (const [name, value] of this) {
      const before = joined.get(name)
      joined.set(name, before === undefined ? value : `${before}, ${value}`)
    }
    return Object.fromEntries(joined)
  }

  #lines(): string[] {
    return this.#text === '' ? [] : this.#text.slice(0, -1).split('\n')
  }

  #values(name: string): string[] {
    const values: string[] = []
    // A name with a colon is none, and would be found across the end of one.
    if (name.includes(':')) return values
    const text = this.#text
    const start = `${name.toLowerCase()}:`
    for (let at = text.indexOf(start); at >= 0; ) {
      // Lines end with the only line feeds there are.
      const end = text.indexOf('\n', at)
      if (at === 0 || text.charCodeAt(at - 1) === 10) values.push(text.slice(at + start.length, end))
      at = text.indexOf(start, end)
    }
    return values
  }
}
