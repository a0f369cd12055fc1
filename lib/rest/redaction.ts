/** Taking secrets out of what peers say before it gets into errors and events: some repeat the key that they refuse. */

import type { Auth } from '../sign/auth.js'

/** Stands in place of a secret. */
const shown = '[secret]'

/** Shorter ones than this are left: what they would be found in is more likely something else. */
const shortest = 4

/** Header fields that hold secrets whoever sends them, in lower case. */
const secretFields: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie', 'x-api-key'])

/** A request's header fields and query as they were sent. */
export interface SentParts {
  /** "name:value\n" for each, names in lower case. */
  readonly fields: string
  readonly query: string
}

/** The secrets that a request carried. */
export function secretsOf(auth: Auth | null, { fields, query }: SentParts): string[] {
  const secrets = new Set<string>()
  for (const line of fields.split('\n')) {
    const name = line.slice(0, line.indexOf(':'))
    if (secretFields.has(name) || auth?.secretHeaders.includes(name)) addAll(secrets, line.slice(name.length + 1))
  }
  if (auth !== null && query !== '') {
    for (const pair of query.split('&')) {
      const equals = pair.indexOf('=')
      if (equals < 0 || !auth.secretParams.includes(pair.slice(0, equals))) continue
      const value = pair.slice(equals + 1)
      secrets.add(value)
      addAll(secrets, decoded(value))
    }
  }
  return [...secrets]
}

/** The text without the secrets, at most `most` characters of it. */
export function redacted(text: string, secrets: readonly string[], most = 512): string {
  // Longest first: a secret may hold another.
  const found = secrets.filter((secret) => secret.length >= shortest).sort((a, b) => b.length - a.length)
  let clean = text
  for (const secret of found) clean = clean.replaceAll(secret, shown)
  return clean.length > most ? `${clean.slice(0, most)}…` : clean
}

/** `Bearer abc` is secret as a whole and in its parts. */
function addAll(secrets: Set<string>, value: string): void {
  secrets.add(value)
  for (const part of value.split(/[\s;,]+/)) secrets.add(part)
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
