import type { SymbolCache } from './symbol-cache.js'

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
  u32: Uint32Array
  f64: Float64Array
  i64: BigInt64Array
  readonly symbols: SymbolCache
  /** The record's first 8-byte word, counted from the start of the memory. */
  word = 0

  constructor(views: MemoryViews, symbols: SymbolCache) {
    this.u8 = views.u8
    this.u32 = views.u32
    this.f64 = views.f64
    this.i64 = views.i64
    this.symbols = symbols
  }

  /** Rows are in other memory from now on. */
  mount(views: MemoryViews): void {
    this.u8 = views.u8
    this.u32 = views.u32
    this.f64 = views.f64
    this.i64 = views.i64
  }
}
