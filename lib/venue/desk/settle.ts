import { setTimeout as sleep } from 'node:timers/promises'
import { SessionError } from '../../session/session-error.js'
import { compareDecimals } from '../order/decimal-text.js'
import type { OrderAmend, OrderUpdate } from '../order/order.js'
import { OrderError } from '../order/order-error.js'
import type { OrderTrack } from '../order/order-track.js'

/** Between two look-ups, in milliseconds: at first short, for what was executed is to be seen at once. */
const firstPause = 50
const longestPause = 1_000

/** Milliseconds for which one asks when the venue does not say how long it may execute a request. */
const patience = 10_000

/** After its validity a request may still become visible for so long, in milliseconds. */
const visibleAfter = 250

/** A look-up: the order as the venue shows it; null: it knows none. @throws OrderError */
type Look = () => Promise<OrderUpdate | null>

/** Asks until `enough`, or nothing more can happen. What is returned last is certain when `certain`. */
async function lookUntil(
  look: Look,
  validMs: number,
  enough: (found: OrderUpdate | null) => boolean,
): Promise<{ readonly found: OrderUpdate | null; readonly certain: boolean }> {
  const start = performance.now()
  const known = !Number.isNaN(validMs)
  const end = start + (known ? validMs + visibleAfter : patience)
  let pause = firstPause
  for (;;) {
    const asked = performance.now()
    const found = await look().catch((error: unknown) => {
      if (error instanceof OrderError) return undefined
      throw error
    })
    if (found !== undefined && enough(found)) return { found, certain: true }
    // A look-up that left after the end has seen all that there will be.
    if (asked >= end && found !== undefined) return { found, certain: known }
    if (asked >= end + patience) return { found: null, certain: false }
    await sleep(Math.min(pause, Math.max(1, end - performance.now())))
    pause = Math.min(longestPause, pause * 2)
  }
}

/**
 * What has become of a change whose answer was lost.
 * @throws OrderError
 */
export async function settleAmend(
  change: OrderAmend,
  error: OrderError,
  look: Look,
  validMs: number,
): Promise<OrderUpdate> {
  const enough = (found: OrderUpdate | null): boolean => found === null || ended(found) || standsAs(found, change)
  const { found, certain } = await lookUntil(look, validMs, enough)
  if (found !== null && standsAs(found, change)) return found
  if (found !== null && ended(found)) {
    throw new OrderError('ERR_ORDER_NOT_FOUND', 'it has ended before it was changed', { cause: error })
  }
  if (found !== null && certain) {
    throw new OrderError('ERR_ORDER_UNSENT', 'the change was lost on its way, and can no longer be made', {
      cause: error,
    })
  }
  throw error
}

/**
 * What has become of an order whose answer was lost and that nobody has looked up yet. `absent`: it was certainly not executed, and will not
 * be; null: nobody can tell.
 */
export async function settlePlace(
  error: OrderError,
  track: OrderTrack,
  look: Look,
  validMs: number,
): Promise<OrderUpdate | 'absent' | null> {
  const { cause } = error
  // It was answered, and the answer says nothing.
  if (cause === undefined) return look().catch(() => null)
  // Over REST it was looked up already.
  if (!(cause instanceof SessionError)) return null
  const { found, certain } = await lookUntil(look, validMs, (seen) => seen !== null || track.state !== null)
  if (found !== null) return found
  if (track.state !== null) return track.state
  return certain ? 'absent' : null
}

function standsAs(found: OrderUpdate, { price, size }: OrderAmend): boolean {
  return same(found.price, price) && same(found.size, size)
}

function same(is: string | null, was: string | undefined): boolean {
  return was === undefined || (is !== null && compareDecimals(is, was) === 0)
}

/** Nothing more will happen to it. */
export function ended({ status }: OrderUpdate): boolean {
  return (
    status === 'filled' || status === 'canceled' || status === 'expired' || status === 'rejected' || status === 'gone'
  )
}

/** Terms are at least as new as the request that set them, where the venue does not say when they were set. */
export function dated(update: OrderUpdate, sentAt: number): OrderUpdate {
  return (update.price ?? update.size) === null || update.timeMs >= sentAt
    ? update
    : Object.freeze({ ...update, timeMs: sentAt })
}
