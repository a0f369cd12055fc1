/** tickwire/book: order books kept by the core. */

export { Book, type BookCopy } from './book.js'
export { Books, type BooksStats } from './books.js'
export type {
  BookReason,
  BookResync,
  BookRules,
  BookStale,
  BookState,
  BookSynced,
  BooksEvents,
  BooksUnreadable,
} from './events.js'
export type { BookLevel, BookSide, LevelCopy } from './level.js'
export type { BooksOptions } from './options.js'
export type { BookOrder, OrderCopy, OrderQueue } from './order.js'
