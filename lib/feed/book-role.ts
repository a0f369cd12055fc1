/** What the rows of a shape are to order books. */

import { z } from 'zod'
import { configFault } from '../runtime/config.js'
import type { FieldKind } from '../runtime/shape-layout.js'
import type { Fields } from './field.js'
import type { Path } from './pointer.js'

/** Names of the fields of a kind. */
export type NamesOf<F extends Fields, Kind extends FieldKind> = {
  [K in keyof F & string]: F[K] extends { readonly kind: Kind } ? K : never
}[keyof F & string]

/**
 * The fields of a shape that an order book is made of. Each row is an event with both sides, `bids` and `asks`; or, with `side`, the
 * rows of one array are the levels of one event, which an array without any is, too. A role of `sequence` alone is for messages that only count in the sequence
 * of their connection.
 */
export interface BookRole<F extends Fields> {
  /** Whose book it is. */
  readonly symbol?: NamesOf<F, 'symbol'> | undefined
  /**
   * Fields of levels that are `exact`; or both of orders, for books of orders. An optional one that is absent has none.
   */
  readonly bids?: NamesOf<F, 'levels' | 'orders'> | undefined
  readonly asks?: NamesOf<F, 'levels' | 'orders'> | undefined
  /** In place of `bids` and `asks`: the field that names a level's side and its text for bids, and those of its price and size. */
  readonly side?:
    | {
        readonly field: NamesOf<F, 'symbol'>
        readonly bid: string
        readonly price: NamesOf<F, 'decimal'>
        readonly size: NamesOf<F, 'decimal'>
      }
    | undefined
  /** Whether an event is the whole book rather than a change of it: always, never, or when a field is this text. Default false. */
  readonly snapshot?: boolean | { readonly field: NamesOf<F, 'symbol'>; readonly is: string } | undefined
  /** Number of the first and of the last update in the event, and of the last one before it. */
  readonly firstId?: NamesOf<F, 'int64'> | undefined
  readonly lastId?: NamesOf<F, 'int64'> | undefined
  readonly prevId?: NamesOf<F, 'int64'> | undefined
  /** Check sum of the book after the event. */
  readonly checksum?: NamesOf<F, 'int64'> | undefined
  /** A number that is one more with every message of the connection, whatever it is about. */
  readonly sequence?: NamesOf<F, 'int64'> | undefined
}

/** A role of some shape. */
export type AnyBookRole = BookRole<Fields>

const name = z.string().min(1)
const text = z.string().min(1).max(255)

export const bookRoleSchema: z.ZodType<AnyBookRole> = z
  .strictObject({
    symbol: name.optional(),
    bids: name.optional(),
    asks: name.optional(),
    side: z.strictObject({ field: name, bid: text, price: name, size: name }).optional(),
    snapshot: z.union([z.boolean(), z.strictObject({ field: name, is: text })]).optional(),
    firstId: name.optional(),
    lastId: name.optional(),
    prevId: name.optional(),
    checksum: name.optional(),
    sequence: name.optional(),
  })
  .refine(({ bids, asks }) => (bids === undefined) === (asks === undefined), {
    path: ['bids'],
    message: 'and `asks` go together',
  })
  .refine(({ side, bids }) => side === undefined || bids === undefined, {
    path: ['side'],
    message: 'and `bids`, `asks` exclude each other',
  })
  .refine(({ side, bids, sequence }) => side !== undefined || bids !== undefined || sequence !== undefined, {
    message: 'needs `bids` and `asks`, or `side`, or `sequence`',
  }) as z.ZodType<AnyBookRole>

/**
 * The role as the core is told (`docs/schema-format.md`).
 * @throws ConfigError naming what is wrong.
 */
export function describeBookRole(role: AnyBookRole, fields: Fields, hasEach: boolean, at: Path): object {
  const names = Object.keys(fields)
  const field = (key: string, given: string | undefined, kind: FieldKind): object => {
    if (given === undefined) return {}
    if (fields[given]?.kind !== kind)
      throw configFault('schema', [...at, key], `must name a field made by json.${kind}`)
    return { [key]: names.indexOf(given) }
  }
  const { side, snapshot = false } = role
  const kindOf = (name: string | undefined): FieldKind | undefined => fields[name ?? '']?.kind
  const sides = kindOf(role.bids) === 'orders' ? 'orders' : 'levels'
  for (const levels of [role.bids, role.asks]) {
    if (levels !== undefined && sides === 'levels' && fields[levels]?.options.exact !== true) {
      throw configFault('schema', [...at, 'bids'], 'and asks must be fields of levels that are `exact`')
    }
  }
  if (side !== undefined && !hasEach) throw configFault('schema', [...at, 'side'], 'needs one row per level: `each`')
  return {
    kind: typeof snapshot === 'object' ? 'field' : snapshot ? 'snapshot' : 'delta',
    ...(typeof snapshot === 'object' && { ...field('kindField', snapshot.field, 'symbol'), snapshot: snapshot.is }),
    ...field('symbol', role.symbol, 'symbol'),
    ...field('bids', role.bids, sides),
    ...field('asks', role.asks, sides),
    ...(side !== undefined && {
      ...field('side', side.field, 'symbol'),
      bid: side.bid,
      ...field('price', side.price, 'decimal'),
      ...field('size', side.size, 'decimal'),
    }),
    ...field('firstId', role.firstId, 'int64'),
    ...field('lastId', role.lastId, 'int64'),
    ...field('prevId', role.prevId, 'int64'),
    ...field('checksum', role.checksum, 'int64'),
    ...field('sequence', role.sequence, 'int64'),
  }
}

/** Whether rows of a shape are events of a book, by its description. */
export function isBookEvent(description: object): boolean {
  const { book } = description as { book?: { bids?: number; side?: number } }
  return book !== undefined && (book.bids !== undefined || book.side !== undefined)
}

/** Whether these events are made of orders. */
export function bringsOrders(description: object): boolean {
  const { book, fields } = description as { book?: { bids?: number }; fields?: readonly { type: string }[] }
  return book?.bids !== undefined && fields?.[book.bids]?.type === 'orders'
}
