/** Best bid and ask as SBE: the schema, messages, and what reads them by hand. */

/** The form in which Binance sends `bestBidAsk`: mantissas, two exponents, the symbol behind. */
export const quoteSchema = `<?xml version="1.0"?>
<sbe:messageSchema xmlns:sbe="http://fixprotocol.io/2016/sbe" xmlns:x="urn:exponent" id="7" version="0" byteOrder="littleEndian">
  <types>
    <composite name="messageHeader">
      <type name="blockLength" primitiveType="uint16"/>
      <type name="templateId" primitiveType="uint16"/>
      <type name="schemaId" primitiveType="uint16"/>
      <type name="version" primitiveType="uint16"/>
    </composite>
    <composite name="shortText">
      <type name="length" primitiveType="uint8"/>
      <type name="varData" length="0" primitiveType="uint8" characterEncoding="UTF-8"/>
    </composite>
  </types>
  <sbe:message name="Quote" id="10">
    <field id="1" name="time" type="int64"/>
    <field id="2" name="update" type="int64"/>
    <field id="3" name="priceExponent" type="int8"/>
    <field id="4" name="sizeExponent" type="int8"/>
    <field id="5" name="bid" type="int64" x:exponent="priceExponent"/>
    <field id="6" name="bidSize" type="int64" x:exponent="sizeExponent"/>
    <field id="7" name="ask" type="int64" x:exponent="priceExponent"/>
    <field id="8" name="askSize" type="int64" x:exponent="sizeExponent"/>
    <data id="9" name="symbol" type="shortText"/>
  </sbe:message>
</sbe:messageSchema>`

const header = 8
const block = 50
const names = ['BNBUSDT', 'BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT', '1000SHIBUSDT', 'NKNBTC', 'ADAEUR']

/** Messages that differ in every value. */
export function quotes(count: number): Buffer[] {
  let state = 42
  const below = (n: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
  return Array.from({ length: count }, (_, i) => {
    const name = names[below(names.length)] as string
    const message = Buffer.alloc(header + block + 1 + name.length)
    message.writeUInt16LE(block, 0)
    message.writeUInt16LE(10, 2)
    message.writeUInt16LE(7, 4)
    message.writeBigInt64LE(1_760_000_000_000_000n + BigInt(i), 8)
    message.writeBigInt64LE(80_000_000_000n + BigInt(i * 3), 16)
    message.writeInt8(-8, 24)
    message.writeInt8(-8, 25)
    const bid = below(2 ** 31) * 5_000
    for (const [offset, value] of [
      [26, bid],
      [34, below(2 ** 31)],
      [42, bid + below(1_000_000)],
      [50, below(2 ** 31)],
    ] as const) {
      message.writeBigInt64LE(BigInt(value), offset)
    }
    message.writeUInt8(name.length, 58)
    message.write(name, 59, 'latin1')
    return message
  })
}

const text = new TextDecoder()

/** As one would write it: a quote as an object. */
export function readQuote(memory: Uint8Array, view: DataView, at: number) {
  if (view.getUint16(at + 4, true) !== 7 || view.getUint16(at + 2, true) !== 10) throw new Error('no quote')
  const body = at + header
  const price = 10 ** view.getInt8(body + 16)
  const size = 10 ** view.getInt8(body + 17)
  const symbolAt = body + view.getUint16(at, true)
  return {
    time: Number(view.getBigInt64(body, true)),
    update: Number(view.getBigInt64(body + 8, true)),
    bid: Number(view.getBigInt64(body + 18, true)) * price,
    bidSize: Number(view.getBigInt64(body + 26, true)) * size,
    ask: Number(view.getBigInt64(body + 34, true)) * price,
    askSize: Number(view.getBigInt64(body + 42, true)) * size,
    symbol: text.decode(memory.subarray(symbolAt + 1, symbolAt + 1 + (memory[symbolAt] ?? 0))),
  }
}

const divisors = Array.from({ length: 23 }, (_, i) => 10 ** i)

/** The same with everything avoided that costs: no BigInt, no object per quote, names looked up by their bytes. */
export class TunedReader {
  time = 0
  update = 0
  bid = 0
  bidSize = 0
  ask = 0
  askSize = 0
  symbol = ''
  readonly #names = new Map<number, { readonly text: string; readonly bytes: Uint8Array }>()

  read(memory: Uint8Array, view: DataView, at: number): void {
    if (view.getUint16(at + 4, true) !== 7 || view.getUint16(at + 2, true) !== 10) throw new Error('no quote')
    const body = at + header
    const price = divisors[-view.getInt8(body + 16)] as number
    const size = divisors[-view.getInt8(body + 17)] as number
    this.time = long(view, body)
    this.update = long(view, body + 8)
    this.bid = long(view, body + 18) / price
    this.bidSize = long(view, body + 26) / size
    this.ask = long(view, body + 34) / price
    this.askSize = long(view, body + 42) / size
    const symbolAt = body + view.getUint16(at, true)
    this.symbol = this.#name(memory, symbolAt + 1, memory[symbolAt] ?? 0)
  }

  #name(memory: Uint8Array, at: number, length: number): string {
    let hash = length
    for (let i = 0; i < length; i++) hash = (Math.imul(hash, 31) + (memory[at + i] ?? 0)) | 0
    const known = this.#names.get(hash)
    if (known !== undefined && known.bytes.length === length) {
      let i = 0
      while (i < length && known.bytes[i] === memory[at + i]) i++
      if (i === length) return known.text
    }
    const bytes = memory.slice(at, at + length)
    const made = text.decode(bytes)
    this.#names.set(hash, { text: made, bytes })
    return made
  }
}

function long(view: DataView, at: number): number {
  return view.getInt32(at + 4, true) * 4_294_967_296 + view.getUint32(at, true)
}
