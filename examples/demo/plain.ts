import * as format from './format.ts'
import { padEnd, padStart, type Style } from './style.ts'
import { comparisonLines, type View } from './table.ts'
import type { Track } from './track.ts'

function side(track: Track, stamped: boolean): string {
  const now = track.now
  const quantiles = stamped ? now?.sent : (now?.kernel ?? undefined)
  const times = [quantiles?.p50, quantiles?.p99, quantiles?.p999].map((ns) => format.duration(ns ?? Number.NaN, true))
  return `${track.name} ${format.count(track.rate)} msg/s, ${times.join(' / ')}, main thread ${format.percent(track.mainLoad)}, reconnects ${now?.reconnects ?? 0}`
}

/** One line for those who read logs. */
export function plainLine(view: View): string {
  return `${padStart(format.clock(view.seconds), 6)}  ${side(view.ours, view.stamped)}  |  ${side(view.ws, view.stamped)}`
}

/** The comparison, for the end. */
export function summary(view: View, style: Style): string[] {
  const lines = comparisonLines(view, style)
  const width = (of: (line: (typeof lines)[number]) => string, least: number): number =>
    Math.max(least, ...lines.map((line) => of(line).length))
  const label = width((line) => line.label, 0)
  const ours = width((line) => line.ours, 8)
  const ws = width((line) => line.ws, 15)
  const row = (a: string, b: string, c: string, d: string): string =>
    `  ${padEnd(a, label)}  ${padStart(b, ours)}  ${padStart(c, ws)}  ${padStart(d, 9)}`
  return [
    style.bold(row('', 'tickwire', 'ws + JSON.parse', 'better by')),
    ...lines.map((line) => row(line.label, line.ours, line.ws, line.ratio ?? '')),
    '',
    `  received: ${format.count(view.ours.now?.messages ?? 0)} by tickwire, ${format.count(view.ws.now?.messages ?? 0)} by ws`,
  ]
}
