import type { IncomingHttpHeaders, RequestListener } from 'node:http'
import { ClockOffset } from '../../dist/esm/policy/index.js'
import { VenueServer } from '../rest/venue-server.ts'

/** A request as it came over the wire. */
export interface Recorded {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Answers and says what it was asked. */
export interface Recorder {
  readonly origin: string
  /** All but the questions for the time, which come when they come. */
  readonly requests: Recorded[]
}

/** A server that keeps all it is sent. `answer` gives status and body, by default what any venue would call done. */
export async function record(
  answer: (request: Recorded) => { readonly status?: number; readonly body: unknown } = () => ({ body: {} }),
): Promise<Recorder> {
  const requests: Recorded[] = []
  const handler: RequestListener = (request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const recorded = { method, url, headers, body: Buffer.concat(pieces).toString('utf8') }
      if (!url.endsWith('/time')) requests.push(recorded)
      const { status = 200, body } = answer(recorded)
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    })
  }
  const server = await VenueServer.start(handler)
  return { origin: server.origin, requests }
}

/** A clock that stands still. */
export class FixedClock extends ClockOffset {
  readonly #ms: number

  constructor(ms: number) {
    super()
    this.#ms = ms
  }

  override timestamp(): number {
    return this.#ms
  }
}
