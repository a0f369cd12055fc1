import { setTimeout as sleep } from 'node:timers/promises'

/** Longest that a test waits for anything: far beyond what a loaded machine needs, below a test's own limit. */
export const patienceMs = 20_000

/**
 * Waits until `condition` holds: for effects whose moment is up to the other side or to the kernel.
 * @throws Error that says what did not come, when it does not hold within `patienceMs`.
 */
export async function until(condition: () => boolean, what: string, timeoutMs: number = patienceMs): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`)
    await sleep(5)
  }
}

/** The promise's outcome, or an error that says what was waited for. */
export async function within<T>(promise: Promise<T>, what: string, timeoutMs: number = patienceMs): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), timeoutMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** What a promise was rejected with. @throws Error when it was fulfilled. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('the promise was fulfilled')
}
