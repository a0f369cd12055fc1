import { TickwireError } from '../runtime/errors.js'

/**
 * A failure around shared memory. `code` is one of
 * `ERR_SHM_NAME`, `ERR_SHM_SIZE`, `ERR_SHM_PERMISSION`, `ERR_SHM_OWNER` (somebody else's segment), `ERR_SHM_NOT_FOUND`,
 * `ERR_SHM_NO_SPACE`, `ERR_SHM_LAYOUT` (no segment, cut off, contradictory), `ERR_SHM_VERSION`, `ERR_SHM_WRITER_ACTIVE`
 * (another writer has it), `ERR_SHM_CORRUPT` (records that no writer leaves behind), `ERR_SHM_EXTERNAL_BUFFER` (the host forbids
 * buffers over foreign memory), `ERR_SHM_TOO_LONG` (a message that the ring cannot hold), `ERR_SHM_CLOSED`, `ERR_SHM_TIMEOUT`,
 * or that of a system call: `EMFILE`, `ENOMEM`, `ERR_SYSTEM`.
 */
export class ShmError extends TickwireError {
  /** errno when a system call failed, the segment's version for `ERR_SHM_VERSION`, else 0. */
  readonly detail: number

  constructor(code: string, message: string, options?: { readonly detail?: number; readonly cause?: unknown }) {
    super(code, `${code}: ${message}`, options?.cause === undefined ? undefined : { cause: options.cause })
    this.detail = options?.detail ?? 0
  }
}

/** What the addon threw, as a {@link ShmError}. */
export function toShmError(error: unknown, name: string): ShmError {
  const { code, message, detail } = error as { code?: unknown; message?: unknown; detail?: unknown }
  return new ShmError(typeof code === 'string' ? code : 'ERR_SYSTEM', `${name}: ${String(message)}`, {
    detail: typeof detail === 'number' ? detail : 0,
    cause: error,
  })
}
