/** Where a field's value stands in a message: what the core is told of it (`docs/schema-format.md`, "SBE rows"). */

import type { Path } from '../feed/pointer.js'
import { configFault } from '../runtime/config.js'
import type { ConfigError } from '../runtime/errors.js'
import type { AnySbeOptions, SbeField } from './field.js'
import type { BlockField, Body, DataField, Group, Message } from './schema.js'
import { bitsOf, type EncodedType, type Enumeration, nullBits, type Type } from './types.js'

/** Where paths start. */
export interface Origin {
  readonly message: Message
  /** The group that makes rows. */
  readonly each: Group | undefined
}

interface Found {
  readonly in: 'root' | 'each'
  readonly field: BlockField
  /** Of the innermost composite's member, or of the field. */
  readonly type: Type
  readonly offset: number
  readonly since: number
  readonly optional: boolean
  readonly bit: number | undefined
}

interface FoundData {
  readonly in: 'root' | 'each'
  readonly index: number
  readonly data: DataField
}

const texts = new Set([undefined, 'UTF-8', 'UTF8', 'US-ASCII', 'ASCII'])

/**
 * @param at where the field stands in the projection.
 * @throws ConfigError naming the field of the projection.
 */
export function sourceOf({ kind, path, options }: SbeField, origin: Origin, at: Path): object {
  const refuse = (message: string): ConfigError => configFault('schema', at, message)
  if (typeof path !== 'string' || path === '') throw refuse('needs the path of a value in the message')
  const isEntry = origin.each !== undefined && options.from !== 'root'
  const scope = isEntry ? (origin.each as Group) : origin.message
  const where = isEntry ? 'each' : 'root'
  if (kind === 'levels') {
    if (isEntry) throw refuse("must be of the message: from: 'root'")
    return levelsOf(path, options, origin, refuse)
  }
  const found = find(scope, where, path, refuse)
  if ('data' in found) {
    if (kind !== 'symbol' && kind !== 'text') throw refuse('is variable-length data: symbol or text')
    checkEncoding(found.data.encoding, found.data.encoding !== undefined, refuse)
    return { data: found.index, in: found.in }
  }
  if (kind === 'symbol' || kind === 'text') return textOf(found, kind, refuse)
  if (kind === 'bool') return flagOf(found, refuse)
  const constant = constantOf(found)
  if (constant !== undefined) {
    if (options.exponent !== undefined) throw refuse('is constant: it has no exponent')
    return { constant }
  }
  if (kind === 'int64') return { number: { mantissa: integerOf(found, refuse) } }
  return { number: scaledOf(found, options.exponent, scope, where, origin, refuse, kind === 'decimal') }
}

function find(
  scope: Body,
  where: 'root' | 'each',
  path: string,
  refuse: (message: string) => ConfigError,
): Found | FoundData {
  const [first = '', ...rest] = path.split('.')
  if (scope.groups.has(first)) throw refuse(`${JSON.stringify(first)} is a group: levels, or the shape's each`)
  const data = scope.data.get(first)
  if (data !== undefined) {
    if (rest.length > 0) throw refuse(`${JSON.stringify(first)} has no members`)
    return { in: where, index: [...scope.data.keys()].indexOf(first), data }
  }
  const field = scope.fields.get(first)
  if (field === undefined) throw refuse(`there is no ${JSON.stringify(first)}`)
  let { type, offset, since } = field
  let optional = field.presence === 'optional'
  let bit: number | undefined
  for (const step of rest) {
    if (type.kind === 'composite') {
      const member = type.members.get(step)
      if (member === undefined) throw refuse(`${JSON.stringify(type.name)} has no member ${JSON.stringify(step)}`)
      type = member.type
      offset += member.offset
      since = Math.max(since, type.since)
      optional ||= type.kind === 'type' && type.presence === 'optional'
    } else if (type.kind === 'set' && bit === undefined) {
      bit = type.choices.get(step)
      if (bit === undefined) throw refuse(`${JSON.stringify(type.name)} has no choice ${JSON.stringify(step)}`)
    } else {
      throw refuse(`${JSON.stringify(type.name)} has no members`)
    }
  }
  return { in: where, field, type, offset, since, optional, bit }
}

/** A number in a block. */
function numberAt(found: Found, type: Exclude<Type, { kind: 'composite' }>): object {
  const nullValue =
    type.kind === 'set' ? undefined : (found.field.element.attributes.get('nullValue') ?? type.nullValue)
  const nullable = found.optional && type.kind !== 'set'
  return {
    in: found.in,
    at: { offset: found.offset, type: type.primitive === 'char' ? 'uint8' : type.primitive },
    ...(found.since > 0 && { since: found.since }),
    ...(nullable && { null: nullBits(type.primitive, nullValue, type.element) }),
  }
}

function constantOf({ field, type }: Found): string | undefined {
  if (type.kind === 'type' && type.presence === 'constant') return type.constant
  if (type.kind !== 'enum' || field.presence !== 'constant') return undefined
  return String([...type.values.values()][0])
}

function integerOf(found: Found, refuse: (message: string) => ConfigError): object {
  const { type } = found
  if (type.kind === 'composite') throw refuse('is a composite: name one of its members')
  if (found.bit !== undefined) throw refuse('is a choice of a set: bool')
  if (type.kind === 'type' && type.length !== 1) throw refuse('is an array')
  if (type.primitive === 'float' || type.primitive === 'double') throw refuse('is a fraction: number')
  if (type.kind === 'type' && type.primitive === 'char') throw refuse('is a character: symbol or text')
  return numberAt(found, type)
}

