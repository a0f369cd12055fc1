import type { Book } from '../../../dist/esm/book/index.js'

/**
 * Reads a book in the ways that allocate nothing, into `sums`. A function that returned a fraction would make a number on the heap wherever it is
 * not inlined.
 */
export function lookAt(book: Book, sums: Float64Array): void {
  if (book.stale || book.symbol === '' || book.state === 'empty') return
  lookAtSides(book, sums)
  lookAtBest(book, sums)
  lookAtLevels(book, sums)
}

function lookAtSides({ bids, asks }: Book, sums: Float64Array): void {
  let sum = 0
  for (let i = 0; i < 5; i++) sum += bids.price(i) * bids.size(i) + asks.price(i) * asks.size(i)
  sums[0] = (sums[0] as number) + sum + bids.length
}

function lookAtBest(book: Book, sums: Float64Array): void {
  sums[1] = (sums[1] as number) + book.mid + book.spread + book.microPrice
}

function lookAtLevels(book: Book, sums: Float64Array): void {
  const level = book.bid(1)
  sums[2] = (sums[2] as number) + level.price + book.ask(2).size + book.updateId + book.rxTimeNs
}

/** The same of the orders of a level, `count` of them. */
export function lookAtOrders(book: Book, count: number, sums: Float64Array): void {
  const { orders } = book.ask(1)
  let sum = orders.length + orders.total
  for (let i = 0; i < count; i++) {
    const order = orders.at(i)
    sum += order.size + order.timeMs + order.sizeDecimal.scale
  }
  sums[2] = (sums[2] as number) + sum
}
