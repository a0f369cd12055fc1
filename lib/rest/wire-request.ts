import type { Route } from '../policy/limit/route.js'
import type { RequestKind } from '../policy/limit/rule.js'
import { TickwireError } from '../runtime/errors.js'
import { encodeQuery } from '../sign/query.js'
import { hasField } from './fields.js'
import type { RestCore, WireRequest } from './rest-core.js'
import type { RestRequest } from './rest-options.js'
import type { RestSet } from './rest-schema.js'

/** What a request's body says of itself. */
export type BodyType = 'plain' | 'json' | 'form'

/**
 * A request, checked and encoded.
 * @throws TickwireError `ERR_HTTP_REQUEST`, SignError `ERR_SIGN_VALUE`, ConfigError for a route that is none. Nothing is shown of values.
 */
export function wireRequest(
  core: RestCore,
  set: RestSet,
  method: string,
  path: string,
  request: RestRequest,
): WireRequest {
  const verb = method.toUpperCase()
  if (typeof path !== 'string' || !path.startsWith('/')) throw refused('the path must start with a slash')
  const mark = path.indexOf('?')
  const bare = mark < 0 ? path : path.slice(0, mark)
  const own = mark < 0 ? '' : path.slice(mark + 1)
  const { weight = 1, count = 1, priority, deadline, uncertainSince } = request
  within('weight', weight, 1e12)
  within('count', count, 1e6)
  if (priority !== undefined) within('priority', priority, Number.MAX_SAFE_INTEGER)
  if (deadline !== undefined && !(deadline > 0 && deadline <= 86_400_000)) {
    throw refused('`deadline` must be above 0, up to 86,400,000')
  }
  if (uncertainSince !== undefined) within('uncertainSince', uncertainSince, performance.now())
  const type = bodyType(request)
  const query = queryOf(own, request.query)
  const { headers } = request
  const typed = type !== 'plain' && (headers === undefined || !hasField(headers, 'content-type'))
  return {
    method: verb,
    path: bare,
    query,
    target: query === '' ? bare : query === own ? path : `${bare}?${query}`,
    body: type === 'plain' ? request.body : type === 'json' ? jsonOf(request.json) : encodeQuery(request.form ?? {}),
    fields: core.fields[typed ? type : 'plain'].lines(headers),
    signed: (request.auth ?? true) && set.auth !== null,
    route: routeOf(core, verb, bare, request),
    weight,
    count,
    priority,
    key: request.key,
    signal: request.signal,
  }
}

function routeOf(core: RestCore, verb: string, path: string, request: RestRequest): Route {
  const { account, instrument, kind, route } = request
  if (account === undefined && instrument === undefined && kind === undefined && route === undefined) {
    return core.usualRoute(verb, path)
  }
  return core.limiter.route({
    endpoint: route ?? `${verb} ${path}`,
    kind: kind ?? kindOf(verb),
    account: account ?? core.account,
    instrument: instrument ?? '',
    ip: core.ip,
  })
}

function queryOf(own: string, given: RestRequest['query']): string {
  if (given === undefined) return own
  const query = typeof given === 'string' ? given : encodeQuery(given)
  if (query.startsWith('?')) throw refused('`query` must come without its question mark')
  return own === '' ? query : query === '' ? own : `${own}&${query}`
}

function bodyType({ body, json, form }: RestRequest): BodyType {
  if (json === undefined && form === undefined) return 'plain'
  if (body !== undefined || (json !== undefined && form !== undefined)) {
    throw refused('at most one of `body`, `json` and `form` can be given')
  }
  return form === undefined ? 'json' : 'form'
}

function jsonOf(value: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch {
    text = undefined
  }
  if (text === undefined) throw refused('`json` cannot be written as JSON')
  return text
}

/** What is taken for an order is never counted too little. */
export function kindOf(verb: string): RequestKind {
  if (verb === 'GET' || verb === 'HEAD' || verb === 'OPTIONS') return 'query'
  return verb === 'DELETE' ? 'cancel' : 'order'
}

function within(name: string, value: number, most: number): void {
  if (!(value >= 0 && value <= most)) throw refused(`\`${name}\` must be a number from 0 to ${most}`)
}

function refused(message: string): TickwireError {
  return new TickwireError('ERR_HTTP_REQUEST', message)
}
