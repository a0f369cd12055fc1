/** What books tell. */

import type { BookReasons, BookRuleNames, BookStates } from '../native/book-layout.js'
import type { Book } from './book.js'

/** `empty`: has had no contents yet; `synced`: is the venue's; `stale`: was, and is not to be trusted. */
export type BookState = (typeof BookStates)[number]

/**
 * By which rules events of a venue follow each other. `none`: by nothing but their order; `snapshots`: each is the whole book, with a
 * number that grows.
 */
export type BookRules = (typeof BookRuleNames)[number]

/**
 * Why a book is not in sync.
 * - `ERR_BOOK_GAP`: events are missing.
 * - `ERR_BOOK_CHECKSUM`: the venue's check sum is not that of the book.
 * - `ERR_BOOK_CROSSED`: the best bid is not below the best ask (option `crossed`).
 * - `ERR_BOOK_MALFORMED`: an event without an id that the rules need, or with a negative size.
 * - `ERR_BOOK_PRICE_RANGE`: prices that do not fit together into 64 bits.
 * - `ERR_BOOK_DEPTH`: too few levels are left of those that are known.
 * - `ERR_BOOK_EVENT_SIZE`: more levels in one event than any book has.
 * - `ERR_BOOK_NO_PROGRESS`: old events only, for very long.
 * - `ERR_BOOK_DISCONNECTED`: no connection feeds it.
 * - `ERR_BOOK_LOST`: a message could not be read, or `resync()` was called.
 */
export type BookReason = NonNullable<(typeof BookReasons)[number]>

/** A book is not in sync any more. */
export interface BookStale {
  readonly book: Book
  readonly reason: BookReason
}

/** A book is in sync, for the first time or again. */
export interface BookSynced {
  readonly book: Book
  /** Why it was not before; null: it is the first time. */
  readonly reason: BookReason | null
}

/** An attempt to get a book in sync has begun, or has failed. */
export interface BookResync {
  readonly book: Book
  /** Attempts since the book was last in sync, from 1. */
  readonly attempt: number
  /** What it does, or was doing. */
  readonly by: 'snapshot' | 'resubscribe'
  /** Why this attempt has failed; null: it begins. */
  readonly error: Error | null
  /** Milliseconds until the next attempt; null: none is planned. */
  readonly delayMs: number | null
}

/** Messages could not be read, and nothing in them said of which book they were. */
export interface BooksUnreadable {
  /** How many so far. */
  readonly messages: number
}

export interface BooksEvents {
  /** A book has changed: what it shows is the newest. Each book at most once per wake-up, however often it has changed. */
  book: Book
  stale: BookStale
  synced: BookSynced
  resync: BookResync
  /**
   * A message could not be read that may have been of any book: books with numbers show it with their next event. Where the message names its
   * book, that one is stale instead, and without numbers all of the connection are.
   */
  unreadable: BooksUnreadable
}
