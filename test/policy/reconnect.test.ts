import { describe, expect, it } from 'vitest'
import { ConfigError, exponential, never } from '../../lib/index.js'

describe('reconnect policies', () => {
  it('have their documented defaults', () => {
    expect(exponential()).toEqual({
      enabled: true,
      first: 100,
      max: 30_000,
      factor: 2,
      jitter: 0.2,
      retries: Number.POSITIVE_INFINITY,
      immediate: true,
      storm: { floor: 1_000, attempts: 3, window: 120_000 },
    })
    expect(never().enabled).toBe(false)
  })

  it('take single values', () => {
    const policy = exponential({ first: 5, storm: { floor: 7 } })
    expect(policy).toEqual({ ...exponential(), first: 5, storm: { floor: 7, attempts: 3, window: 120_000 } })
    expect(Object.isFrozen(policy)).toBe(true)
    expect(Object.isFrozen(policy.storm)).toBe(true)
  })

  it.each([
    [{ first: -1 }, ['first']],
    [{ first: 200, max: 100 }, ['max']],
    [{ factor: 0.5 }, ['factor']],
    [{ jitter: 1.1 }, ['jitter']],
    [{ retries: 1.5 }, ['retries']],
    [{ retries: Number.NaN }, ['retries']],
    [{ immediate: 'yes' }, ['immediate']],
    [{ storm: { attempts: 0 } }, ['storm', 'attempts']],
    [{ frist: 1 }, ['frist']],
  ])('refuse %j naming the field', (options, path) => {
    const attempt = (): unknown => exponential(options as never)
    expect(attempt).toThrow(ConfigError)
    expect(attempt).toThrow(expect.objectContaining({ issues: [expect.objectContaining({ path })] }))
  })
})
