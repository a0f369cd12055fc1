import { z } from 'zod'
import { parseConfig } from '../../runtime/config.js'
import type { LimitRule } from '../limit/rule.js'
import { classifyFailure, classifyStatus } from '../retry/classify.js'
import { type Answer, type Classifier, type Outcome, Outcomes } from '../retry/outcome.js'

/** What an answer's body says went wrong; both `''`: nothing. */
export interface VenueError {
  readonly code: string
  readonly message: string
}

/** What every venue's `limits()` takes besides the limits themselves. */
export interface VenueLimitOptions {
  /** Share of each order limit that only cancels may use, 0…0.9. Default 0.1. */
  readonly reserve?: number | undefined
  /** Spread of the way to the venue in milliseconds, 0…60,000: see `MeterOptions.margin`. Default 100. */
  readonly margin?: number | undefined
}

/** What is particular about a venue, as far as policies are concerned. Limits and codes as documented in 2026; limits can be given. */
export interface VenuePolicy<Options extends VenueLimitOptions = VenueLimitOptions> {
  readonly name: string
  /**
   * The venue's rate limits.
   * @throws ConfigError naming every field that is wrong.
   */
  limits(options?: Options): readonly LimitRule[]
  /** What its answers mean. */
  readonly classify: Classifier
  /** Reads a parsed body. Never throws. */
  error(body: unknown): VenueError
}

export const noError: VenueError = Object.freeze({ code: '', message: '' })

/** What a code means: an outcome, or a function of the answer. */
export type CodeMeaning = Outcome | ((answer: Answer) => Outcome)

/** A classifier that knows codes, then statuses, then HTTP. */
export function codeClassifier(
  codes: Readonly<Record<string, CodeMeaning>>,
  otherwise: (answer: Answer) => Outcome | null,
): Classifier {
  const table = new Map(Object.entries(codes))
  return Object.freeze({
    answer: (answer: Answer): Outcome => {
      const meaning = answer.code === '' ? undefined : table.get(answer.code)
      if (meaning !== undefined) return typeof meaning === 'function' ? meaning(answer) : meaning
      const outcome = otherwise(answer)
      if (outcome !== null) return outcome
      const byStatus = classifyStatus(answer)
      // Venues that answer 200 to everything: a code that is not known is a refusal.
      return answer.code !== '' && byStatus.kind === 'done' ? Outcomes.fatal : byStatus
    },
    failure: classifyFailure,
  })
}

/** A field of a parsed body as text, `''` when it is neither text nor number. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
}

/** A field of what may be an object. */
export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

/** Checks of the options that venues have in common. */
export const venueLimitFields = {
  reserve: z.number().min(0).max(0.9).default(0.1),
  margin: z.number().min(0).max(60_000).default(100),
}

/** A limit that may be given, 1…1e9. */
export function limitField(usual: number): z.ZodDefault<z.ZodNumber> {
  return z.number().min(1).max(1e9).default(usual)
}

export function checkLimits<S extends z.ZodType>(venue: string, schema: S, options: unknown): z.output<S> {
  return parseConfig(`${venue} limits`, schema, options ?? {})
}
