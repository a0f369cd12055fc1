/** Ids of orders, as the core has them: 128 bits that stand for a text exactly (`native/decode/order_id.h`). */

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-'
const base = 38n

/** The text; `''` for 0, which stands for none. */
export function orderIdText(high: bigint, low: bigint): string {
  let value = (BigInt.asUintN(64, high) << 64n) | BigInt.asUintN(64, low)
  let text = ''
  for (; value > 0n; value /= base) text = `${digits[Number(value % base) - 1] ?? ''}${text}`
  return text
}

/** Its four 32-bit parts, the lowest first; null when the core takes no such id. */
export function orderIdOf(text: string): readonly [number, number, number, number] | null {
  if (!/^[0-9A-Z-]{1,24}$/.test(text)) return null
  let value = 0n
  for (const digit of text) value = value * base + BigInt(digits.indexOf(digit) + 1)
  const part = (shift: bigint): number => Number(BigInt.asUintN(32, value >> shift))
  return [part(0n), part(32n), part(64n), part(96n)]
}
