/** The few forms of DER (X.690) that a certificate is made of. */

function tagged(tag: number, content: Uint8Array): Buffer {
  const { length } = content
  const lengthBytes: number[] = []
  if (length < 128) lengthBytes.push(length)
  else {
    for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) lengthBytes.unshift(rest % 256)
    lengthBytes.unshift(0x80 | lengthBytes.length)
  }
  return Buffer.concat([Uint8Array.of(tag, ...lengthBytes), content])
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => tagged(0x30, Buffer.concat(parts))
export const set = (...parts: readonly Uint8Array[]): Buffer => tagged(0x31, Buffer.concat(parts))
export const utf8 = (text: string): Buffer => tagged(0x0c, Buffer.from(text))
export const octets = (content: Uint8Array): Buffer => tagged(0x04, content)
export const boolean = (value: boolean): Buffer => tagged(0x01, Uint8Array.of(value ? 0xff : 0))
export const bits = (content: Uint8Array, unused = 0): Buffer =>
  tagged(0x03, Buffer.concat([Uint8Array.of(unused), content]))

/** A non-negative integer, most significant byte first. */
export function integer(bytes: Uint8Array): Buffer {
  let first = 0
  while (first < bytes.length - 1 && bytes[first] === 0) first += 1
  const digits = bytes.subarray(first)
  return tagged(0x02, (digits[0] ?? 0) & 0x80 ? Buffer.concat([Uint8Array.of(0), digits]) : digits)
}

export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (let arc of rest) {
    const groups = [arc & 0x7f]
    for (arc = Math.floor(arc / 128); arc > 0; arc = Math.floor(arc / 128)) groups.unshift(0x80 | (arc & 0x7f))
    bytes.push(...groups)
  }
  return tagged(0x06, Uint8Array.from(bytes))
}

/** UTCTime up to 2049, GeneralizedTime from then on (RFC 5280 section 4.1.2.5). */
export function time(date: Date): Buffer {
  const text = `${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`
  return date.getUTCFullYear() < 2050 ? tagged(0x17, Buffer.from(text.slice(2))) : tagged(0x18, Buffer.from(text))
}

/** `[number] EXPLICIT`. */
export const explicit = (number: number, content: Uint8Array): Buffer => tagged(0xa0 | number, content)
/** `[number] IMPLICIT` of a primitive type. */
export const implicit = (number: number, content: Uint8Array): Buffer => tagged(0x80 | number, content)
