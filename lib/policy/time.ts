/**
 * Where policies get their time from. They read no clock and start no timer of their own, so that the same code runs under real
 * time, in a simulation, and in tests that pass a day in a millisecond.
 */

/** Forgets a timer. Harmless when it has fired already. */
export type CancelTimer = () => void

/** A clock that never goes back, and timers on it. */
export interface Time {
  /** Unix time, in milliseconds, of the moment at which `now()` was 0. */
  readonly origin: number
  /** Milliseconds, at that moment, of a clock that all processes of this machine share and that nobody sets. */
  readonly machineOrigin: number
  /** Milliseconds since `origin`, with fractions; never less than before. */
  now(): number
  /** Calls `callback` once, about `delayMs` from now; it may come earlier, and then is asked for again. */
  after(delayMs: number, callback: () => void): CancelTimer
}

/** Longest delay that the host's timers know; a longer one fires early. */
const longestTimerMs = 2_147_483_647

/** This process's monotonic clock and timers. */
export const systemTime: Time = Object.freeze({
  origin: performance.timeOrigin,
  machineOrigin: Number(process.hrtime.bigint()) / 1e6 - performance.now(),
  now: () => performance.now(),
  after: (delayMs: number, callback: () => void): CancelTimer => {
    const timer = setTimeout(callback, Math.min(Math.ceil(delayMs), longestTimerMs))
    return () => clearTimeout(timer)
  },
})

/** Numbers drawn evenly from 0 (inclusive) to 1 (exclusive), as from `Math.random`. */
export type Random = () => number
