import { stampBase } from './messages.ts'

/** Nanoseconds on the machine's monotonic clock (`process.hrtime`), as a double and without allocation. */
export const monoNs: () => number = (() => {
  // performance.now() reads the same clock from another start.
  let offset = Number.POSITIVE_INFINITY
  for (let i = 0; i < 16; i++) {
    const before = performance.now() * 1e6
    offset = Math.min(offset, Number(process.hrtime.bigint()) - before)
  }
  return () => performance.now() * 1e6 + offset
})()

/** Writes a number below 10^16 as sixteen digits. */
export function writeDigits(target: Uint8Array, offset: number, value: number): void {
  let high = Math.floor(value / 1e8)
  let low = value - high * 1e8
  for (let i = 7; i >= 0; i--) {
    const highRest = Math.floor(high / 10)
    const lowRest = Math.floor(low / 10)
    target[offset + i] = 48 + high - highRest * 10
    target[offset + 8 + i] = 48 + low - lowRest * 10
    high = highRest
    low = lowRest
  }
}

/** Writes the clock as the sixteen digits that a stamped message has room for. */
export function writeStamp(target: Uint8Array, offset: number): void {
  writeDigits(target, offset, Math.floor(monoNs()) + stampBase)
}

const sleeper = new Int32Array(new SharedArrayBuffer(4))

/** Blocks this thread until `deadlineNs`; far more exact than a timer of the event loop. */
export function sleepUntil(deadlineNs: number): void {
  const wait = (deadlineNs - monoNs()) / 1e6
  if (wait > 0) Atomics.wait(sleeper, 0, 0, wait)
}
