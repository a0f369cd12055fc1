import * as format from '../format.ts'
import { padEnd, padStart, type Style } from '../style.ts'
import { columns, hubFigures, policyFigures, type View } from './table.ts'

/** One line for those who read logs. */
export function plainLine({ track, seconds }: View): string {
  const fast = track.class('fast')?.latency
  const duration = (ns: number | undefined): string => format.duration(ns || Number.NaN, true)
  return `${padStart(format.clock(seconds), 6)}  ${format.count(track.rate((hub) => hub.published))} published/s, ${format.count(track.rate((hub) => hub.deliveries))} delivered/s, p50 ${duration(fast?.p50)}, p99 ${duration(fast?.p99)}, CPU ${format.percent(track.rate((hub) => hub.cpuMs) / 1000)}, memory ${((track.hub?.rssBytes ?? Number.NaN) / 1e6).toFixed(0)} MB, ${policyFigures(track).join(', ')}`
}

/** Everything, for the end. */
export function summary({ track }: View, style: Style): string[] {
  const width = Math.max(...track.kinds.map((kind) => kind.label.length))
  const head = columns.map((column) => padStart(column.title, column.width)).join('')
  return [
    ...hubFigures(track, style).map(([label, figure, more]) =>
      `  ${padEnd(label, 18)}${padStart(figure, 16)}   ${more}`.trimEnd(),
    ),
    '',
    style.bold(`  ${padEnd('subscribers', width)}${head}`),
    ...track.kinds.map(
      (kind) =>
        `  ${padEnd(kind.label, width)}${columns.map((column) => padStart(column.value(track, kind, style), column.width)).join('')}`,
    ),
    '',
    `  ${policyFigures(track).join(', ')}`,
  ]
}
