/** JSON with integers of any size, as venues write their order ids. */

/** Not in TypeScript's library yet. */
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown }

/** A decimal that is written as a JSON number, digit by digit. */
export function numeral(decimal: string): unknown {
  return rawJSON(decimal)
}

/** JSON.stringify that writes a bigint as an integer, digit by digit. */
export function stringify(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? rawJSON(String(each)) : each))
}

/** An object that came from a client; null when it is none. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}
