/** What a reviver is told of a number besides its value. */
interface Source {
  readonly source?: string
}

/**
 * JSON in which integers that a double cannot hold are text, digit by digit: venues' order ids go beyond 2^53.
 * @throws SyntaxError
 */
export function exactJson(text: string): unknown {
  return JSON.parse(text, exactly as (this: unknown, key: string, value: unknown) => unknown)
}

function exactly(_key: string, value: unknown, context: Source): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const { source = '' } = context
  return /^-?\d+$/.test(source) ? source : value
}
