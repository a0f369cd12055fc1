/** A ring's memory without a file. */
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
