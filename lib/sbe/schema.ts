/** Messages of a schema: their blocks, groups and variable-length data, everything at its place. */

import {
  type Composite,
  checkBlock,
  type EncodedType,
  encodedValue,
  maxBlock,
  offsetOf,
  type Presence,
  type Primitive,
  presenceOf,
  sinceOf,
  type Type,
  Types,
} from './types.js'
import { type Element, fault, integer, readXml, required } from './xml.js'

const maxNesting = 8
const maxParts = 1_024

/** A number within a header, as the core is told of it. */
export interface Place {
  readonly offset: number
  readonly type: Primitive
}

/** A field of a block. */
export interface BlockField {
  readonly name: string
  readonly offset: number
  readonly type: Type
  readonly presence: Presence
  readonly since: number
  readonly element: Element
}

/** Variable-length data. */
export interface DataField {
  readonly name: string
  readonly length: Place
  /** Where the data starts, from its length's composite. */
  readonly start: number
  readonly since: number
  readonly encoding: string | undefined
  readonly element: Element
}

/** What messages and entries of groups have alike. */
export interface Body {
  readonly fields: ReadonlyMap<string, BlockField>
  readonly groups: ReadonlyMap<string, Group>
  readonly data: ReadonlyMap<string, DataField>
}

export interface Group extends Body {
  readonly name: string
  /** Bytes of its dimensions. */
  readonly size: number
  readonly blockLength: Place
  readonly count: Place
  /** Entries at most, if the schema says so. */
  readonly most: number | undefined
  readonly since: number
  readonly element: Element
}

export interface Message extends Body {
  readonly name: string
  readonly id: number
  readonly element: Element
}

export interface Schema {
  readonly id: number
  readonly version: number
  readonly bigEndian: boolean
  readonly header: {
    readonly size: number
    readonly blockLength: Place
    readonly templateId: Place
    readonly schemaId: Place
    readonly version: Place
  }
  readonly messages: ReadonlyMap<string, Message>
  readonly types: Types
}

/**
 * Reads a message schema.
 * @throws ConfigError naming the element and attribute at fault.
 */
export function readSchema(xml: string): Schema {
  const root = readXml(xml)
  if (root.name !== 'messageSchema') throw fault(root, null, 'the document is no messageSchema')
  const order = root.attributes.get('byteOrder') ?? 'littleEndian'
  if (order !== 'littleEndian' && order !== 'bigEndian') {
    throw fault(root, 'byteOrder', 'must be littleEndian or bigEndian')
  }
  required(root, 'id')
  const types = new Types(root)
  types.resolveAll()
  const messages = new Map<string, Message>()
  const ids = new Set<number>()
  for (const element of root.children) {
    if (element.name === 'types') continue
    if (element.name !== 'message') throw fault(element, null, 'must be types or message')
    const name = required(element, 'name')
    required(element, 'id')
    const id = integer(element, 'id', 0, 0xffff_ffff) ?? 0
    if (messages.has(name)) throw fault(element, 'name', 'is that of another message')
    if (ids.has(id)) throw fault(element, 'id', 'is that of another message')
    ids.add(id)
    messages.set(name, { name, id, element, ...body(element, types, 0) })
  }
  return {
    id: integer(root, 'id', 0, 0xffff_ffff) ?? 0,
    version: integer(root, 'version', 0, 0xffff_ffff) ?? 0,
    bigEndian: order === 'bigEndian',
    header: header(root, types),
    messages,
    types,
  }
}

function header(root: Element, types: Types): Schema['header'] {
  const composite = compositeOf(root, 'headerType', 'messageHeader', types)
  return {
    size: composite.bytes,
    blockLength: place(composite, 'blockLength'),
    templateId: place(composite, 'templateId'),
    schemaId: place(composite, 'schemaId'),
    version: place(composite, 'version'),
  }
}

