import * as format from './format.ts'
import type { Snapshot } from './side.ts'
import type { Market } from './strategy.ts'
import { clip, padEnd, padStart, type Style } from './style.ts'
import type { Track } from './track.ts'

export interface View {
  readonly source: string
  readonly seconds: number
  /** Null: until Ctrl-C. */
  readonly until: number | null
  readonly ours: Track
  readonly ws: Track
  /** The newest last. */
  readonly events: readonly {
    readonly seconds: number
    readonly side: string
    readonly text: string
    readonly tone: string
  }[]
  /** The source stamps its messages. */
  readonly stamped: boolean
}

interface Line {
  readonly label: string
  /** For narrow screens. */
  readonly short: string
  readonly ours: string
  readonly ws: string
  /** How many times better ours is. */
  readonly ratio?: string
}

/** The whole screen as lines, for a terminal of this size. */
export function drawTable(view: View, width: number, height: number, style: Style): string[] {
  const inner = Math.min(width, 110)
  const lines = [...header(view, inner, style), ...comparison(view, inner, style)]
  const room = Math.max(0, height - lines.length - 1)
  const markets = view.ours.now?.markets ?? []
  const eventRoom = Math.min(7, Math.max(0, room - Math.min(markets.length + 2, 10)))
  lines.push(...marketLines(markets, inner, room - eventRoom, style))
  lines.push(...eventLines(view, height - lines.length - 1, style))
  return lines.slice(0, height).map((line) => clip(line, width))
}

function header(view: View, width: number, style: Style): string[] {
  const time =
    view.until === null ? format.clock(view.seconds) : `${format.clock(view.seconds)} / ${format.clock(view.until)}`
  const left = clip(`${style.bold(style.accent(' tickwire'))}  ${style.dim(view.source)}`, width - time.length - 2)
  return [`${padEnd(left, width - time.length - 1)}${time}`, '']
}

/** `quantiles`: how many of p50, p99 and p99.9 share a line. */
export function comparisonLines(view: View, style: Style, quantiles = 3): Line[] {
  const { ours, ws, stamped } = view
  const [a, b] = [ours.now, ws.now]
  const duration = (ns: number | undefined): string => format.duration(ns ?? Number.NaN, style.unicode)
  const ratio = (peer: number | undefined, own: number | undefined): string =>
    format.times((peer ?? Number.NaN) / (own ?? Number.NaN), style.unicode)
  const lines: Line[] = [
    { label: 'messages per second', short: 'messages/s', ours: format.count(ours.rate), ws: format.count(ws.rate) },
    {
      label: 'main-thread load',
      short: 'main thread',
      ours: format.percent(ours.mainLoad),
      ws: format.percent(ws.mainLoad),
      ratio: ratio(ws.mainLoad, ours.mainLoad),
    },
    {
      label: 'process load, all threads',
      short: 'all threads',
      ours: format.percent(ours.totalLoad),
      ws: format.percent(ws.totalLoad),
      ratio: ratio(ws.totalLoad, ours.totalLoad),
    },
  ]
  if (stamped) {
    for (const [key, name] of [
      ['p50', 'p50'],
      ['p99', 'p99'],
      ['p999', 'p99.9'],
    ] as const) {
      lines.push({
        label: `sent ${arrow(style)} strategy  ${name}`,
        short: `latency ${name}`,
        ours: duration(a?.sent[key]),
        ws: duration(b?.sent[key]),
        ratio: ratio(b?.sent[key], a?.sent[key]),
      })
    }
  }
  const stage = (from: 'kernel' | 'native'): Line => ({
    label: `${from} ${arrow(style)} strategy`,
    short: `from ${from}`,
    ours: [a?.[from]?.p50, a?.[from]?.p99, a?.[from]?.p999].slice(0, quantiles).map(duration).join(' / '),
    ws: '–',
  })
  const both = (snapshot: Snapshot | undefined): string =>
    `${format.count(snapshot?.lost ?? 0)}, ${format.count(snapshot?.malformed ?? 0)}`
  lines.push(stage('kernel'), stage('native'))
  lines.push({ label: 'rows lost, messages skipped', short: 'lost, skipped', ours: both(a), ws: both(b) })
  lines.push({
    label: 'reconnects',
    short: 'reconnects',
    ours: format.count(a?.reconnects ?? 0),
    ws: format.count(b?.reconnects ?? 0),
  })
  if (stamped) {
    const silent = (snapshot: Snapshot | undefined): string => duration((snapshot?.silentMs ?? 0) * 1e6)
    lines.push({ label: 'time without data', short: 'no data for', ours: silent(a), ws: silent(b) })
  }
  return lines
}

