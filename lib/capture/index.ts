/** tickwire/capture: connections recorded byte for byte, and read back. */

export { ConfigError, type ConfigIssue, TickwireError } from '../runtime/errors.js'
export type { Compression } from './block.js'
export { CaptureError, type CaptureErrorCode } from './errors.js'
export { CaptureReader, openCapture } from './open.js'
export type { CaptureReaderOptions, CaptureWriterOptions } from './options.js'
export type { CaptureReaderStats } from './reader.js'
export type { AnswerRecord, CaptureRecord, CloseRecord, LostRecord, MessageRecord, OpenRecord } from './record.js'
export { Recorder, type RecorderOptions, type RecorderStats } from './recorder.js'
export { CaptureWriter, type CaptureWriterStats } from './writer.js'
