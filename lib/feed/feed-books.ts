import type { NativeBookSet } from '../native/book-layout.js'
import type { WakeMode } from '../runtime/channel.js'
import type { Loop } from '../runtime/loop.js'

/** Where a feed finds the books that it feeds. */
export interface FeedBooksTarget {
  readonly native: NativeBookSet
  readonly loop: Loop
  readonly wake: WakeMode
  /** Whether they are books of orders. */
  readonly orders: boolean
}

/** The feed's side of books; not part of the public surface. */
export let feedBooksTarget: (books: FeedBooks) => FeedBooksTarget

/** What feeds can be given as `books`: `Books` of `tickwire/book`. */
export abstract class FeedBooks {
  #target: FeedBooksTarget | null = null

  static {
    feedBooksTarget = (books) => books.#target as FeedBooksTarget
  }

  /** @internal */
  protected fedThrough(target: FeedBooksTarget): void {
    this.#target = target
  }
}
