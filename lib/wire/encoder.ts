import { Encoding, type SymbolNumbers } from './encoding.js'
import type { Values } from './kinds.js'
import { type MessageType, payloadEncoder, type WireMessage } from './message-type.js'

/**
 * Puts messages into the wire format: payloads, into memory that is used again for the next. Prices and sizes stay exact; what the
 * format cannot hold is refused. Once warm, encoding allocates nothing but for mantissas beyond 2^53.
 */
export class WireEncoder {
  readonly #encoding: Encoding

  /** @param numbers gives a symbol its number; asked once for each symbol. */
  constructor(numbers: SymbolNumbers) {
    this.#encoding = new Encoding(numbers)
  }

  /**
   * Encodes a message's payload: the first `n` bytes of `bytes`, n being what is returned, until the next call.
   * @throws EncodeError naming the field that cannot be represented.
   */
  encode<Input>(type: MessageType<string, Values, Input>, message: Input): number {
    const encoding = this.#encoding
    encoding.begin(type.name)
    if (typeof message !== 'object' || message === null) encoding.fail('', 'is not an object')
    payloadEncoder(type).encode(encoding, message)
    return encoding.writer.length
  }

  /** The same for a message that brings its type along. */
  encodeMessage({ type, message }: WireMessage): number {
    return this.encode(type, message as never)
  }

  /** The memory of the last payload. */
  get bytes(): Uint8Array {
    return this.#encoding.writer.bytes
  }

  /** Number of the symbol that the last message is about; null when it is about none. */
  get key(): number | null {
    return this.#encoding.key
  }
}
