import type { Endpoint } from '../policy/balance/endpoint.js'
import { Grant } from '../policy/limit/grant.js'
import type { RestCore } from './rest-core.js'
import type { ParsedProbe } from './rest-schema.js'

/** Asks every endpoint now and then whether it is well. Does not keep the process alive. */
export class Probes {
  readonly #core: RestCore
  readonly #probe: ParsedProbe
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(core: RestCore, probe: ParsedProbe) {
    this.#core = core
    this.#probe = probe
    this.schedule()
  }

  /** The balancer's policy or endpoints have changed. */
  schedule(): void {
    clearTimeout(this.#timer)
    if (this.#stopped) return
    const inMs = this.#core.endpoints.balancer.nextProbeIn()
    if (inMs === Number.POSITIVE_INFINITY) return
    this.#timer = setTimeout(() => this.#pass(), Math.max(1, Math.ceil(inMs))).unref()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #pass(): void {
    for (const endpoint of this.#core.endpoints.balancer.probesDue()) void this.#ask(endpoint)
    this.schedule()
  }

  /** Never rejects. What the limits do not allow at once tells nothing. */
  async #ask(endpoint: Endpoint): Promise<void> {
    const { limiter, endpoints, account, ip } = this.#core
    const { path, method, timeout, weight } = this.#probe
    const route = limiter.route({ endpoint: `${method} ${path}`, account, ip })
    const grant = new Grant()
    try {
      await limiter.acquire(route, { weight, count: 0, wait: 0, grant })
    } catch {
      return
    }
    let well = false
    try {
      const response = await endpoints.target(endpoint).http.request({ method, path, timeouts: { total: timeout } })
      well = response.status < 400
      await limiter.observe(route, (name) => response.headers.get(name) ?? undefined, grant)
    } catch {
      well = false
    }
    if (!this.#stopped) endpoints.balancer.probed(endpoint, well)
  }
}