const arrow = (style: Style): string => (style.unicode ? '→' : '->')

function comparison(view: View, width: number, style: Style): string[] {
  const narrow = width < 76
  const labelWidth = narrow ? 15 : 29
  const ratioWidth = narrow ? 0 : 10
  const columnWidth = Math.max(0, Math.floor((width - labelWidth - ratioWidth - 2) / 2))
  const quantiles = columnWidth >= 28 ? 3 : columnWidth >= 18 ? 2 : 1
  const row = (label: string, ours: string, ws: string, ratio: string): string =>
    ` ${padEnd(clip(label, labelWidth), labelWidth)}${padStart(clip(ours, columnWidth), columnWidth)}${padStart(clip(ws, columnWidth), columnWidth)}${narrow ? '' : padStart(ratio, ratioWidth)}`
  const state = (track: Track): string => {
    const text = track.ended ? 'ended' : (track.now?.state ?? 'starting')
    return text === 'connected' ? style.good(text) : style.warm(text)
  }
  const rule = ` ${style.dim((style.unicode ? '─' : '-').repeat(Math.max(0, width - 1)))}`
  const lines = [
    row('', style.bold('tickwire'), style.bold(columnWidth < 16 ? 'ws' : 'ws + JSON.parse'), style.dim('better by')),
    row(style.dim('connection'), state(view.ours), state(view.ws), ''),
    rule,
    ...comparisonLines(view, style, quantiles).map((line) =>
      row(style.dim(narrow ? line.short : line.label), style.bold(line.ours), line.ws, style.good(line.ratio ?? '')),
    ),
  ]
  if (view.stamped && style.unicode && !narrow) {
    const all = [...view.ours.p99, ...view.ws.p99].filter(Number.isFinite)
    const [low, high] = [Math.min(...all) * 0.8, Math.max(...all) * 1.2]
    const chart = (track: Track): string => format.sparkline(track.p99, columnWidth - 4, low, high)
    if (all.length > 0)
      lines.push(row(style.dim('p99 over time'), style.accent(chart(view.ours)), style.dim(chart(view.ws)), ''))
  }
  return [...lines, '']
}

interface Column {
  readonly title: string
  readonly width: number
  /** Least screen width at which it is shown. */
  readonly from: number
  readonly value: (market: Market, style: Style) => string
}

const columns: readonly Column[] = [
  { title: 'bid', width: 13, from: 0, value: (market) => format.price(market.bid) },
  { title: 'ask', width: 13, from: 0, value: (market) => format.price(market.ask) },
  { title: 'mid', width: 13, from: 90, value: (market) => format.price(market.mid) },
  { title: 'micro', width: 13, from: 66, value: (market) => format.price(market.micro) },
  {
    title: 'bps',
    width: 7,
    from: 58,
    value: (market) => (Number.isFinite(market.spreadBps) ? market.spreadBps.toFixed(2) : '–'),
  },
  { title: 'last', width: 13, from: 104, value: (market) => format.price(market.lastPrice) },
]

function marketLines(markets: readonly Market[], width: number, room: number, style: Style): string[] {
  if (room < 3 || markets.length === 0) return []
  const shown = columns.filter((column) => width >= column.from)
  const half = width >= 78 ? 8 : width >= 50 ? 4 : 0
  const bar = half === 0 ? '' : `  ${padEnd(half < 7 ? 'imbalance' : 'book imbalance', 2 * half + 1)}`
  const lines = [
    style.dim(` ${padEnd('market', 10)}${shown.map((column) => padStart(column.title, column.width)).join('')}${bar}`),
  ]
  const sorted = [...markets].sort(
    (a, b) => b.tickers + b.trades - a.tickers - a.trades || (a.symbol < b.symbol ? -1 : 1),
  )
  for (const market of sorted.slice(0, room - 2)) {
    const cells = shown.map((column) => padStart(column.value(market, style), column.width)).join('')
    const lean = format.balance(market.imbalance, half, style.unicode)
    const painted = market.imbalance >= 0 ? style.good(lean) : style.bad(lean)
    lines.push(` ${style.bold(padEnd(market.symbol, 10))}${cells}${half === 0 ? '' : `  ${painted}`}`)
  }
  return [...lines, '']
}

function eventLines(view: View, room: number, style: Style): string[] {
  if (room <= 0) return []
  return view.events.slice(-room).map((event) => {
    const paint = event.tone === 'good' ? style.good : event.tone === 'bad' ? style.bad : style.dim
    return ` ${style.dim(format.clock(event.seconds))}  ${padEnd(style.bold(event.side), 9)} ${paint(event.text)}`
  })
}
