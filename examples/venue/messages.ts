import type { Instrument } from './market.ts'
import type { Random } from './random.ts'

/** The shapes that a venue's combined stream carries. */
export type MessageKind = 'bookTicker' | 'aggTrade' | 'depthUpdate' | 'kline'

/**
 * Sixteen digits that a stamped replay overwrites with the sender's monotonic clock: nanoseconds + 10^15, so that the
 * width never changes and a double still holds the number exactly.
 */
export const stampBase = 1_000_000_000_000_000
const stampBlank = String(stampBase)

/** Digits of a `T` field: a stamp to be filled in, or the event's time. */
function transactionTime(timeMs: number, stamped: boolean): string {
  return stamped ? stampBlank : String(timeMs)
}

export function bookTicker(i: Instrument, timeMs: number, stamped: boolean): string {
  return `{"e":"bookTicker","u":${i.updateId},"E":${timeMs + 3},"T":${transactionTime(timeMs, stamped)},"s":"${i.symbol}","b":"${i.price(i.bid)}","B":"${i.size(i.bidSize)}","a":"${i.price(i.ask)}","A":"${i.size(i.askSize)}"}`
}

export function aggTrade(i: Instrument, timeMs: number, stamped: boolean, random: Random): string {
  const sell = random.chance(0.5)
  const price = sell ? i.bid : i.ask
  const lots = 1 + Math.floor(i.lots() * 0.3)
  const fills = 1 + random.below(4)
  const first = i.tradeId + 1
  i.tradeId += fills
  i.aggId += 1
  i.trades += fills
  if (i.firstTrade === 0) i.firstTrade = first
  i.volumeLots += lots
  i.high = Math.max(i.high, price)
  i.low = Math.min(i.low, price)
  return `{"e":"aggTrade","E":${timeMs + 2},"T":${transactionTime(timeMs, stamped)},"s":"${i.symbol}","a":${i.aggId},"p":"${i.price(price)}","q":"${i.size(lots)}","f":${first},"l":${i.tradeId},"m":${sell}}`
}

function levels(i: Instrument, best: number, direction: 1 | -1, count: number, random: Random): string {
  let ticks = best
  let text = ''
  for (let k = 0; k < count && ticks > 0; k++) {
    // A size of zero removes the level.
    const size = k > 0 && random.chance(0.15) ? i.size(0) : i.size(i.lots())
    text += `${k === 0 ? '' : ','}["${i.price(ticks)}","${size}"]`
    ticks += direction * (1 + (random.chance(0.6) ? 0 : random.below(5)))
  }
  return `[${text}]`
}

/** `depth` levels on each side. */
export function depthUpdate(i: Instrument, timeMs: number, stamped: boolean, random: Random, depth: number): string {
  const previous = i.updateId
  const last = previous + depth * 2
  i.updateId = last
  return `{"e":"depthUpdate","E":${timeMs + 5},"T":${transactionTime(timeMs, stamped)},"s":"${i.symbol}","U":${previous + 1},"u":${last},"pu":${previous},"b":${levels(i, i.bid, -1, depth, random)},"a":${levels(i, i.ask, 1, depth, random)}}`
}

export function kline(i: Instrument, timeMs: number, stamped: boolean): string {
  const start = timeMs - (timeMs % 60_000)
  const volume = i.size(i.volumeLots)
  const quote = i.price(i.bid)
  return `{"e":"kline","E":${timeMs + 1},"T":${transactionTime(timeMs, stamped)},"s":"${i.symbol}","k":{"t":${start},"T":${start + 59_999},"s":"${i.symbol}","i":"1m","f":${i.firstTrade},"L":${i.tradeId},"o":"${i.price(i.open)}","c":"${i.price(i.bid)}","h":"${i.price(i.high)}","l":"${i.price(i.low)}","v":"${volume}","n":${i.trades},"x":false,"q":"${quote}","V":"${volume}","Q":"${quote}","B":"0"}}`
}

/** Name of the stream that carries a message, as in a venue's combined streams. */
export function streamName(kind: MessageKind, symbol: string): string {
  const name = symbol.toLowerCase()
  switch (kind) {
    case 'depthUpdate':
      return `${name}@depth@100ms`
    case 'kline':
      return `${name}@kline_1m`
    default:
      return `${name}@${kind}`
  }
}
