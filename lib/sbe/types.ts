/** The types of a schema: encoded types, composites, enums and sets (SBE 1.0, sections 2 and 4). */

import { type Element, fault, integer, required } from './xml.js'

/** Bytes of each primitive type. */
export const primitiveBytes = {
  char: 1,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  float: 4,
  double: 8,
} as const

export type Primitive = keyof typeof primitiveBytes

export type Presence = 'required' | 'optional' | 'constant'

export const maxVersion = 65_535
export const maxBlock = 65_535

interface Common {
  readonly name: string
  /** In a message; 0 for constants. */
  readonly bytes: number
  /** Version of the schema that added it. */
  readonly since: number
  readonly element: Element
}

/** `<type>`: a number, or characters. */
export interface EncodedType extends Common {
  readonly kind: 'type'
  readonly primitive: Primitive
  /** Values in a row; 0: as many as a length in front of them says. */
  readonly length: number
  readonly presence: Presence
  /** As written in the schema. */
  readonly nullValue: string | undefined
  readonly maxValue: string | undefined
  /** Of `presence="constant"`. */
  readonly constant: string | undefined
  readonly encoding: string | undefined
}

export interface Enumeration extends Common {
  readonly kind: 'enum'
  readonly primitive: Primitive
  readonly nullValue: string | undefined
  /** Encoded values by name. */
  readonly values: ReadonlyMap<string, bigint>
}

export interface ChoiceSet extends Common {
  readonly kind: 'set'
  readonly primitive: Primitive
  /** Bits by name. */
  readonly choices: ReadonlyMap<string, number>
}

/** `<composite>`: values of a fixed order, each at its offset. */
export interface Composite extends Common {
  readonly kind: 'composite'
  readonly members: ReadonlyMap<string, { readonly type: Type; readonly offset: number }>
}

export type Type = EncodedType | Enumeration | ChoiceSet | Composite

const maxNesting = 8

/** The types of one schema by name, resolved when first asked for. */
export class Types {
  readonly #elements = new Map<string, Element>()
  readonly #resolved = new Map<string, Type>()
  readonly #underway = new Set<string>()

  constructor(root: Element) {
    for (const list of root.children.filter(({ name }) => name === 'types')) {
      for (const element of list.children) {
        const name = required(element, 'name')
        if (this.#elements.has(name)) throw fault(element, 'name', 'is that of another type')
        this.#elements.set(name, element)
      }
    }
  }

  /** All of them, so that every fault shows. */
  resolveAll(): void {
    for (const [name, element] of this.#elements) this.get(name, element, 'name')
  }

  /** @throws ConfigError about the attribute of `user` that names the type. */
  get(name: string, user: Element, attribute: string): Type {
    const known = this.#resolved.get(name)
    if (known !== undefined) return known
    const element = this.#elements.get(name)
    if (element === undefined) {
      if (!isPrimitive(name)) throw fault(user, attribute, `there is no type ${JSON.stringify(name)}`)
      return plain(name, user)
    }
    if (this.#underway.has(name)) throw fault(user, attribute, `the type ${JSON.stringify(name)} contains itself`)
    this.#underway.add(name)
    const type = this.#resolve(element, 0)
    this.#underway.delete(name)
    this.#resolved.set(name, type)
    return type
  }

  #resolve(element: Element, depth: number): Type {
    switch (element.name) {
      case 'type':
        return encodedType(element)
      case 'enum':
        return this.#enumeration(element)
      case 'set':
        return this.#choiceSet(element)
      case 'composite':
        return this.#composite(element, depth)
      default:
        throw fault(element, null, 'must be type, composite, enum or set')
    }
  }

  #composite(element: Element, depth: number): Composite {
    if (depth === maxNesting) throw fault(element, null, 'is nested too deeply')
    const members = new Map<string, { type: Type; offset: number }>()
    let end = 0
    for (const child of element.children) {
      const name = required(child, 'name')
      if (members.has(name)) throw fault(child, 'name', 'is that of another member')
      const type =
        child.name === 'ref' ? this.get(required(child, 'type'), child, 'type') : this.#resolve(child, depth + 1)
      const offset = offsetOf(child, end)
      const since = Math.max(type.since, sinceOf(child))
      members.set(name, { type: { ...type, name, since }, offset })
      end = offset + type.bytes
    }
    if (members.size === 0) throw fault(element, null, 'has no members')
    checkBlock(element, end)
    return { kind: 'composite', name: required(element, 'name'), bytes: end, since: sinceOf(element), element, members }
  }

  /** What an enum or set is encoded as: a primitive type, or a named one. */
  #encoding(element: Element): EncodedType {
    const type = this.get(required(element, 'encodingType'), element, 'encodingType')
    if (type.kind !== 'type' || type.length !== 1 || type.presence === 'constant') {
      throw fault(element, 'encodingType', 'must be a type of one value')
    }
    return type
  }

