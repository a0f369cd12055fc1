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
  if (Symbol.iterator in input) {
    for (const [name, value] of input as Iterable<readonly [string, string]>) lines += fieldLine(name, value)
    return lines
  }
  const fields = input as Readonly<Record<string, string | readonly string[]>>
  for (const name of Object.keys(fields)) {
    const value = fields[name] as string | readonly string[]
    if (typeof value === 'string') lines += fieldLine(name, value)
    else for (const one of value) lines += fieldLine(name, one)
  }
  return lines
}

/** "name:value\n". @throws as {@link fieldLines} */
export function fieldLine(name: string, value: string): string {
  if (!token.test(name)) throw refused(`the name of header field ${JSON.stringify(name)} is no token`)
  if (typeof value !== 'string' || forbidden.test(value)) {
    throw refused(`the value of header field ${name} is no text, or has characters that cannot be sent`)
  }
  return `${name.toLowerCase()}:${value}\n`
}

/**
 * Field lines behind those that every request carries. Most requests repeat what the last one had, a key for example: the same text is
 * then given again, without looking at it anew.
 */
export class FieldMemo {
  readonly fixed: string
  #names: readonly string[] = []
  #values: readonly string[] = []
  #text: string

  /** @param fixed lines of every request. */
  constructor(fixed: string) {
    this.fixed = fixed
    this.#text = fixed
  }

  /** @throws as {@link fieldLines} */
  lines(input: HeadersInput | undefined): string {
    if (input === undefined) return this.fixed
    if (Symbol.iterator in input) return this.fixed + fieldLines(input)
    const fields = input as Readonly<Record<string, string | readonly string[]>>
    const names = Object.keys(fields)
    if (this.#isLast(names, fields)) return this.#text
    const text = this.fixed + fieldLines(fields)
    const values: string[] = []
    for (const name of names) {
      const value = fields[name]
      // Several values of a name: an array may have others the next time.
      if (typeof value !== 'string') return text
      values.push(value)
    }
    this.#names = names
    this.#values = values
    this.#text = text
    return text
  }

  #isLast(names: readonly string[], fields: Readonly<Record<string, string | readonly string[]>>): boolean {
    const { length } = names
    if (length !== this.#names.length) return false
    for (let i = 0; i < length; i++) {
      const name = names[i] as string
      if (name !== this.#names[i] || fields[name] !== this.#values[i]) return false
    }
    return true
  }
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

/** Whether a field of that name, in lower case, is given. */
export function hasField(input: HeadersInput, name: string): boolean {
  if (Symbol.iterator in input) {
    for (const [given] of input as Iterable<readonly [string, string]>) if (given.toLowerCase() === name) return true
    return false
  }
  for (const given of Object.keys(input)) {
    if (given.length === name.length && given.toLowerCase() === name) return true
  }
  return false
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
