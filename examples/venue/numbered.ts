import { writeDigits } from './clock.ts'
import { stampBase } from './messages.ts'

/**
 * Messages that a subscriber can check without parsing them: `{"u":SSSSSSSSSSSSSSSS,"T":TTTTTTTTTTTTTTTT,"c":"HHHHHHHH",…}` with
 * u = 10^15 + a sequence number, T = 10^15 + monotonic nanoseconds, c = FNV-1a of what follows, in hexadecimal.
 */
const head = `{"u":${stampBase},"T":${stampBase},"c":"00000000"`
const sequenceAt = 5
const stampAt = 26
const checksumAt = 48

/** FNV-1a, 32 bits. */
function checksum(bytes: Uint8Array, from: number): number {
  let hash = 2_166_136_261
  for (let i = from; i < bytes.length; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 16_777_619)
  return hash >>> 0
}

/** A message with its checksum, still without its numbers. `rest` are further members of the object: `,"s":"BTCUSDT"}`. */
export function numberedMessage(rest: string): Buffer {
  const message = Buffer.from(head + rest)
  message.write(checksum(message, head.length).toString(16).padStart(8, '0'), checksumAt, 'latin1')
  return message
}

export function writeNumbers(message: Uint8Array, sequence: number, nowNs: number): void {
  writeDigits(message, sequenceAt, stampBase + sequence)
  writeDigits(message, stampAt, stampBase + Math.floor(nowNs))
}
