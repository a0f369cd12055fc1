import type { Rest } from '../../rest/rest.js'
import { TickwireError } from '../../runtime/errors.js'
import { fieldOf, textOf } from '../order/fields.js'

/** A token is to be used within 15 minutes; one that is about to be older is asked for anew. */
const freshMs = 10 * 60_000

/**
 * The token that Kraken's private WebSocket wants with every request. Used within its time it stays valid as long as the connection.
 * https://docs.kraken.com/api/docs/rest-api/get-websockets-token
 */
export class KrakenToken {
  #token = ''
  #until = 0
  #asking: Promise<string> | null = null

  /** The one that is known, whatever its age; `''`: none. */
  get current(): string {
    return this.#token
  }

  /** It may be used. */
  get fresh(): boolean {
    return this.#token !== '' && performance.now() < this.#until
  }

  /**
   * One that is fresh, and will be for so long. Those who ask at the same time get the same.
   * @throws RestError
   */
  get(rest: Rest, forMs = 0): Promise<string> {
    if (performance.now() + forMs < this.#until) return Promise.resolve(this.#token)
    this.#asking ??= this.#ask(rest).finally(() => {
      this.#asking = null
    })
    return this.#asking
  }

  /** The venue does not take it: the next is asked for. */
  drop(): void {
    this.#until = 0
  }

  async #ask(rest: Rest): Promise<string> {
    const response = await rest.post('/0/private/GetWebSocketsToken', { kind: 'query', idempotent: true })
    const token = textOf(fieldOf(fieldOf(response.json(), 'result'), 'token'))
    if (token === '') throw new TickwireError('ERR_SESSION_LOGIN', 'the venue gave no token')
    this.#token = token
    this.#until = performance.now() + freshMs
    return token
  }
}
