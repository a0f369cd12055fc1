/** A ring's memory without a file, and messages of which every byte follows from the number. */
import { type ShmGeometry, ShmLayout, toBits } from '../../lib/shm/layout.js'

export interface ShmMemory extends ShmGeometry {
  readonly memory: ArrayBuffer
}

/** What `native/shm/layout.cc` makes of zeroed memory, as far as a ring's ends look at it. */
export function shmMemory(options: { ring?: number; table?: number; firstPosition?: bigint } = {}): ShmMemory {
  const { ring = 65_536, table = 0, firstPosition = 0n } = options
  const dataOffset = Math.ceil((ShmLayout.tableOffset + table) / 65_536) * 65_536
  const memory = new ArrayBuffer(dataOffset + ring)
  const bits = new BigInt64Array(memory)
  const first = toBits(Number(BigInt.asIntN(32, firstPosition)), Number(BigInt.asIntN(32, firstPosition >> 32n)))
  bits[ShmLayout.firstPositionWord >> 1] = first
  bits[ShmLayout.publishedWord >> 1] = first
  bits[ShmLayout.oldestWord >> 1] = first
  bits.fill(first, ShmLayout.startsWord >> 1, (ShmLayout.startsWord >> 1) + ShmLayout.blocks)
  new Int32Array(memory)[ShmLayout.stateWord] = 1
  return { memory, ring, table, dataOffset }
}

/** The message of that number; its length stands for itself. */
export function messageOf(number: number, bytes: number): Buffer {
  const message = Buffer.allocUnsafe(bytes)
  let state = Math.imul(number, 0x9e3779b1) | 1
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    message[i] = state >>> 24
  }
  return message
}

export function isMessage(message: Uint8Array, number: number): boolean {
  let state = Math.imul(number, 0x9e3779b1) | 1
  for (let i = 0; i < message.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    if (message[i] !== state >>> 24) return false
  }
  return true
}
