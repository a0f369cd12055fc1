import type { z } from 'zod'
import { ConfigError, type ConfigIssue } from './errors.js'

/**
 * Checks `value` and gives it back with defaults filled in.
 * @throws ConfigError naming every field that is wrong.
 */
export function parseConfig<S extends z.ZodType>(subject: string, schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new ConfigError(
    subject,
    result.error.issues.flatMap((issue) => toIssues(issue)),
  )
}

/** A {@link ConfigError} about one field. */
export function configFault(subject: string, path: readonly (string | number)[], message: string): ConfigError {
  return new ConfigError(subject, [{ path, message }])
}

type ZodIssue = z.core.$ZodIssue

function toIssues(issue: ZodIssue): ConfigIssue[] {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))
  // An unknown key is reported at the key itself, so that the path always names the field at fault.
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...path, key], message: 'unknown option' }))
  }
  return [{ path, message: issue.message }]
}
