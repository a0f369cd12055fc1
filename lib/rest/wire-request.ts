import type { RequestKind } from '../policy/limit/rule.js'
import { TickwireError } from '../runtime/errors.js'
import { encodeQuery } from '../sign/query.js'
import { pairsOf } from './fields.js'
import type { RestCore, WireRequest } from './rest-core.js'
import type { RestRequest } from './rest-options.js'
import type { RestSet } from './rest-schema.js'

type Pair = readonly [name: string, value: string]

const jsonType: Pair = ['content-type', 'application/json']
const formType: Pair = ['content-type', 'application/x-www-form-urlencoded']

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
  const { weight = 1, count = 1, priority, deadline, uncertainSince, signal, key } = request
  within('weight', weight, 1e12)
  within('count', count, 1e6)
  if (priority !== undefined) within('priority', priority, Number.MAX_SAFE_INTEGER)
  if (deadline !== undefined && !(deadline > 0 && deadline <= 86_400_000)) {
    throw refused('`deadline` must be above 0, up to 86,400,000')
  }
  if (uncertainSince !== undefined) within('uncertainSince', uncertainSince, performance.now())
  const { account = core.account, instrument = '', kind = kindOf(verb), route = `${verb} ${bare}` } = request
  const [body, type] = bodyOf(request)
  const given = request.headers === undefined ? [] : pairsOf(request.headers)
  const typed = type !== null && !given.some(([name]) => name.toLowerCase() === 'content-type')
  return {
    method: verb,
    path: bare,
    query: queryOf(mark < 0 ? '' : path.slice(mark + 1), request.query),
    body,
    headers: typed ? [...given, type] : given,
    signed: (request.auth ?? true) && set.auth !== null,
    route: core.limiter.route({ endpoint: route, kind, account, instrument, ip: core.ip }),
    weight,
    count,
    priority,
    key,
    signal,
  }
}

function queryOf(own: string, given: RestRequest['query']): string {
  if (given === undefined) return own
  const query = typeof given === 'string' ? given : encodeQuery(given)
  if (query.startsWith('?')) throw refused('`query` must come without its question mark')
  return own === '' ? query : query === '' ? own : `${own}&${query}`
}

function bodyOf({ body, json, form }: RestRequest): [body: string | Uint8Array | undefined, type: Pair | null] {
  if (Number(body !== undefined) + Number(json !== undefined) + Number(form !== undefined) > 1) {
    throw refused('at most one of `body`, `json` and `form` can be given')
  }
  if (form !== undefined) return [encodeQuery(form), formType]
  if (json === undefined) return [body, null]
  let text: string | undefined
  try {
    text = JSON.stringify(json)
  } catch {
    text = undefined
  }
  if (text === undefined) throw refused('`json` cannot be written as JSON')
  return [text, jsonType]
}

/** What is taken for an order is never counted too little. */
function kindOf(verb: string): RequestKind {
  if (verb === 'GET' || verb === 'HEAD' || verb === 'OPTIONS') return 'query'
  return verb === 'DELETE' ? 'cancel' : 'order'
}

function within(name: string, value: number, most: number): void {
  if (!(value >= 0 && value <= most)) throw refused(`\`${name}\` must be a number from 0 to ${most}`)
}

function refused(message: string): TickwireError {
  return new TickwireError('ERR_HTTP_REQUEST', message)
}
