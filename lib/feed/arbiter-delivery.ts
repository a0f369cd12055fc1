import { RecordKind } from '../native/addon.js'
import type { GapRecord } from '../runtime/records.js'
import type { MemoryViews } from '../runtime/row-window.js'
import { Delivery } from './delivery.js'
import type { AnyRows, Rows, Shapes } from './row.js'

/** Numbers of a key that never came (`cause: 'missing'`), or rows that were dropped because JS was slow (`'overflow'`). */
export interface ArbiterGap {
  readonly cause: 'missing' | 'overflow'
  /** The key, a symbol as a rule; '' where rows have none, and for `'overflow'`. */
  readonly key: string
  /** Name of the shape; '' for `'overflow'`. */
  readonly shape: string
  /** First and last number; 0 for `'overflow'`. */
  readonly from: bigint
  readonly to: bigint
  /** How many: exact, up to 2^53. */
  readonly lost: number
  /** Nanoseconds, monotonic. */
  readonly timeNs: number
}

/** Events of an arbiter. */
export type ArbiterEvents<S extends Shapes> = {
  /** Rows of any shape, the first copy of each. */
  rows: AnyRows<S>
  gap: ArbiterGap
} & { [K in keyof S & string as `rows:${K}`]: Rows<S[K], K> }

/** Takes the rows and gaps of an arbiter to its listeners. */
export class ArbiterDelivery extends Delivery {
  override onGap({ lost, timeNs }: GapRecord): void {
    this.#emit({ cause: 'overflow', key: '', shape: '', from: 0n, to: 0n, lost, timeNs })
  }

  onOther(type: number, word: number, { i32, u8, u32, f64 }: MemoryViews): void {
    if (type !== RecordKind.sequenceGap) return
    const from = signed(u32, word + 2)
    const to = signed(u32, word + 3)
    const shape = ((i32[word * 2 + 1] as number) >>> 8) & 0xff
    const start = word * 8 + 40
    this.#emit({
      cause: 'missing',
      key: u8.toString('utf8', start, start + (u32[word * 2 + 9] as number)),
      shape: this.batches[shape]?.shape ?? '',
      from,
      to,
      lost: Number(to - from) + 1,
      timeNs: f64[word + 1] as number,
    })
  }

  #emit(gap: ArbiterGap): void {
    this.emitAny('gap', gap)
  }
}

function signed(u32: Uint32Array, word: number): bigint {
  return BigInt.asIntN(64, (BigInt(u32[word * 2 + 1] as number) << 32n) | BigInt(u32[word * 2] as number))
}
