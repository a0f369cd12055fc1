import * as format from '../format.ts'
import { clip, padEnd, padStart, type Style } from '../style.ts'
import type { Kind } from './kinds.ts'
import type { Track } from './track.ts'

export interface View {
  readonly source: string
  readonly seconds: number
  /** Null: until Ctrl-C. */
  readonly until: number | null
  readonly track: Track
  /** The newest last. */
  readonly events: readonly {
    readonly seconds: number
    readonly text: string
    readonly tone: 'good' | 'bad' | 'plain'
  }[]
}

/** The whole screen as lines, for a terminal of this size. */
export function drawTable(view: View, width: number, height: number, style: Style): string[] {
  const inner = Math.min(width, 110)
  const lines = [
    ...header(view, inner, style),
    ...hubLines(view.track, inner, style),
    ...subscriberLines(view.track, inner, style),
    ...policyLines(view.track, inner, style),
  ]
  lines.push(...eventLines(view, height - lines.length - 1, style))
  return lines.slice(0, height).map((line) => clip(line, width))
}

function header(view: View, width: number, style: Style): string[] {
  const time =
    view.until === null ? format.clock(view.seconds) : `${format.clock(view.seconds)} / ${format.clock(view.until)}`
  const left = clip(`${style.bold(style.accent(' tickwire hub'))}  ${style.dim(view.source)}`, width - time.length - 2)
  return [`${padEnd(left, width - time.length - 1)}${time}`, '']
}

function megabytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return '–'
  return `${(bytes / 1e6).toFixed(Math.abs(bytes) < 10e6 ? 1 : 0)} MB`
}

/** Label, figure, and what else there is to say of it. */
export function hubFigures(track: Track, style: Style): readonly (readonly [string, string, string])[] {
  const published = track.rate((hub) => hub.published)
  const delivered = track.rate((hub) => hub.deliveries)
  const cpu = track.rate((hub) => hub.cpuMs) / 1000
  const perWrite = delivered / track.rate((hub) => hub.writes)
  const growth = track.growth
  return [
    ['published', `${format.count(published)} /s`, ''],
    [
      'delivered',
      `${format.count(delivered)} /s`,
      Number.isFinite(perWrite)
        ? `${perWrite.toFixed(1)} per system call, ${megabytes(track.rate((hub) => hub.bytes))}/s`
        : '',
    ],
    [
      'publisher process',
      `${format.percent(cpu)} CPU`,
      delivered > 0 ? `${format.duration((cpu * 1e9) / delivered, style.unicode)} per delivery` : '',
    ],
    [
      'its memory',
      megabytes(track.hub?.rssBytes ?? Number.NaN),
      Number.isFinite(growth) ? `${growth < 0 ? '−' : '+'}${megabytes(Math.abs(growth))} since the start` : '',
    ],
  ]
}

function hubLines(track: Track, width: number, style: Style): string[] {
  const room = width - 38
  const lines = hubFigures(track, style).map(
    ([label, figure, more]) =>
      ` ${style.dim(padEnd(label, 18))}${style.bold(padStart(figure, 16))}${more.length > room ? '' : `   ${style.dim(more)}`}`,
  )
  const finite = track.p99.filter(Number.isFinite)
  if (style.unicode && finite.length > 1 && width >= 60) {
    const [low, high] = [Math.min(...finite) * 0.8, Math.max(...finite) * 1.2]
    const chart = format.sparkline(track.p99, width - 40, low, high)
    lines.push(` ${style.dim(padEnd('p99 over time', 18))}${' '.repeat(16)}   ${style.accent(chart)}`)
  }
  return [...lines, '']
}

interface Column {
  readonly title: string
  readonly width: number
  /** Least screen width at which it is shown. */
  readonly from: number
  readonly value: (track: Track, kind: Kind, style: Style) => string
}

const latency =
  (quantile: 'p50' | 'p99') =>
  (track: Track, kind: Kind, style: Style): string => {
    const spread = track.class(kind.name)?.latency
    return format.duration(spread && spread.count > 0 ? spread[quantile] : Number.NaN, style.unicode)
  }

export const columns: readonly Column[] = [
  {
    title: 'connected',
    width: 10,
    from: 0,
    value: (track, kind) => `${format.count(track.class(kind.name)?.open ?? Number.NaN)}/${kind.connections}`,
  },
  { title: 'each gets', width: 10, from: 80, value: (track, kind) => `${format.count(track.classRate(kind.name))} /s` },
  {
    title: 'of all',
    width: 8,
    from: 88,
    value: (track, kind) =>
      format.percent(Math.min(1, track.classRate(kind.name) / track.rate((hub) => hub.published))),
  },
  { title: 'p50', width: 9, from: 70, value: latency('p50') },
  { title: 'p99', width: 9, from: 0, value: latency('p99') },
  {
    title: 'behind',
    width: 9,
    from: 52,
    value: (track, kind) => {
      const report = track.class(kind.name)
      return report && report.open > 0 ? format.count(report.lag.p50) : '–'
    },
  },
  {
    title: 'missed',
    width: 11,
    from: 42,
    value: (track, kind) => format.count(track.class(kind.name)?.lost ?? Number.NaN),
  },
]

function subscriberLines(track: Track, width: number, style: Style): string[] {
  const shown = columns.filter((column) => width >= column.from)
  const narrow = width < 62
  const labelWidth = narrow ? 11 : 20
  const head = shown.map((column) => padStart(column.title, column.width)).join('')
  const rule = ` ${style.dim((style.unicode ? '─' : '-').repeat(Math.max(0, width - 1)))}`
  const rows = track.kinds.map((kind) => {
    const cells = shown.map((column) => padStart(column.value(track, kind, style), column.width)).join('')
    const label = padEnd(clip(narrow ? kind.short : kind.label, labelWidth), labelWidth)
    return ` ${kind.policy === 'none' ? style.good(label) : style.warm(label)}${cells}`
  })
  return [` ${style.dim(padEnd('subscribers', labelWidth) + head)}`, rule, ...rows, '']
}

/** What the slow policy has done so far. */
export function policyFigures(track: Track): string[] {
  const hub = track.hub
  return [
    `skipped ${format.count(hub?.skipped ?? 0)}`,
    `conflated ${format.count(hub?.conflated ?? 0)}`,
    `disconnected ${format.count(hub?.disconnects ?? 0)}`,
  ]
}

function policyLines(track: Track, width: number, style: Style): string[] {
  const figures = policyFigures(track)
  const text = figures.join(style.unicode ? ' · ' : ', ')
  const label = (of: string): string => ` ${style.dim(padEnd(of, width < 62 ? 8 : 19))}`
  if (text.length + 20 <= width) return [label('slow policy') + style.bold(text), '']
  return [...figures.map((figure, i) => label(i === 0 ? 'policy' : '') + style.bold(figure)), '']
}

function eventLines(view: View, room: number, style: Style): string[] {
  if (room <= 0) return []
  return view.events.slice(-room).map((event) => {
    const paint = event.tone === 'good' ? style.good : event.tone === 'bad' ? style.bad : style.dim
    return ` ${style.dim(format.clock(event.seconds))}  ${paint(event.text)}`
  })
}
