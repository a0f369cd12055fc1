import { EncodeError } from './encode-error.js'
import { LevelColumn } from './level-column.js'
import { PayloadWriter } from './payload-writer.js'
import { type DecimalInput, Scaled } from './scaled.js'

/** An integer of 64 bits; a number must be a safe integer. */
export type IntegerInput = bigint | number

/** A price level. */
export type LevelInput =
  | readonly [price: DecimalInput, size: DecimalInput]
  | { readonly price: DecimalInput; readonly size: DecimalInput }

/** Gives the number that a symbol has on the wire. */
export type SymbolNumbers = (symbol: string) => number

/** The symbol id that means none. */
export const noSymbol = 0xffff_ffff

const maxInt64 = 2n ** 63n - 1n
const minInt64 = -(2n ** 63n)
const maxNameBytes = 255
const loneSurrogate = /\p{Surrogate}/u

/** What the encoders of message types work with: one message at a time, everything in it used again for the next. */
export class Encoding {
  readonly writer = new PayloadWriter()
  readonly a = new Scaled()
  readonly b = new Scaled()
  readonly c = new Scaled()
  readonly d = new Scaled()
  readonly prices = new LevelColumn()
  readonly sizes = new LevelColumn()
  /** Id of the symbol that the message is about; null when it is about none. */
  key: number | null = null
  #type = ''
  readonly #numbers: SymbolNumbers
  readonly #known = new Map<string, number>()

  constructor(numbers: SymbolNumbers) {
    this.#numbers = numbers
  }

  begin(type: string): void {
    this.#type = type
    this.key = null
    this.writer.clear()
  }

  fail(field: string, problem: string): never {
    throw new EncodeError(this.#type, field, problem)
  }

  /** Begins a field of `size` bytes and says where its value starts. */
  open(tag: number, size: number): number {
    const at = this.writer.open(tag, size)
    if (at < 0) this.fail('', 'is over 16 MiB')
    return at
  }

  /** The number of a symbol. */
  symbol(field: string, text: string): number {
    return this.#known.get(text) ?? this.#newSymbol(field, text)
  }

  scaled(field: string, value: DecimalInput, into: Scaled): void {
    const problem = into.read(value)
    if (problem !== null) this.fail(field, problem)
  }

  /** Gives two numbers one scale. */
  align(fieldA: string, a: Scaled, fieldB: string, b: Scaled): void {
    if (a.scale === b.scale) return
    const less = a.scale < b.scale ? a : b
    if (!less.rescale(Math.max(a.scale, b.scale))) {
      this.fail(
        less === a ? fieldA : fieldB,
        `has more digits than 64 bits hold with the decimals of ${less === a ? fieldB : fieldA}`,
      )
    }
  }

  decimalField(tag: number, field: string, value: DecimalInput): void {
    this.scaled(field, value, this.a)
    const at = this.open(tag, 9)
    this.writer.u8(at, this.a.scale)
    this.writer.mantissa(at + 1, this.a)
  }

  numberField(tag: number, field: string, value: number): void {
    if (typeof value !== 'number') this.fail(field, 'is not a number')
    this.writer.f64(this.open(tag, 8), value)
  }

  boolField(tag: number, field: string, value: boolean): void {
    if (typeof value !== 'boolean') this.fail(field, 'is not a boolean')
    this.writer.u8(this.open(tag, 1), value ? 1 : 0)
  }

  symbolField(tag: number, field: string, value: string): void {
    const id = this.symbol(field, value)
    this.writer.u32(this.open(tag, 4), id)
  }

  /** @param least smallest value that is allowed: 0 for unsigned ones. */
  integerField(tag: number, field: string, value: IntegerInput, least: bigint = minInt64): void {
    this.integer(this.open(tag, 8), field, value, least)
  }

  /** An integer of 8 bytes at `at`. */
  integer(at: number, field: string, value: IntegerInput, least: bigint): void {
    if (typeof value === 'number') {
      if (!Number.isSafeInteger(value)) this.fail(field, 'is not a safe integer: give a bigint')
      if (value < least) this.fail(field, 'is negative')
      this.writer.integer(at, value)
    } else {
      if (typeof value !== 'bigint') this.fail(field, 'is not an integer: a bigint or a number')
      if (value < least || value > maxInt64) this.fail(field, `is not between ${least} and 2^63 - 1`)
      this.writer.i64(at, value)
    }
  }

  textField(tag: number, field: string, value: string, least: number, most: number): void {
    const size = this.#textBytes(field, value, least, most)
    this.writer.text(this.open(tag, size), value, size)
  }

  bytesField(tag: number, value: Uint8Array): void {
    this.writer.bytes.set(value, this.open(tag, value.length))
  }

  /** The venue's stamps, which all market messages may carry. */
  exchange(time: IntegerInput | null | undefined, sequence: IntegerInput | null | undefined): void {
    if (time !== undefined && time !== null) this.integerField(32, 'exchangeTime', time)
    if (sequence !== undefined && sequence !== null) this.integerField(33, 'exchangeSequence', sequence, 0n)
  }

  /** Reads levels into `prices` and `sizes`, behind those that are there. */
  collect(field: string, levels: readonly LevelInput[]): void {
    if (!Array.isArray(levels)) this.fail(field, 'is not an array of levels')
    for (let i = 0; i < levels.length; i++) {
      const level = levels[i] as LevelInput
      let price: DecimalInput | undefined
      let size: DecimalInput | undefined
      if (Array.isArray(level)) {
        price = level[0]
        size = level[1]
      } else if (typeof level === 'object' && level !== null) {
        price = (level as { price?: DecimalInput }).price
        size = (level as { size?: DecimalInput }).size
      } else {
        this.fail(`${field}[${i}]`, 'is no level: [price, size] or { price, size }')
      }
      const wrongPrice = this.a.read(price as DecimalInput)
      if (wrongPrice !== null) this.fail(`${field}[${i}].price`, wrongPrice)
      this.prices.push(this.a)
      const wrongSize = this.a.read(size as DecimalInput)
      if (wrongSize !== null) this.fail(`${field}[${i}].size`, wrongSize)
      this.sizes.push(this.a)
    }
  }

  /** Writes `count` of the collected levels, from `first` on. */
  levels(at: number, field: string, first: number, count: number): void {
    let to = at
    for (let i = 0; i < count; i++) {
      const price = this.prices.at(first + i)
      if (price === null)
        this.fail(`${field}[${i}].price`, 'has more digits than 64 bits hold with the decimals of others')
      this.writer.mantissa(to, price)
      const size = this.sizes.at(first + i)
      if (size === null)
        this.fail(`${field}[${i}].size`, 'has more digits than 64 bits hold with the decimals of others')
      this.writer.mantissa(to + 8, size)
      to += 16
    }
  }

  #textBytes(field: string, value: string, least: number, most: number): number {
    if (typeof value !== 'string') this.fail(field, 'is not a string')
    if (loneSurrogate.test(value)) this.fail(field, 'holds a lone surrogate')
    const size = Buffer.byteLength(value)
    if (size < least) this.fail(field, 'is empty')
    if (size > most) this.fail(field, `is over ${most} bytes`)
    return size
  }

  #newSymbol(field: string, text: string): number {
    this.#textBytes(field, text, 1, maxNameBytes)
    const id = this.#numbers(text)
    this.#known.set(text, id)
    return id
  }
}
