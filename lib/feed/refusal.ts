import { MalformedKinds } from '../native/addon.js'
import { TickwireError } from '../runtime/errors.js'
import { aboutShape, type MalformedKind } from '../runtime/records.js'
import type { ShapeLayout } from '../runtime/shape-layout.js'

const noField = 0xffff

/** A message is not as its schema says. `code` is `ERR_DECODE`. */
export class DecodeError extends TickwireError {
  readonly why: MalformedKind
  /** The shape in question; null when that is not known. */
  readonly shape: string | null
  /** The field in question; null when it is not about one. */
  readonly field: string | null

  constructor(why: MalformedKind, shape: string | null, field: string | null) {
    const where = field !== null ? ` in ${shape}.${field}` : shape !== null ? ` in ${shape}` : ''
    super('ERR_DECODE', `the body is not as its schema says: ${why}${where}`)
    this.why = why
    this.shape = shape
    this.field = field
  }
}

/** What the core says of a message that it refused: kind | shape << 8 | field << 16. */
export function refusalOf(packed: number, layouts: readonly ShapeLayout[]): DecodeError {
  const field = packed >>> 16
  const why = MalformedKinds[packed & 0xff] ?? 'syntax'
  const layout = field !== noField || aboutShape.has(why) ? layouts[(packed >>> 8) & 0xff] : undefined
  return new DecodeError(why, layout?.name ?? null, layout?.fields[field]?.name ?? null)
}
