import type { Book } from '../../dist/esm/book/index.js'

type Level = readonly [price: string, size: string]

const isZero = (text: string): boolean => /^[0.]*$/.test(text)
/** `1.50` and `1.5` are one price. */
const plain = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text)

/** A book as slow and as plain as can be: prices and sizes are texts, in a Map each side. */
export class ReferenceBook {
  readonly bids = new Map<string, string>()
  readonly asks = new Map<string, string>()

  load(bids: readonly Level[], asks: readonly Level[]): void {
    this.bids.clear()
    this.asks.clear()
    this.apply(bids, asks)
  }

  apply(bids: readonly Level[], asks: readonly Level[]): void {
    for (const [side, levels] of [
      [this.bids, bids],
      [this.asks, asks],
    ] as const) {
      for (const [price, size] of levels) {
        if (isZero(size)) side.delete(plain(price))
        else side.set(plain(price), size)
      }
    }
  }

  /** Cuts off what lies beyond so many levels. */
  cut(depth: number): void {
    for (const [side, sorted] of [
      [this.bids, this.top('bids')],
      [this.asks, this.top('asks')],
    ] as const) {
      for (const [price] of sorted.slice(depth)) side.delete(price)
    }
  }

  /** The best levels, the best first. */
  top(side: 'bids' | 'asks', depth = Number.POSITIVE_INFINITY): Level[] {
    const sign = side === 'bids' ? -1 : 1
    return [...this[side]].sort(([a], [b]) => sign * compare(a, b)).slice(0, depth)
  }
}

/** Exact, by scaled integers. */
function compare(a: string, b: string): number {
  const decimals = (text: string): number => (text.split('.')[1] ?? '').length
  const scale = Math.max(decimals(a), decimals(b))
  const integer = (text: string): bigint => BigInt(text.replace('.', '') + '0'.repeat(scale - decimals(text)))
  const difference = integer(a) - integer(b)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

/** What a book shows, as the reference has it: prices without trailing zeros. */
export function shown(book: Book, depth = Number.POSITIVE_INFINITY): { bids: Level[]; asks: Level[] } {
  const side = (name: 'bids' | 'asks'): Level[] =>
    book[name].toArray().map(({ priceText, sizeText, price, size }) => {
      if (price !== Number(priceText) || size !== Number(sizeText)) throw new Error(`${price} is not ${priceText}`)
      return [plain(priceText), sizeText] as const
    })
  return { bids: side('bids').slice(0, depth), asks: side('asks').slice(0, depth) }
}

/** The same of the reference. */
export function expectedOf(reference: ReferenceBook, depth: number): { bids: Level[]; asks: Level[] } {
  return { bids: reference.top('bids', depth), asks: reference.top('asks', depth) }
}
