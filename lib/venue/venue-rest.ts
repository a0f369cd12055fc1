import type { VenuePolicy } from '../policy/venue/venue.js'
import { pairsOf } from '../rest/fields.js'
import { Rest } from '../rest/rest.js'
import type { RestOptions, RestServerTime } from '../rest/rest-options.js'
import { configFault } from '../runtime/config.js'
import type { Auth } from '../sign/auth.js'

/** One of the places where a venue can be reached: its real market, a rehearsal of it, or the same under another law. */
export interface VenueProfile {
  /** Scheme and host each; all of them lead to the same accounts and orders. */
  readonly endpoints: readonly string[]
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** What venues' `rest()` takes besides keys: everything that a `Rest` takes, but for what the venue itself decides. */
export interface VenueRestOptions<Profile extends string = string>
  extends Omit<RestOptions, 'auth' | 'venue' | 'serverTime' | 'endpoints'> {
  /** Where it goes. Default `'production'`. */
  readonly profile?: Profile | undefined
  /** In place of the profile's endpoints: a proxy of one's own, a test server. The profile's headers are sent there too. */
  readonly endpoints?: RestOptions['endpoints'] | undefined
}

/** A venue's HTTP API as data. */
export interface VenueRestPlan<Profile extends string> {
  /** As it appears in errors. */
  readonly title: string
  readonly policy: VenuePolicy
  readonly profiles: Readonly<Record<Profile, VenueProfile>>
  /** Where its time is read; undefined: nothing that it does depends on it. */
  readonly serverTime?: RestServerTime | undefined
  readonly lookup?: RestOptions['lookup'] | undefined
}

/**
 * A client for the venue.
 * @throws ConfigError naming every option at fault.
 */
export function venueRest<Profile extends string>(
  plan: VenueRestPlan<Profile>,
  auth: Auth | null,
  options: VenueRestOptions<Profile>,
): Rest {
  const { profile = 'production' as Profile, endpoints, http, ...rest } = options
  if (!Object.hasOwn(plan.profiles, profile)) {
    const names = Object.keys(plan.profiles).join(', ')
    throw configFault(`${plan.title} options`, ['profile'], `must be one of ${names}`)
  }
  const { endpoints: usual, headers } = plan.profiles[profile]
  const fields = headers === undefined ? http?.headers : [...Object.entries(headers), ...pairsOf(http?.headers ?? [])]
  return new Rest({
    lookup: plan.lookup,
    ...rest,
    endpoints: endpoints ?? usual,
    http: fields === undefined ? http : { ...http, headers: fields },
    venue: plan.policy,
    auth,
    serverTime: plan.serverTime,
  })
}

/**
 * Null when no part of a key was given: the client then asks for what is public.
 * @throws ConfigError when there is a secret without the name of its key.
 */
export function keyOrNone(title: string, key: string | undefined, ...secrets: readonly unknown[]): string | null {
  if (key !== undefined) return key
  if (secrets.every((secret) => secret === undefined)) return null
  throw configFault(`${title} options`, ['key'], 'must be given with a secret')
}
