import { z } from 'zod'
import { configFault, parseConfig } from '../runtime/config.js'
import { rowMetaNames } from '../runtime/row-cursor.js'
import type { Encoding, IntegerInput, LevelInput } from './encoding.js'
import { headerValues } from './kinds.js'
import { MessageType } from './message-type.js'
import type { DecimalInput } from './scaled.js'

/** How a user type's field stands on the wire. */
export type UserKind = 'number' | 'int64' | 'decimal' | 'symbol' | 'text' | 'bool' | 'levels'

/** A field of a user type. */
export interface UserField {
  /** Its number on the wire, 1…254. A number that was given once keeps its meaning: later versions of a type add new ones. */
  readonly tag: number
  readonly kind: UserKind
  /** Messages may be without it. Default false. */
  readonly optional?: boolean
}

/** The fields of a user type, by name. */
export type UserFields = { readonly [name: string]: UserField }

export interface UserTypeOptions<Name extends string, F extends UserFields> {
  /** Number on the wire, 64…255. */
  readonly id: number
  readonly name: Name
  /** Whom its messages are for: 1 market data, 2 signals, 3 executions, 4…255 as you like. Default 4. */
  readonly domain?: number | undefined
  readonly fields: F
  /** Symbol field that says what a message is about; null: none. Default: the first symbol field that is not optional. */
  readonly key?: (keyof F & string) | null | undefined
}

type InputOfKind = {
  number: number
  int64: IntegerInput
  decimal: DecimalInput
  symbol: string
  text: string
  bool: boolean
  levels: readonly LevelInput[]
}

type OptionalNames<F extends UserFields> = {
  [K in keyof F]: F[K] extends { readonly optional: true } ? K : never
}[keyof F]

/** What is published as a message of a user type. */
export type UserInput<F extends UserFields> = {
  readonly [K in Exclude<keyof F, OptionalNames<F>>]: InputOfKind[F[K]['kind']]
} & {
  readonly [K in OptionalNames<F>]?: InputOfKind[F[K]['kind']] | null | undefined
}

const maxText = 16_777_216
const subject = 'message type'

const schema = z.strictObject({
  id: z.int().min(64).max(255),
  name: z.string().min(1).max(255),
  domain: z.int().min(1).max(255).default(4),
  fields: z.record(
    z.string().min(1),
    z.strictObject({
      tag: z.int().min(1).max(254),
      kind: z.enum(['number', 'int64', 'decimal', 'symbol', 'text', 'bool', 'levels']),
      optional: z.boolean().optional(),
    }),
  ),
  key: z.string().nullable().optional(),
})

/**
 * A message type of one's own. Both ends make it of the same options; they are not sent.
 * @throws ConfigError naming the field at fault.
 */
export function userType<const Name extends string, const F extends UserFields>(
  options: UserTypeOptions<Name, F>,
): MessageType<Name, F, UserInput<F>> {
  const { id, domain, fields, key } = parseConfig(subject, schema, options)
  const names = Object.keys(fields)
  if (names.length === 0) throw configFault(subject, ['fields'], 'must not be empty')
  const taken = new Set<number>()
  for (const name of names) {
    const at = ['fields', name]
    if (Object.hasOwn(headerValues, name))
      throw configFault(subject, at, 'every message has a value of this name already')
    if ((rowMetaNames as readonly string[]).includes(name)) {
      throw configFault(subject, at, 'every row has a property of this name already')
    }
    const { tag } = fields[name] as UserField
    if (taken.has(tag)) throw configFault(subject, [...at, 'tag'], 'is that of another field')
    taken.add(tag)
  }
  if (key !== undefined && key !== null && fields[key]?.kind !== 'symbol') {
    throw configFault(subject, ['key'], 'must name a symbol field')
  }
  const keyName =
    key === null
      ? null
      : (key ?? names.find((name) => fields[name]?.kind === 'symbol' && fields[name]?.optional !== true) ?? null)
  const tags = Object.fromEntries(names.map((name) => [name, (fields[name] as UserField).tag]))
  const steps = names.map((name) => step(name, fields[name] as UserField, name === keyName))
  return new MessageType<Name, F, UserInput<F>>({ name: options.name, id, domain }, options.fields, tags, {
    encode(encoding, message) {
      for (const write of steps) write(encoding, message as { readonly [name: string]: unknown })
    },
  })
}

type Step = (encoding: Encoding, message: { readonly [name: string]: unknown }) => void

function step(name: string, { tag, kind, optional }: UserField, isKey: boolean): Step {
  const write = writers[kind] as (e: Encoding, tag: number, name: string, value: unknown) => void
  return (encoding, message) => {
    const value = message[name]
    if (value === undefined || value === null) {
      if (optional === true) return
      encoding.fail(name, 'is missing')
    }
    write(encoding, tag, name, value)
    if (isKey) encoding.key = encoding.symbol(name, value as string)
  }
}

const writers: { readonly [K in UserKind]: (e: Encoding, tag: number, name: string, value: InputOfKind[K]) => void } = {
  number: (e, tag, name, value) => e.numberField(tag, name, value),
  int64: (e, tag, name, value) => e.integerField(tag, name, value),
  decimal: (e, tag, name, value) => e.decimalField(tag, name, value),
  symbol: (e, tag, name, value) => e.symbolField(tag, name, value),
  text: (e, tag, name, value) => e.textField(tag, name, value, 0, maxText),
  bool: (e, tag, name, value) => e.boolField(tag, name, value),
  levels(e, tag, name, value) {
    e.prices.clear()
    e.sizes.clear()
    e.collect(name, value)
    const count = e.prices.length
    const at = e.open(tag, 2 + count * 16)
    e.writer.u8(at, e.prices.scale)
    e.writer.u8(at + 1, e.sizes.scale)
    e.levels(at + 2, name, 0, count)
  },
}
