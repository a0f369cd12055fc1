/** Writes bytes one value after the other, as a sender of SBE would by hand: knows nothing of schemas. */
export class Bytes {
  readonly #parts: Buffer[] = []

  #add(bytes: number, write: (to: Buffer) => void): this {
    const part = Buffer.alloc(bytes)
    write(part)
    this.#parts.push(part)
    return this
  }
  i8 = (value: number): this => this.#add(1, (to) => to.writeInt8(value))
  u8 = (value: number): this => this.#add(1, (to) => to.writeUInt8(value))
  i16 = (value: number): this => this.#add(2, (to) => to.writeInt16LE(value))
  u16 = (value: number): this => this.#add(2, (to) => to.writeUInt16LE(value))
  i32 = (value: number): this => this.#add(4, (to) => to.writeInt32LE(value))
  u32 = (value: number): this => this.#add(4, (to) => to.writeUInt32LE(value))
  i64 = (value: bigint): this => this.#add(8, (to) => to.writeBigInt64LE(value))
  u64 = (value: bigint): this => this.#add(8, (to) => to.writeBigUInt64LE(value))
  f32 = (value: number): this => this.#add(4, (to) => to.writeFloatLE(value))
  f64 = (value: number): this => this.#add(8, (to) => to.writeDoubleLE(value))
  zeros = (count: number): this => this.#add(count, () => {})

  bytes(value: Uint8Array): this {
    this.#parts.push(Buffer.from(value))
    return this
  }
  text8(value: string): this {
    const bytes = Buffer.from(value)
    return this.u8(bytes.length).bytes(bytes)
  }
  text16(value: string): this {
    const bytes = Buffer.from(value)
    return this.u16(bytes.length).bytes(bytes)
  }
  done(): Buffer {
    return Buffer.concat(this.#parts)
  }
}

/** A message: its header, its block, and what follows. */
export function message(
  { schema, version = 0, template }: { schema: number; version?: number; template: number },
  block: Buffer,
  rest: Buffer = Buffer.alloc(0),
): Buffer {
  return new Bytes().u16(block.length).u16(template).u16(schema).u16(version).bytes(block).bytes(rest).done()
}
