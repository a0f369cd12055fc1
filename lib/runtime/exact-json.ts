/** What a reviver is told of a number besides its value. */
interface Source {
  readonly source?: string
}

type Reviver = (this: unknown, key: string, value: unknown) => unknown

/**
 * JSON in which integers that a double cannot hold are text, digit by digit: venues' order ids go beyond 2^53.
 * @throws SyntaxError
 */
export function exactJson(text: string): unknown {
  return JSON.parse(text, exactly as Reviver)
}

/**
 * JSON in which every number is text as it was written, for venues that write prices and sizes as numbers: `0.10` stays `'0.10'`.
 * @throws SyntaxError
 */
export function textJson(text: string): unknown {
  return JSON.parse(text, asText as Reviver)
}

function exactly(_key: string, value: unknown, context: Source): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const { source = '' } = context
  return /^-?\d+$/.test(source) ? source : value
}

function asText(_key: string, value: unknown, context: Source): unknown {
  return typeof value === 'number' ? (context.source ?? String(value)) : value
}
