/** Colours and characters that the terminal has. */
export interface Style {
  bold(text: string): string
  dim(text: string): string
  good(text: string): string
  bad(text: string): string
  accent(text: string): string
  warm(text: string): string
  readonly unicode: boolean
}

export function makeStyle(env: NodeJS.ProcessEnv, isTerminal: boolean): Style {
  const colours = isTerminal && !env.NO_COLOR && env.TERM !== 'dumb'
  const paint = (code: string) => (text: string) => (colours && text !== '' ? `\x1b[${code}m${text}\x1b[0m` : text)
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || ''
  return {
    bold: paint('1'),
    dim: paint('2'),
    good: paint('32'),
    bad: paint('31'),
    accent: paint('36'),
    warm: paint('33'),
    unicode: /utf-?8/i.test(locale),
  }
}

const colour = '\x1b\\[[0-9;]*m'
const escapes = new RegExp(colour, 'g')
const escapesKept = new RegExp(`(${colour})`)

/** Columns that a text takes; all its characters are one column wide. */
export function visibleLength(text: string): number {
  return text.replace(escapes, '').length
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - visibleLength(text))) + text
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - visibleLength(text)))
}

/** Cuts to `width` columns and ends every colour. */
export function clip(text: string, width: number): string {
  if (visibleLength(text) <= width) return text
  let left = width
  let cut = ''
  for (const part of text.split(escapesKept)) {
    if (part.startsWith('\x1b[')) cut += part
    else {
      cut += part.slice(0, left)
      left -= Math.min(left, part.length)
    }
  }
  return `${cut}\x1b[0m`
}
