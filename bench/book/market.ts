/** Messages of a market that changes by chance, in the form of Binance's: whole books, then changes of them. */

export interface MarketTexts {
  readonly symbols: readonly string[]
  /** One per symbol: the whole book. */
  readonly wholes: readonly string[]
  readonly changes: readonly string[]
}

export type Level = readonly [price: string, size: string]

export interface DepthMessage {
  readonly stream: string
  readonly data: {
    readonly e: string
    readonly s: string
    readonly U: number
    readonly u: number
    readonly b: readonly Level[]
    readonly a: readonly Level[]
  }
}

/**
 * Prices move near the best one, as they do: of ten changes, most fall within twenty levels of it, and a quarter remove one.
 * @param levels of each side to begin with.
 */
export function marketTexts(symbolCount: number, levels: number, changeCount: number): MarketTexts {
  let state = 1
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  const symbols = Array.from({ length: symbolCount }, (_, i) => `S${i}USDT`)
  const mids = symbols.map((_, i) => 100_000 + i * 5_000) // in hundredths
  const ids = symbols.map(() => 1)
  const price = (hundredths: number): string => (hundredths / 100).toFixed(8)
  const size = (): string => (random() * 100 + 0.001).toFixed(8)
  const text = (i: number, kind: string, b: readonly Level[], a: readonly Level[]): string => {
    const U = (ids[i] as number) + 1
    const u = U + 1
    ids[i] = u
    const s = symbols[i] as string
    return JSON.stringify({
      stream: `${s.toLowerCase()}@${kind}`,
      data: { e: 'depthUpdate', E: 1_700_000_000_000, s, U, u, b, a },
    })
  }
  const wholes = symbols.map((_, i) => {
    const side = (sign: number): Level[] =>
      Array.from({ length: levels }, (__, k) => [price((mids[i] as number) + sign * (k + 1)), size()] as const)
    return text(i, 'whole', side(-1), side(1))
  })
  const changes = Array.from({ length: changeCount }, () => {
    const i = Math.floor(random() * symbolCount)
    const side = (sign: number): Level[] =>
      Array.from({ length: 2 + Math.floor(random() * 8) }, () => {
        const away = 1 + Math.floor(random() < 0.8 ? random() * 20 : random() * levels)
        return [price((mids[i] as number) + sign * away), random() < 0.25 && away > 8 ? '0.00000000' : size()] as const
      })
    return text(i, 'change', side(-1), side(1))
  })
  return { symbols, wholes, changes }
}
