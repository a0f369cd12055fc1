import { zstdCompress } from 'node:zlib'
import { z } from 'zod'
import type { Compression } from './block.js'

/** Options of {@link CaptureWriter.create}. */
export interface CaptureWriterOptions {
  /** Default `'zstd'`. */
  readonly compression?: Compression | undefined
  /** Bytes of a block before compression, after which it is written: 1 KiB…64 MiB. Default 256 KiB. */
  readonly blockBytes?: number | undefined
  /** Milliseconds after which a block that is not full is written as well, 1…3,600,000. Default 1,000. */
  readonly flushInterval?: number | undefined
  /** Bytes of a record, 1 KiB…192 MiB. Default 16 MiB + 1 KiB. */
  readonly maxRecordBytes?: number | undefined
  /** Bytes that may wait for compression and disk, 64 KiB…1 GiB; what is beyond is lost and counted. Default 64 MiB. */
  readonly queueBytes?: number | undefined
  /** Nanoseconds to add to the records' times for those since 1970, -2^63…2^63-1. Default 0. */
  readonly unixOffsetNs?: bigint | undefined
  /** Whether a file that is there already is replaced. Default false: it is an error. */
  readonly overwrite?: boolean | undefined
}

/** Options of {@link openCapture}. */
export interface CaptureReaderOptions {
  /**
   * Bytes of a block before compression, 1 KiB…256 MiB; larger ones are passed over and counted (`oversizedBlocks`). Default 256 MiB, whatever a writer makes;
   * less is for files of strangers.
   */
  readonly maxBlockBytes?: number | undefined
  /** Bytes of a line of the text format, 1 KiB…256 MiB. Default 64 MiB. */
  readonly maxLineBytes?: number | undefined
  /** Ends the iteration with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

const kib = 1_024
const mib = 1_048_576

export const writerSchema = z.strictObject({
  compression: z
    .enum(['none', 'deflate', 'zstd'])
    // Hosts that only resemble Node may lack zstd.
    .default(typeof zstdCompress === 'function' ? 'zstd' : 'deflate'),
  blockBytes: z
    .int()
    .min(kib)
    .max(64 * mib)
    .default(256 * kib),
  flushInterval: z.number().min(1).max(3_600_000).default(1_000),
  maxRecordBytes: z
    .int()
    .min(kib)
    .max(192 * mib)
    .default(16 * mib + kib),
  queueBytes: z
    .int()
    .min(64 * kib)
    .max(1_024 * mib)
    .default(64 * mib),
  unixOffsetNs: z
    .bigint()
    .min(-(2n ** 63n))
    .max(2n ** 63n - 1n)
    .default(0n),
  overwrite: z.boolean().default(false),
})

export const readerSchema = z.strictObject({
  maxBlockBytes: z
    .int()
    .min(kib)
    .max(256 * mib)
    // What any writer makes: a limit below is for files of strangers.
    .default(256 * mib),
  maxLineBytes: z
    .int()
    .min(kib)
    .max(256 * mib)
    .default(64 * mib),
  signal: z.instanceof(AbortSignal, { error: 'must be an AbortSignal' }).optional(),
})
