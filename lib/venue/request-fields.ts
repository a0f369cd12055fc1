import type { RestRequest } from '../rest/rest-options.js'

/** A parameter of a request, wherever it is carried; undefined when it is not, or is no text or number. */
export function paramOf(request: RestRequest, name: string): string | undefined {
  const { query, form, json, body } = request
  const text = typeof query === 'string' ? new URLSearchParams(query).get(name) : fieldText(query, name)
  if (typeof text === 'string') return text
  return fieldText(form, name) ?? fieldText(json, name) ?? fieldText(parsed(body), name)
}

function fieldText(from: unknown, name: string): string | undefined {
  if (typeof from !== 'object' || from === null) return undefined
  const value = (from as Record<string, unknown>)[name]
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' ? String(value) : undefined
}

/** A body that was written by the caller: JSON, or a form. */
function parsed(body: RestRequest['body']): unknown {
  if (typeof body !== 'string') return undefined
  if (!body.startsWith('{')) return Object.fromEntries(new URLSearchParams(body))
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
