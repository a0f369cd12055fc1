import { type Decimal, setDecimal } from './decimal.js'
import type { SymbolCache } from './symbol-cache.js'

const two32 = 4_294_967_296
const largest = Number.MAX_SAFE_INTEGER

/** The ways in which records are read, over one ArrayBuffer. */
export interface MemoryViews {
  readonly u8: Buffer
  /** For lengths, kinds and positions: always small integers to the engine, which unsigned words are not. */
  readonly i32: Int32Array
  readonly u32: Uint32Array
  readonly f64: Float64Array
  readonly i64: BigInt64Array
}

/** @param memory its length is a multiple of 8. */
export function viewsOf(memory: ArrayBuffer): MemoryViews {
  return {
    u8: Buffer.from(memory),
    i32: new Int32Array(memory),
    u32: new Uint32Array(memory),
    f64: new Float64Array(memory),
    i64: new BigInt64Array(memory),
  }
}

/**
 * The place in memory that a row cursor stands on. A class of its own, shared by the cursors of all shapes, so that moving on
 * to the next row is a store to an object of one hidden class, whatever rows a process reads.
 */
export class RowWindow {
  u8: Buffer
  i32: Int32Array
  u32: Uint32Array
  f64: Float64Array
  i64: BigInt64Array
  readonly symbols: SymbolCache
  /** The record's first 8-byte word, counted from the start of the memory. */
  word = 0

  constructor(views: MemoryViews, symbols: SymbolCache) {
    this.u8 = views.u8
    this.i32 = views.i32
    this.u32 = views.u32
    this.f64 = views.f64
    this.i64 = views.i64
    this.symbols = symbols
  }

  /** Rows are in other memory from now on. */
  mount(views: MemoryViews): void {
    this.u8 = views.u8
    this.i32 = views.i32
    this.u32 = views.u32
    this.f64 = views.f64
    this.i64 = views.i64
  }

  // What getters read, by the field's slot.

  symbol(slot: number): string {
    return this.symbols.name(this.i32[(this.word + slot) * 2] as number)
  }

  /** NaN when a double cannot hold it. */
  integer(slot: number): number {
    const half = (this.word + slot) * 2
    const value = (this.i32[half + 1] as number) * two32 + (this.u32[half] as number)
    return value >= -largest && value <= largest ? value : Number.NaN
  }

  bigint(slot: number): bigint {
    return this.i64[this.word + slot] as bigint
  }

  decimal(view: Decimal, slot: number): Decimal {
    const half = (this.word + slot) * 2
    setDecimal(view, this.u32[half] as number, this.i32[half + 1] as number, this.i32[half + 2] as number)
    return view
  }

  isPresent(half: number, mask: number): boolean {
    return ((this.i32[this.word * 2 + half] as number) & mask) !== 0
  }
}
