/** Bytes before the entries: u32 count | u32 maximum | u32 bytes used | u32 bytes of text area. */
const headerBytes = 16

/** Bytes of memory for a symbol table. */
export function symbolTableBytes(maxSymbols: number, textBytes: number): number {
  return headerBytes + maxSymbols * 8 + textBytes
}

/**
 * Interned text, read out of the table that the core writes (`native/decode/symbol_table.h`) and kept as JS strings. The table
 * only grows, and the core writes a symbol before it publishes the first row that carries its id: whoever was handed an id
 * through the ring finds its text there.
 */
export class SymbolCache {
  readonly #entries: Uint32Array
  readonly #bytes: Buffer
  readonly #textOffset: number
  readonly #names: string[]

  constructor(memory: ArrayBuffer, maxSymbols: number) {
    this.#entries = new Uint32Array(memory, headerBytes, maxSymbols * 2)
    this.#bytes = Buffer.from(memory)
    this.#textOffset = headerBytes + maxSymbols * 8
    this.#names = new Array<string>(maxSymbols).fill('')
  }

  /** The text of a symbol. Allocates the first time only. */
  name(id: number): string {
    const name = this.#names[id] as string
    return name !== '' ? name : this.#load(id)
  }

  #load(id: number): string {
    const start = this.#textOffset + (this.#entries[id * 2] as number)
    const text = this.#bytes.toString('utf8', start, start + (this.#entries[id * 2 + 1] as number))
    // Property keys are internalized: comparing such a string with a literal is then a comparison of pointers.
    const [name = ''] = Object.keys({ [text]: 0 })
    this.#names[id] = name
    return name
  }
}
