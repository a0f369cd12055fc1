/** The file's header, and the headers of its blocks (docs/capture.md). All numbers are little-endian. */

import { promisify } from 'node:util'
import { deflate, inflate, zstdCompress, zstdDecompress } from 'node:zlib'
import { crc32c } from './crc32c.js'

export const fileHeaderBytes = 24
export const blockHeaderBytes = 48
/** Most bytes of a block before compression. */
export const maxBlockBytes = 256 * 1_048_576
export const version = 1

const fileMagic = Buffer.from('TWCAPT\r\n', 'latin1')
export const blockMagic = Buffer.from('TWBK', 'latin1')

export type Compression = 'none' | 'deflate' | 'zstd'
const codecs: readonly Compression[] = ['none', 'deflate', 'zstd']

/** Header of a block. */
export interface BlockHeader {
  /** Number of the block in its file, from 0. */
  readonly sequence: number
  /** Random number that all blocks of a file share. */
  readonly fileId: bigint
  readonly unixOffsetNs: bigint
  /** Bytes after the header. */
  readonly storedBytes: number
  /** The same before compression. */
  readonly rawBytes: number
  readonly records: number
  readonly compression: Compression
  /** CRC-32C of the bytes after the header. */
  readonly checksum: number
}

/** Header of a file. */
export interface FileHeader {
  readonly version: number
  readonly fileId: bigint
}

export function encodeFileHeader(fileId: bigint): Buffer {
  const header = Buffer.alloc(fileHeaderBytes)
  fileMagic.copy(header)
  header.writeUInt16LE(version, 8)
  header.writeBigUInt64LE(fileId, 12)
  header.writeUInt32LE(crc32c(header.subarray(0, 20)), 20)
  return header
}

/** The header of a file that begins like this; null when it is not intact. */
export function decodeFileHeader(header: Buffer): FileHeader | null {
  if (header.length < fileHeaderBytes || !header.subarray(0, 8).equals(fileMagic)) return null
  if (header.readUInt32LE(20) !== crc32c(header.subarray(0, 20))) return null
  return { version: header.readUInt16LE(8), fileId: header.readBigUInt64LE(12) }
}

/** Whether it is a capture, even one whose header is damaged or cut off. */
export function looksLikeCapture(start: Buffer): boolean {
  const magic = start.subarray(0, fileMagic.length)
  return (
    magic.equals(fileMagic.subarray(0, magic.length)) || decodeBlockHeader(start.subarray(fileHeaderBytes)) !== null
  )
}

export function encodeBlockHeader(block: BlockHeader): Buffer {
  const header = Buffer.alloc(blockHeaderBytes)
  blockMagic.copy(header)
  header.writeUInt32LE(block.sequence, 4)
  header.writeBigUInt64LE(block.fileId, 8)
  header.writeBigInt64LE(block.unixOffsetNs, 16)
  header.writeUInt32LE(block.storedBytes, 24)
  header.writeUInt32LE(block.rawBytes, 28)
  header.writeUInt32LE(block.records, 32)
  header[36] = codecs.indexOf(block.compression)
  header.writeUInt32LE(block.checksum, 40)
  header.writeUInt32LE(crc32c(header.subarray(0, 44)), 44)
  return header
}

/** The header at the start of `bytes`; null when there is none, or a damaged one. */
export function decodeBlockHeader(bytes: Buffer): BlockHeader | null {
  if (bytes.length < blockHeaderBytes || !bytes.subarray(0, 4).equals(blockMagic)) return null
  if (bytes.readUInt32LE(44) !== crc32c(bytes.subarray(0, 44))) return null
  const compression = codecs[bytes[36] as number]
  const rawBytes = bytes.readUInt32LE(28)
  if (compression === undefined || rawBytes > maxBlockBytes) return null
  return {
    sequence: bytes.readUInt32LE(4),
    fileId: bytes.readBigUInt64LE(8),
    unixOffsetNs: bytes.readBigInt64LE(16),
    storedBytes: bytes.readUInt32LE(24),
    rawBytes,
    records: bytes.readUInt32LE(32),
    compression,
    checksum: bytes.readUInt32LE(40),
  }
}

const pack = { deflate: promisify(deflate), zstd: promisify(zstdCompress) }
const unpack = {
  deflate: promisify<Buffer, { maxOutputLength: number }, Buffer>(inflate),
  zstd: promisify<Buffer, { maxOutputLength: number }, Buffer>(zstdDecompress),
}

/** Compresses on a thread of libuv's pool, never on this one. */
export function compress(raw: Buffer, compression: Compression): Promise<Buffer> {
  return compression === 'none' ? Promise.resolve(raw) : pack[compression](raw)
}

/** The bytes before compression; null when `stored` does not make exactly `rawBytes`. */
export async function decompress(stored: Buffer, { compression, rawBytes }: BlockHeader): Promise<Buffer | null> {
  if (compression === 'none') return stored.length === rawBytes ? stored : null
  try {
    // Zero is no limit that zlib would take.
    const raw = await unpack[compression](stored, { maxOutputLength: Math.max(rawBytes, 1) })
    return raw.length === rawBytes ? raw : null
  } catch {
    return null
  }
}
