import type { Books } from '../../book/books.js'
import { booksInternals } from '../../book/books.js'
import type { Rest } from '../../rest/rest.js'
import type { VenueBookFetch } from './plan.js'
import type { BookRecovery } from './recovery.js'

/** Fetches snapshots: a bounded number at once, one per book. */
export class BookFetcher {
  readonly #books: Books
  readonly #seed: VenueBookFetch
  readonly #rest: Rest
  readonly #most: number
  readonly #waiting: BookRecovery[] = []
  readonly #underway = new Map<BookRecovery, AbortController>()

  constructor(books: Books, seed: VenueBookFetch, rest: Rest, most: number) {
    this.#books = books
    this.#seed = seed
    this.#rest = rest
    this.#most = most
  }

  attempt(recovery: BookRecovery): void {
    if (!this.#waiting.includes(recovery)) this.#waiting.push(recovery)
    this.#next()
  }

  cancel(recovery: BookRecovery): void {
    const index = this.#waiting.indexOf(recovery)
    if (index >= 0) this.#waiting.splice(index, 1)
    const controller = this.#underway.get(recovery)
    if (controller === undefined) return
    this.#underway.delete(recovery)
    controller.abort()
    this.#next()
  }

  close(): void {
    this.#waiting.length = 0
    for (const controller of this.#underway.values()) controller.abort()
    this.#underway.clear()
  }

  #next(): void {
    while (this.#underway.size < this.#most) {
      const recovery = this.#waiting.shift()
      if (recovery === undefined) return
      const controller = new AbortController()
      this.#underway.set(recovery, controller)
      recovery.begun()
      void this.#fetch(recovery, controller)
    }
  }

  async #fetch(recovery: BookRecovery, controller: AbortController): Promise<void> {
    const { entry, request } = recovery
    const { path, weight } = this.#seed.request(entry.book.symbol)
    try {
      const answer = await this.#rest.get(path, { weight, auth: false, signal: controller.signal })
      if (this.#underway.get(recovery) !== controller) return
      recovery.done()
      booksInternals(this.#books).seed(entry, request, answer.bytes())
    } catch (error) {
      if (this.#underway.get(recovery) === controller) recovery.failed(error as Error)
    } finally {
      if (this.#underway.get(recovery) === controller) this.#underway.delete(recovery)
      this.#next()
    }
  }
}
