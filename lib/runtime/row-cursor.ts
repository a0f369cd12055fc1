import { inspect } from 'node:util'
import { Decimal } from './decimal.js'
import { DecimalLevels, NumberLevels } from './levels.js'
import { RowOrders } from './orders.js'
import type { RowWindow } from './row-window.js'
import type { FieldKind, FieldLayout, ShapeLayout } from './shape-layout.js'

/** Names that every row has, so that no field can bear them. */
export const rowMetaNames = [
  'shape',
  'rxTimeNs',
  'kernelTimeNs',
  'toObject',
  'toJSON',
  'constructor',
  '$at',
  '$views',
] as const

/** Views that a cursor hands out, by field. */
type View = Decimal | NumberLevels | DecimalLevels | RowOrders

type Getter = (this: RowCursor) => unknown

/**
 * The one object through which all rows of a shape are read: it stands on one row after the other and its getters read the
 * row's memory. One subclass per shape of a decoder, so that the code that reads a row sees one hidden class and is inlined.
 */
export abstract class RowCursor {
  // No private names: all getters of a kind share their feedback, which sees the cursors of all shapes. With an ordinary name the
  // engine goes by the receiver's class all the same, with a private one it gives up and looks the name up for every field read.
  /** @internal */
  declare readonly $at: RowWindow
  /** @internal */
  declare readonly $views: readonly (View | undefined)[]

  constructor(window: RowWindow, views: readonly (View | undefined)[]) {
    Object.defineProperty(this, '$at', { value: window })
    Object.defineProperty(this, '$views', { value: views })
  }

  abstract get shape(): string

  get rxTimeNs(): number {
    const at = this.$at
    return at.f64[at.word + 1] as number
  }

  get kernelTimeNs(): number {
    const at = this.$at
    return at.f64[at.word + 2] as number
  }

  abstract toObject(): Record<string, unknown>

  toJSON(): Record<string, unknown> {
    return this.toObject()
  }

  [inspect.custom](): unknown {
    return this.toObject()
  }

  /** The getter of a field; `index` is its place among the shape's views. */
  static getter({ kind, slot, bit, asNumber }: FieldLayout, flagsSlot: number, index: number): Getter {
    const read = RowCursor.#reader(kind, slot, asNumber, index)
    return bit < 0 ? read : RowCursor.#optional(read, flagsSlot * 2 + (bit >>> 5), 1 << (bit & 31))
  }

  static #optional(read: Getter, half: number, mask: number): Getter {
    return function (this: RowCursor): unknown {
      return this.$at.isPresent(half, mask) ? read.call(this) : null
    }
  }

  // Parameters, not destructured ones: the engine knows of these that they have a value. Numbers and truth values are read here and not
  // by a method of the window: functions of less than 27 bytes of bytecode, all that they call included, are taken into a listener
  // whatever it has taken in before.
  static #reader(kind: FieldKind, slot: number, asNumber: boolean, index: number): Getter {
    switch (kind) {
      case 'number':
        return function (this: RowCursor): number {
          const at = this.$at
          return at.f64[at.word + slot] as number
        }
      case 'bool':
        return function (this: RowCursor): boolean {
          const at = this.$at
          return !!at.f64[at.word + slot]
        }
      case 'int64':
        if (asNumber) {
          return function (this: RowCursor): number {
            return this.$at.integer(slot)
          }
        }
        return function (this: RowCursor): bigint {
          return this.$at.bigint(slot)
        }
      case 'decimal':
        return function (this: RowCursor): Decimal {
          return this.$at.decimal(this.$views[index] as Decimal, slot)
        }
      case 'symbol':
        return function (this: RowCursor): string {
          return this.$at.symbol(slot)
        }
      case 'text':
        return function (this: RowCursor): string {
          const at = this.$at
          const half = (at.word + slot) * 2
          const start = at.word * 8 + (at.u32[half] as number)
          return at.u8.toString('utf8', start, start + (at.u32[half + 1] as number))
        }
      case 'levels':
        return function (this: RowCursor): NumberLevels | DecimalLevels {
          return (this.$views[index] as NumberLevels).point(slot)
        }
      case 'orders':
        return function (this: RowCursor): RowOrders {
          return (this.$views[index] as RowOrders).point(slot)
        }
    }
  }
}

/** Makes the cursor of one feed for one shape. */
export type CursorFactory = (window: RowWindow) => RowCursor

/** The cursor class of a shape. Called once per decoder: feeds that share a decoder share the class. */
export function cursorFactory(shape: ShapeLayout): CursorFactory {
  const { name, fields, flagsSlot } = shape
  class ShapeCursor extends RowCursor {
    get shape(): string {
      return name
    }

    toObject(): Record<string, unknown> {
      const row = this as unknown as Record<string, unknown>
      const object: Record<string, unknown> = { rxTimeNs: this.rxTimeNs, kernelTimeNs: this.kernelTimeNs }
      for (const field of fields) object[field.name] = detach(row[field.name])
      return object
    }
  }
  for (const [index, field] of fields.entries()) {
    Object.defineProperty(ShapeCursor.prototype, field.name, {
      get: RowCursor.getter(field, flagsSlot, index),
      enumerable: true,
    })
  }
  return (window) =>
    new ShapeCursor(
      window,
      fields.map((field) => viewFor(field, window)),
    )
}

function viewFor(field: FieldLayout, window: RowWindow): View | undefined {
  if (field.kind === 'decimal') return new Decimal()
  if (field.kind === 'levels') return field.exact ? new DecimalLevels(window) : new NumberLevels(window)
  if (field.kind === 'orders') return new RowOrders(window)
  return undefined
}

function detach(value: unknown): unknown {
  if (value instanceof Decimal) return value.copy()
  if (value instanceof NumberLevels || value instanceof DecimalLevels || value instanceof RowOrders) {
    return value.toArray()
  }
  return value
}
