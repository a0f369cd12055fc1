/** CRC-32C (Castagnoli): polynomial 0x1EDC6F41, reflected. */

const table = new Uint32Array(256)
for (let byte = 0; byte < 256; byte++) {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f6_3b78 : value >>> 1
  table[byte] = value
}

/** Checksum of `data`, 0…2^32-1. */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffff_ffff
  for (let i = 0; i < data.length; i++) {
    crc = (table[(crc ^ (data[i] as number)) & 0xff] as number) ^ (crc >>> 8)
  }
  return (crc ^ 0xffff_ffff) >>> 0
}