function scaledOf(
  found: Found,
  given: number | string | undefined,
  scope: Body,
  where: 'root' | 'each',
  origin: Origin,
  refuse: (message: string) => ConfigError,
  exact: boolean,
): object {
  const { type } = found
  if (type.kind === 'composite') {
    if (given !== undefined) throw refuse('is a composite, which has its own exponent')
    return decimalComposite(found, refuse)
  }
  if (type.kind === 'type' && type.length === 1 && (type.primitive === 'float' || type.primitive === 'double')) {
    if (exact) throw refuse('is a binary fraction, which is no exact decimal: number')
    if (given !== undefined) throw refuse('is a fraction: it has no exponent')
    return { mantissa: numberAt(found, type) }
  }
  const mantissa = integerOf(found, refuse)
  const exponent = given ?? found.field.element.foreign.get('exponent')
  if (exponent === undefined) return { mantissa }
  if (typeof exponent === 'number') return { mantissa, exponent }
  const name = exponent.split('.')[0] ?? ''
  const isHere = scope.fields.has(name)
  const holder = find(isHere ? scope : origin.message, isHere ? where : 'root', exponent, refuse)
  if ('data' in holder) throw refuse(`the exponent ${JSON.stringify(exponent)} is no number`)
  const constant = constantOf(holder)
  return { mantissa, exponent: constant === undefined ? integerOf(holder, refuse) : Number(constant) }
}

function decimalComposite(found: Found, refuse: (message: string) => ConfigError): object {
  const { members } = found.type as Extract<Type, { kind: 'composite' }>
  const mantissa = members.get('mantissa')
  const exponent = members.get('exponent')
  if (mantissa === undefined || exponent === undefined) throw refuse('is a composite: name one of its members')
  const member = ({ type, offset }: { type: Type; offset: number }, isMantissa: boolean): Found => ({
    ...found,
    type,
    offset: found.offset + offset,
    since: Math.max(found.since, type.since),
    optional: (isMantissa && found.optional) || (type.kind === 'type' && type.presence === 'optional'),
  })
  if (constantOf(member(mantissa, true)) !== undefined) throw refuse('has a constant mantissa')
  const constant = constantOf(member(exponent, false))
  return {
    mantissa: integerOf(member(mantissa, true), refuse),
    exponent: constant === undefined ? integerOf(member(exponent, false), refuse) : Number(constant),
  }
}

function textOf(found: Found, kind: 'symbol' | 'text', refuse: (message: string) => ConfigError): object {
  const { type } = found
  if (type.kind === 'enum') {
    if (kind === 'text') throw refuse('is an enum: symbol')
    return enumerationOf(found, type)
  }
  if (type.kind !== 'type') throw refuse('is no text')
  if (type.presence === 'constant') return { constant: type.constant }
  if (type.primitive !== 'char' && !(type.primitive === 'uint8' && type.encoding !== undefined)) {
    throw refuse('is no text')
  }
  if (type.length === 0) throw refuse('is no text')
  checkEncoding(type.encoding, true, refuse)
  const chars = {
    in: found.in,
    at: { offset: found.offset, type: 'uint8' },
    ...(found.since > 0 && { since: found.since }),
    ...(found.optional && { null: '0' }),
  }
  return { chars, length: type.length }
}

function enumerationOf(found: Found, type: Enumeration): object {
  if (found.field.presence === 'constant') return { constant: [...type.values.keys()][0] }
  const names = [...type.values].map(([text, value]) => ({ bits: bitsOf(type.primitive, value), text }))
  return { number: { mantissa: numberAt(found, type) }, names }
}

function flagOf(found: Found, refuse: (message: string) => ConfigError): object {
  const { type } = found
  if (type.kind === 'set') {
    if (found.bit === undefined) throw refuse('is a set: name one of its choices')
    return { number: { mantissa: numberAt(found, type) }, flag: found.bit }
  }
  const constant = constantOf(found)
  if (constant !== undefined) {
    if (constant !== '0' && constant !== '1') throw refuse('is neither 0 nor 1')
    return { constant: String(constant === '1') }
  }
  if (type.kind === 'enum' && [...type.values.values()].some((value) => value !== 0n && value !== 1n)) {
    throw refuse('is an enum of other values than 0 and 1')
  }
  return { number: { mantissa: integerOf(found, refuse) } }
}

function levelsOf(
  path: string,
  { price, size, priceExponent, sizeExponent, exact }: AnySbeOptions,
  origin: Origin,
  refuse: (message: string) => ConfigError,
): object {
  const group = origin.message.groups.get(path)
  if (group === undefined) throw refuse(`there is no group ${JSON.stringify(path)}`)
  if (group === origin.each) throw refuse('is the group that makes rows')
  const part = (name: string | undefined, exponent: number | string | undefined): object => {
    if (name === undefined) throw refuse('needs price and size')
    const found = find(group, 'each', name, refuse)
    if ('data' in found || constantOf(found) !== undefined) throw refuse(`${JSON.stringify(name)} is no number`)
    return scaledOf(found, exponent, group, 'each', origin, refuse, exact === true)
  }
  return {
    group: [...origin.message.groups.keys()].indexOf(path),
    price: part(price, priceExponent),
    size: part(size, sizeExponent),
  }
}

function checkEncoding(
  encoding: EncodedType['encoding'],
  isText: boolean,
  refuse: (message: string) => ConfigError,
): void {
  if (!isText) throw refuse('is bytes: the schema names no characterEncoding')
  if (!texts.has(encoding?.toUpperCase())) throw refuse(`is in ${encoding}: only UTF-8 and ASCII are read`)
}
