import type { SinkClass } from '../../../bench/hub/sink.ts'

export type Policy = 'skip' | 'conflate' | 'disconnect'

/** One kind of subscriber. */
export interface Kind {
  readonly name: string
  readonly label: string
  readonly short: string
  /** What the hub does with it; 'none': it is never slow. */
  readonly policy: Policy | 'none'
  readonly connections: number
}

/** A slow one reads this share of what is published. */
const slowShare = 1 / 12
const messageBytes = 155

export function kindsOf(subscribers: number): readonly Kind[] {
  const share = (of: number): number => Math.max(1, Math.round(subscribers * of))
  const [skip, conflate, stopped] = [share(0.02), share(0.015), share(0.015)]
  const fast = subscribers - skip - conflate - stopped
  return [
    { name: 'fast', label: 'reads all', short: 'reads all', policy: 'none', connections: fast },
    { name: 'skip', label: 'slow: skip', short: 'skip', policy: 'skip', connections: skip },
    { name: 'conflate', label: 'slow: conflate', short: 'conflate', policy: 'conflate', connections: conflate },
    { name: 'stopped', label: 'stopped: disconnect', short: 'disconnect', policy: 'disconnect', connections: stopped },
  ]
}

/** Who connects how: the policy is asked for in the URL, and granted by the publisher's `authorize`. */
export function sinkClasses(kinds: readonly Kind[], rate: number): SinkClass[] {
  return kinds.map(({ name, policy, connections }) => ({
    name,
    connections,
    path: policy === 'none' ? '/?topics=ticks' : `/?topics=ticks&slow=${policy}`,
    ...(policy === 'skip' || policy === 'conflate'
      ? { bytesPerSecond: Math.max(500, Math.round(rate * messageBytes * slowShare)) }
      : {}),
  }))
}
