/** Numbers as people read them. Everything unknown is a dash. */

const none = '–'

export function count(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : none
}

/** Nanoseconds with a fitting unit, three digits. */
export function duration(ns: number, unicode: boolean): string {
  if (!Number.isFinite(ns)) return none
  if (ns < 1e3) return `${ns.toFixed(0)} ns`
  const [value, unit] = ns < 1e6 ? [ns / 1e3, unicode ? 'µs' : 'us'] : ns < 1e9 ? [ns / 1e6, 'ms'] : [ns / 1e9, 's']
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${unit}`
}

export function percent(share: number): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(share < 0.1 ? 2 : 1)} %` : none
}

export function times(factor: number, unicode: boolean): string {
  if (!Number.isFinite(factor) || factor <= 0) return none
  return `${factor.toFixed(factor < 10 ? 1 : 0)}${unicode ? '×' : 'x'}`
}

export function clock(seconds: number): string {
  const whole = Math.floor(seconds)
  return `${String(Math.floor(whole / 60)).padStart(2, '0')}:${String(whole % 60).padStart(2, '0')}`
}

/** A price with so many significant digits that its ticks show. */
export function price(value: number): string {
  if (!Number.isFinite(value)) return none
  const decimals = value >= 10_000 ? 2 : value >= 100 ? 3 : value >= 1 ? 4 : 6
  return value.toFixed(decimals)
}

const rising = '▁▂▃▄▅▆▇█'

/** A small chart of the newest values, on a logarithmic scale. */
export function sparkline(values: readonly number[], width: number, low: number, high: number): string {
  return values
    .slice(-width)
    .map((value) => {
      if (!Number.isFinite(value)) return ' '
      const height = (Math.log(value) - Math.log(low)) / (Math.log(high) - Math.log(low))
      return rising[Math.max(0, Math.min(rising.length - 1, Math.floor(height * rising.length)))] ?? ' '
    })
    .join('')
}

/** −1…1 as a bar that leans to its side. */
export function balance(value: number, half: number, unicode: boolean): string {
  const filled = Math.min(half, Math.round(Math.abs(value) * half))
  const [block, blank, middle] = unicode ? ['█', '·', '│'] : ['#', '.', '|']
  const left = blank.repeat(half - (value < 0 ? filled : 0)) + block.repeat(value < 0 ? filled : 0)
  const right = block.repeat(value > 0 ? filled : 0) + blank.repeat(half - (value > 0 ? filled : 0))
  return left + middle + right
}