  #enumeration(element: Element): Enumeration {
    const { primitive, bytes, nullValue } = this.#encoding(element)
    if (primitive === 'float' || primitive === 'double') throw fault(element, 'encodingType', 'must not be a fraction')
    const values = new Map<string, bigint>()
    for (const child of element.children) {
      if (child.name !== 'validValue') throw fault(child, null, 'must be validValue')
      const name = required(child, 'name')
      if (values.has(name)) throw fault(child, 'name', 'is that of another value')
      values.set(name, encodedValue(primitive, child.text, child, null))
    }
    const given = element.attributes.get('nullValue') ?? nullValue
    return {
      kind: 'enum',
      name: required(element, 'name'),
      primitive,
      bytes,
      since: sinceOf(element),
      element,
      nullValue: given,
      values,
    }
  }

  #choiceSet(element: Element): ChoiceSet {
    const { primitive, bytes } = this.#encoding(element)
    if (!primitive.startsWith('uint')) throw fault(element, 'encodingType', 'must be an unsigned integer')
    const choices = new Map<string, number>()
    for (const child of element.children) {
      if (child.name !== 'choice') throw fault(child, null, 'must be choice')
      const name = required(child, 'name')
      if (choices.has(name)) throw fault(child, 'name', 'is that of another choice')
      if (!/^\d{1,2}$/.test(child.text) || Number(child.text) >= bytes * 8) {
        throw fault(child, null, `must be a bit from 0 to ${bytes * 8 - 1}`)
      }
      choices.set(name, Number(child.text))
    }
    return { kind: 'set', name: required(element, 'name'), primitive, bytes, since: sinceOf(element), element, choices }
  }
}

/** The null value of a number as the bits of its encoding, in hex. */
export function nullBits(primitive: Primitive, given: string | undefined, element: Element): string {
  if (primitive === 'float' || primitive === 'double') {
    if (given !== undefined && given !== 'NaN') throw fault(element, 'nullValue', 'must be NaN for a fraction')
    return primitive === 'float' ? '7fc00000' : '7ff8000000000000'
  }
  if (given !== undefined) return bitsOf(primitive, encodedValue(primitive, given, element, 'nullValue'))
  const width = BigInt(primitiveBytes[primitive] * 8)
  if (primitive === 'char') return '0'
  return (primitive.startsWith('u') ? (1n << width) - 1n : 1n << (width - 1n)).toString(16)
}

/** An integer as the bits of its encoding, in hex. */
export function bitsOf(primitive: Primitive, value: bigint): string {
  return BigInt.asUintN(primitiveBytes[primitive] * 8, value).toString(16)
}

/** An integer within the range of its encoding; of `char` the code of the character. */
export function encodedValue(primitive: Primitive, text: string, element: Element, attribute: string | null): bigint {
  if (primitive === 'char' && /^[!-~]$/.test(text)) return BigInt(text.charCodeAt(0))
  const bits = primitiveBytes[primitive] * 8
  if (!/^-?\d{1,20}$/.test(text)) throw fault(element, attribute, 'must be an integer')
  const value = BigInt(text)
  const fits = primitive.startsWith('int') ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)
  if (fits !== value) throw fault(element, attribute, `is beyond ${primitive}`)
  return value
}

export function isPrimitive(name: string): name is Primitive {
  return Object.hasOwn(primitiveBytes, name)
}

export function sinceOf(element: Element): number {
  return integer(element, 'sinceVersion', 0, maxVersion) ?? 0
}

export function presenceOf(element: Element): Presence | undefined {
  const presence = element.attributes.get('presence')
  if (presence === undefined || presence === 'required' || presence === 'optional' || presence === 'constant') {
    return presence
  }
  throw fault(element, 'presence', 'must be required, optional or constant')
}

/** The place of something that follows `end` bytes, and may be moved further by its `offset`. */
export function offsetOf(element: Element, end: number): number {
  const offset = integer(element, 'offset', 0, maxBlock) ?? end
  if (offset < end) throw fault(element, 'offset', `must be at least ${end}, behind what stands before it`)
  return offset
}

export function checkBlock(element: Element, bytes: number): void {
  if (bytes > maxBlock) throw fault(element, null, `takes more than ${maxBlock} bytes`)
}

function plain(primitive: Primitive, element: Element): EncodedType {
  return {
    kind: 'type',
    name: primitive,
    primitive,
    length: 1,
    bytes: primitiveBytes[primitive],
    presence: 'required',
    since: 0,
    element,
    nullValue: undefined,
    maxValue: undefined,
    constant: undefined,
    encoding: undefined,
  }
}

function encodedType(element: Element): EncodedType {
  const primitive = required(element, 'primitiveType')
  if (!isPrimitive(primitive)) throw fault(element, 'primitiveType', 'is none of SBE')
  const presence = presenceOf(element) ?? 'required'
  const constant = presence === 'constant' ? element.text : undefined
  if (constant === '') throw fault(element, 'presence', 'is constant, but there is no value')
  const length = integer(element, 'length', 0, maxBlock) ?? 1
  const bytes = presence === 'constant' ? 0 : length * primitiveBytes[primitive]
  checkBlock(element, bytes)
  return {
    kind: 'type',
    name: required(element, 'name'),
    primitive,
    length,
    bytes,
    presence,
    since: sinceOf(element),
    element,
    nullValue: element.attributes.get('nullValue'),
    maxValue: element.attributes.get('maxValue'),
    constant,
    encoding: element.attributes.get('characterEncoding'),
  }
}
