import { constants, createDeflateRaw, type DeflateRaw } from 'node:zlib'

/** What was agreed for the server's direction (RFC 7692). */
export interface DeflateAgreement {
  readonly takeover: boolean
  /** 9…15. */
  readonly windowBits: number
}

export interface DeflateAnswer {
  readonly agreement: DeflateAgreement
  /** Value of the answer's `Sec-WebSocket-Extensions`. */
  readonly header: string
}

/** Answers a client's offer, or null when there is none that can be met. */
export function agreeDeflate(offers: string | undefined): DeflateAnswer | null {
  for (const offer of (offers ?? '').split(',')) {
    const [name, ...parameters] = offer.split(';').map((part) => part.trim())
    if (name !== 'permessage-deflate') continue
    let takeover = true
    let windowBits = 15
    let header = 'permessage-deflate'
    for (const parameter of parameters) {
      const [key, value] = parameter.split('=')
      if (key === 'server_no_context_takeover') {
        takeover = false
        header += '; server_no_context_takeover'
      } else if (key === 'server_max_window_bits') {
        windowBits = Number(value?.replaceAll('"', ''))
        header += `; server_max_window_bits=${windowBits}`
      } else if (key === 'client_no_context_takeover') {
        header += '; client_no_context_takeover'
      }
    }
    // zlib cannot write a raw stream with a window of 256 bytes.
    if (windowBits >= 9 && windowBits <= 15) return { agreement: { takeover, windowBits }, header }
  }
  return null
}

function flush(stream: DeflateRaw, message: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    const onData = (part: Buffer): void => {
      parts.push(part)
    }
    stream.on('data', onData)
    stream.once('error', reject)
    stream.write(message)
    stream.flush(constants.Z_SYNC_FLUSH, () => {
      stream.off('data', onData)
      stream.off('error', reject)
      const whole = Buffer.concat(parts)
      // The flush ends in an empty block 00 00 ff ff, which RFC 7692 section 7.2.1 takes off.
      resolve(whole.subarray(0, whole.length - 4))
    })
  })
}

/**
 * Compresses messages in order. With takeover each refers to those before it, from the first on, so the whole sequence
 * may be sent again and again on one connection: nothing in it points to before its own start.
 */
export async function deflateMessages(messages: readonly string[], agreement: DeflateAgreement): Promise<Buffer[]> {
  const options = { windowBits: agreement.windowBits, memLevel: 8, level: 6 }
  const compressed: Buffer[] = []
  let stream = createDeflateRaw(options)
  for (const message of messages) {
    if (!agreement.takeover && compressed.length > 0) {
      stream.close()
      stream = createDeflateRaw(options)
    }
    compressed.push(await flush(stream, Buffer.from(message)))
  }
  stream.close()
  return compressed
}
