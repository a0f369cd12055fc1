/** Undoing the content codings of responses (RFC 9110 section 8.4), by Node's own zlib, brotli and zstd. */

import type { Transform } from 'node:stream'
import * as zlib from 'node:zlib'
import { TickwireError } from '../runtime/errors.js'

type Coding = 'gzip' | 'deflate' | 'br' | 'zstd'

const codings: ReadonlySet<string> = new Set<Coding>(['gzip', 'deflate', 'br', 'zstd'])

/** What requests say that we take. */
export const acceptedCodings = 'gzip, deflate, br, zstd'

/**
 * The codings of a `content-encoding`, in the order in which they are to be undone.
 * @throws TickwireError `ERR_HTTP_CONTENT_CODING` for one that is not known, or more than four.
 */
export function codingsOf(header: string | null): Coding[] {
  if (header === null || header === '') return []
  const names = header
    .split(',')
    .map((name) => name.trim().toLowerCase().replace(/^x-/, ''))
    .filter((name) => name !== 'identity' && name !== '')
  if (names.length > 4) throw fault('more than four content codings')
  for (const name of names) if (!codings.has(name)) throw fault('a content coding that is not known')
  return names.reverse() as Coding[]
}

/**
 * The body with its codings undone.
 * @throws TickwireError `ERR_HTTP_CONTENT_CODING` when it is damaged, `ERR_HTTP_BODY_TOO_LARGE` when more than `maxBytes` would come out.
 */
export function decoded(body: Buffer, header: string | null, maxBytes: number): Buffer {
  let bytes = body
  for (const coding of codingsOf(header)) bytes = undo(coding, bytes, maxBytes)
  return bytes
}

/** Streams that undo the codings of a body that is read in pieces, to be chained in this order. */
export function decoders(header: string | null): Transform[] {
  return codingsOf(header).map((coding) => {
    if (coding === 'gzip') return zlib.createGunzip()
    if (coding === 'deflate') return zlib.createInflate()
    if (coding === 'br') return zlib.createBrotliDecompress()
    return zlib.createZstdDecompress()
  })
}

function undo(coding: Coding, bytes: Buffer, maxOutputLength: number): Buffer {
  try {
    if (coding === 'gzip') return zlib.gunzipSync(bytes, { maxOutputLength })
    if (coding === 'deflate') return zlib.inflateSync(bytes, { maxOutputLength })
    if (coding === 'br') return zlib.brotliDecompressSync(bytes, { maxOutputLength })
    return zlib.zstdDecompressSync(bytes, { maxOutputLength })
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new TickwireError('ERR_HTTP_BODY_TOO_LARGE', `the ${coding} body holds more than ${maxOutputLength} bytes`)
    }
    throw fault(`a damaged ${coding} body`, error)
  }
}

function fault(message: string, cause?: unknown): TickwireError {
  return new TickwireError('ERR_HTTP_CONTENT_CODING', message, cause === undefined ? undefined : { cause })
}
