import { TickwireError } from '../runtime/errors.js'

/**
 * - `ERR_CAPTURE_OPEN`: the file cannot be opened or made (missing, exists already, no permission, a directory);
 * - `ERR_CAPTURE_NO_SPACE`: disk or quota is full;
 * - `ERR_CAPTURE_WRITE`, `ERR_CAPTURE_READ`: any other failure of the file system;
 * - `ERR_CAPTURE_FORMAT`: the file is no capture, or a line of the text format has no known form;
 * - `ERR_CAPTURE_VERSION`: a capture of a version that this one does not read;
 * - `ERR_CAPTURE_TOO_LONG`: a record or line beyond its limit;
 * - `ERR_CAPTURE_RECORD`: a record with a value that the format cannot hold;
 * - `ERR_CAPTURE_CLOSED`: reader or writer is closed already.
 */
export type CaptureErrorCode =
  | 'ERR_CAPTURE_OPEN'
  | 'ERR_CAPTURE_NO_SPACE'
  | 'ERR_CAPTURE_WRITE'
  | 'ERR_CAPTURE_READ'
  | 'ERR_CAPTURE_FORMAT'
  | 'ERR_CAPTURE_VERSION'
  | 'ERR_CAPTURE_TOO_LONG'
  | 'ERR_CAPTURE_RECORD'
  | 'ERR_CAPTURE_CLOSED'

/** A capture could not be written or read. The system's own error, where there is one, is the `cause`. */
export class CaptureError extends TickwireError {
  declare readonly code: CaptureErrorCode

  constructor(code: CaptureErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(code, message, options)
  }
}

/** What the file system threw, as a {@link CaptureError}. */
export function toCaptureError(error: unknown, otherwise: CaptureErrorCode, path: string): CaptureError {
  if (error instanceof CaptureError) return error
  const { code, message } = error as { code?: unknown; message?: unknown }
  const isFull = code === 'ENOSPC' || code === 'EDQUOT'
  return new CaptureError(isFull ? 'ERR_CAPTURE_NO_SPACE' : otherwise, `${path}: ${String(message)}`, { cause: error })
}
