import type { StreamPlan, TradesOf } from '../stream/stream-plan.js'
import type { DeadManPlan } from './dead-man.js'
import type { EntryPlan } from './entry-plan.js'

/** What a venue has besides REST, as far as a desk uses it. */
export interface DeskWiring {
  readonly stream?: StreamPlan | undefined
  /** Where the private stream is; undefined: nowhere that is known. */
  readonly streamUrl?: string | undefined
  readonly entry?: EntryPlan | undefined
  readonly entryUrl?: string | undefined
  /** Asks for the trades of an order. */
  readonly trades?: TradesOf | undefined
  readonly deadMan?: DeadManPlan | undefined
}

/**
 * The address of a profile, unless REST goes elsewhere: a key that is meant for a server of one's own is not shown to the venue.
 */
export function usualUrl(
  urls: Readonly<Record<string, string>>,
  { profile = 'production', endpoints }: { readonly profile?: string | undefined; readonly endpoints?: unknown },
): string | undefined {
  return endpoints === undefined && Object.hasOwn(urls, profile) ? urls[profile] : undefined
}