function body(element: Element, types: Types, depth: number): Body {
  const fields = new Map<string, BlockField>()
  const groups = new Map<string, Group>()
  const data = new Map<string, DataField>()
  let end = 0
  const names = new Set<string>()
  for (const child of element.children) {
    const name = required(child, 'name')
    if (names.has(name)) throw fault(child, 'name', 'is that of another one of these')
    names.add(name)
    if (names.size > maxParts) throw fault(element, null, `has more than ${maxParts} parts`)
    if (child.name === 'field') {
      if (groups.size + data.size > 0) throw fault(child, null, 'must stand before groups and data')
      const field = blockField(child, types, end)
      fields.set(name, field)
      if (field.presence !== 'constant') end = field.offset + field.type.bytes
    } else if (child.name === 'group') {
      if (data.size > 0) throw fault(child, null, 'must stand before data')
      if (depth === maxNesting) throw fault(child, null, 'is nested too deeply')
      groups.set(name, group(child, types, depth + 1))
    } else if (child.name === 'data') {
      data.set(name, dataField(child, types))
    } else {
      throw fault(child, null, 'must be field, group or data')
    }
  }
  checkBlock(element, end)
  const given = integer(element, 'blockLength', 0, maxBlock)
  if (given !== undefined && given < end) throw fault(element, 'blockLength', `must be at least ${end}`)
  return { fields, groups, data }
}

function blockField(element: Element, types: Types, end: number): BlockField {
  const type = types.get(required(element, 'type'), element, 'type')
  const given = presenceOf(element)
  const presence = given ?? (type.kind === 'type' ? type.presence : 'required')
  const since = Math.max(sinceOf(element), type.since)
  return {
    name: required(element, 'name'),
    offset: presence === 'constant' ? end : offsetOf(element, end),
    type: presence === 'constant' ? constantType(element, type, types) : type,
    presence,
    since,
    element,
  }
}

/** A constant: of the type itself, or by reference to the value of an enum. */
function constantType(element: Element, type: Type, types: Types): Type {
  const reference = element.attributes.get('valueRef')
  if (reference === undefined) {
    if (type.kind === 'type' && type.constant !== undefined) return type
    throw fault(element, 'presence', 'is constant, but there is no value')
  }
  const [enumName = '', valueName = '', ...more] = reference.split('.')
  const referred = types.get(enumName, element, 'valueRef')
  if (referred.kind !== 'enum' || more.length > 0 || !referred.values.has(valueName)) {
    throw fault(element, 'valueRef', 'must be ENUM.VALUE')
  }
  return { ...referred, values: new Map([[valueName, referred.values.get(valueName) as bigint]]) }
}

function group(element: Element, types: Types, depth: number): Group {
  const dimension = compositeOf(element, 'dimensionType', 'groupSizeEncoding', types)
  const counter = dimension.members.get('numInGroup')?.type as EncodedType | undefined
  const most =
    counter?.maxValue === undefined
      ? undefined
      : Number(encodedValue(counter.primitive, counter.maxValue, counter.element, 'maxValue'))
  return {
    name: required(element, 'name'),
    size: dimension.bytes,
    blockLength: place(dimension, 'blockLength'),
    count: place(dimension, 'numInGroup'),
    most,
    since: sinceOf(element),
    element,
    ...body(element, types, depth),
  }
}

function dataField(element: Element, types: Types): DataField {
  const composite = compositeOf(element, 'type', undefined, types)
  const value = composite.members.get('varData')
  if (value === undefined || value.type.kind !== 'type' || value.type.bytes !== 0) {
    throw fault(composite.element, null, 'needs a member varData with length="0"')
  }
  return {
    name: required(element, 'name'),
    length: place(composite, 'length'),
    start: value.offset,
    since: Math.max(sinceOf(element), composite.since),
    encoding: value.type.encoding,
    element,
  }
}

function compositeOf(element: Element, attribute: string, byDefault: string | undefined, types: Types): Composite {
  const name = element.attributes.get(attribute) ?? byDefault
  const type = types.get(name ?? required(element, attribute), element, attribute)
  if (type.kind !== 'composite') throw fault(element, attribute, 'must name a composite')
  return type
}

function place(composite: Composite, name: string): Place {
  const member = composite.members.get(name)
  if (member === undefined) throw fault(composite.element, null, `needs a member ${name}`)
  const { type, offset } = member
  if (type.kind !== 'type' || type.length !== 1 || type.presence === 'constant' || !type.primitive.startsWith('uint')) {
    throw fault(type.element, 'primitiveType', 'must be an unsigned integer')
  }
  return { offset, type: type.primitive }
}
