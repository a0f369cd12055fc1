import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MessageType } from '../../lib/wire/message-type.js'
import { BookDelta, BookSnapshot, Execution, Quote, Raw, Signal, Trade } from '../../lib/wire/messages.js'
import { type UserFields, userType } from '../../lib/wire/user-type.js'

/** Messages and their bytes, written from `docs/wire-format.md` by a third implementation; the native tests read them as well. */
export interface Vectors {
  readonly symbols: { readonly [name: string]: number }
  readonly funding: { readonly id: number; readonly name: 'funding'; readonly fields: UserFields }
  readonly messages: readonly {
    readonly name: string
    readonly message: string
    readonly input: object
    readonly domain: number
    readonly type: number
    readonly flags: number
    readonly source: number
    readonly sequence: number
    readonly time: string
    readonly payload: string
    readonly frame: string
  }[]
  readonly controls: readonly {
    readonly name: string
    readonly type: number
    readonly payload: string
    readonly frame: string
  }[]
  readonly masked: { readonly name: string; readonly content: string; readonly key: string; readonly frame: string }
}

/** Bigints stand as `"12n"`. */
function revive(_key: string, value: unknown): unknown {
  return typeof value === 'string' && /^-?\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value
}

export const vectors: Vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', 'vectors', 'wire.json'), 'utf8'),
  revive,
)

export const funding = userType({
  id: 64,
  name: 'funding',
  fields: {
    symbol: { tag: 1, kind: 'symbol' },
    rate: { tag: 2, kind: 'decimal' },
    mark: { tag: 3, kind: 'number' },
    next: { tag: 4, kind: 'int64' },
    note: { tag: 5, kind: 'text', optional: true },
    live: { tag: 6, kind: 'bool' },
    ladder: { tag: 254, kind: 'levels' },
  },
})

export const allTypes = [Quote, Trade, BookDelta, BookSnapshot, Signal, Execution, Raw, funding] as const

export function typeOf(name: string): MessageType {
  const found = allTypes.find((type) => type.name === name)
  if (found === undefined) throw new Error(`no type ${name}`)
  return found as unknown as MessageType
}
