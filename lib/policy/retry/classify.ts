import { parseRetryAfter } from '../limit/headers.js'
import type { GateScope } from '../limit/route.js'
import { type Answer, type Classifier, type Failure, type Outcome, Outcomes } from './outcome.js'

/** What is certain without knowing the venue: nothing left, nothing executed. */
export function classifyFailure(failure: Failure): Outcome {
  return failure.phase === 'connect' ? Outcomes.retryable : Outcomes.unknown
}

/** Milliseconds that an answer's Retry-After asks for, NaN when it does not. */
export function retryAfterOf(answer: Answer): number {
  return parseRetryAfter(answer.header('retry-after'), answer.receivedAt)
}

/** Too many requests, for as long as Retry-After says. */
export function limitedBy(answer: Answer, scope: GateScope, forMs: number = retryAfterOf(answer)): Outcome {
  return { kind: 'limited', forMs, scope }
}

/** Shut out, for as long as Retry-After says, else for `forMs`. */
export function bannedBy(answer: Answer, scope: GateScope, forMs: number): Outcome {
  const told = retryAfterOf(answer)
  return { kind: 'banned', forMs: Number.isNaN(told) ? forMs : told, scope }
}

/** By the meaning of HTTP's status codes alone (RFC 9110). An error of the server says nothing about what it had done by then. */
export function classifyStatus(answer: Answer): Outcome {
  const { status } = answer
  if (status >= 200 && status < 400) return Outcomes.done
  if (status === 429) return limitedBy(answer, 'account')
  // Not received in time; sent to the wrong host; not dared before the handshake was complete.
  if (status === 408 || status === 421 || status === 425) return Outcomes.retryable
  if (status >= 400 && status < 500) return Outcomes.fatal
  return Outcomes.unknown
}

/** For hosts of which nothing is known but HTTP. */
export const httpClassifier: Classifier = Object.freeze({ answer: classifyStatus, failure: classifyFailure })
