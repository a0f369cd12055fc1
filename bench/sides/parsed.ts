import type { Tally } from './tally.ts'

interface Ticker {
  e: 'bookTicker'
  s: string
  b: string
  B: string
  a: string
  A: string
  u: number
  T: number
}

interface Trade {
  e: 'aggTrade'
  s: string
  p: string
  q: string
  a: number
  m: boolean
}

interface Kline {
  e: 'kline'
  s: string
  k: { o: string; h: string; l: string; c: string; v: string; n: number }
}

interface Depth {
  e: 'depthUpdate'
  s: string
  U: number
  u: number
  b: [string, string][]
  a: [string, string][]
}

/** The messages as JSON.parse gives them. */
export type Parsed = Ticker | Trade | Kline | Depth

/** Counts a parsed message: the same fields in the same order as our own side reads. */
export function countParsed(tally: Tally, m: Parsed): void {
  switch (m.e) {
    case 'bookTicker':
      tally.ticker(m.s, +m.b, +m.B, +m.a, +m.A, m.u)
      break
    case 'aggTrade':
      tally.trade(m.s, +m.p, +m.q, m.a, m.m)
      break
    case 'kline':
      tally.kline(m.s, +m.k.o, +m.k.h, +m.k.l, +m.k.c, +m.k.v, m.k.n)
      break
    case 'depthUpdate':
      tally.depthPairs(m.s, m.U, m.u, m.b, m.a)
      break
  }
}
