/** What a venue's own words are, behind which there is one book of orders. */
import type { IncomingMessage } from 'node:http'
import type { Book } from './book.ts'

/** A request as a venue sees it, decoded. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly params: Record<string, unknown>
  readonly query: string
  readonly body: string
  readonly headers: IncomingMessage['headers']
}

export interface Answer {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body: unknown
}

/** How one venue speaks. `handle` returns null for what it does not know. */
export interface Wire {
  readonly name: string
  /** Null when the request is signed as it should be. */
  refuse(asked: Asked): Answer | null
  /** Whether it has lost its validity since it came. */
  stale(asked: Asked): boolean
  /** Whether it changes something, so that its fate matters. */
  changes(asked: Asked): boolean
  handle(asked: Asked, book: Book): Answer | null
}
