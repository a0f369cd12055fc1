/**
 * What lies where in a segment (`native/shm/layout.h`, `docs/shared-memory.md`). Words are indices into an Int32Array over the
 * whole segment; a position is 64 bits, low word first.
 */
export const ShmLayout = {
  /** The ring is opened for writing in so many blocks per lap. */
  blocks: 64,
  /** Records start at multiples of it. */
  recordAlign: 16,
  recordHeader: 16,
  tableOffset: 131_072,
  tableHeader: 8,
  tableAlign: 8,
  /** Where counting started. */
  firstPositionWord: 12,
  stateWord: 32,
  /** End of the records that may be read. */
  publishedWord: 64,
  /** Start of the oldest record that is not being overwritten. */
  oldestWord: 96,
  /** Bytes of the table that are complete; the upper half is 0. */
  tableEndWord: 128,
  /** By block: position of the first record that starts in it. */
  startsWord: 160,
  /** A reader sleeps, or did. */
  parkedWord: 16_384,
} as const

/** Second word of a record's header; the first is the length of the payload, the next two the sequence. */
export const ShmRecordKind = { pad: 0, data: 1 } as const

export const ShmState = { live: 1, closed: 2, retired: 3 } as const

/** Sizes of a segment, as its header has them and the addon has checked them. */
export interface ShmGeometry {
  /** Bytes of the ring: a power of two, 64 KiB…1 GiB. */
  readonly ring: number
  /** Bytes of the table. */
  readonly table: number
  /** Where the ring starts. */
  readonly dataOffset: number
}

/** The longest payload of a ring. */
export function maxPayload(ring: number): number {
  return ring / 4 - ShmLayout.recordHeader
}

const { recordHeader, recordAlign } = ShmLayout

/** Bytes of a record in the ring. */
export function recordBytes(payload: number): number {
  return (payload + (recordHeader + recordAlign - 1)) & -recordAlign
}

/** The bits of a position, for the places where it is stored as one. */
export function toBits(low: number, high: number): bigint {
  return BigInt.asIntN(64, (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0))
}
