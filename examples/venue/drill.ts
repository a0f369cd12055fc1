import { monoNs } from './clock.ts'
import { frame } from './frames.ts'
import { Instrument, instruments } from './market.ts'
import { bookTicker, stampBase } from './messages.ts'
import { Random } from './random.ts'
import type { Session } from './session.ts'

let cutAtNs = 0

/**
 * Reconnection drill: each connection gets one ticker at once, whose `T` tells when the connection before it was reset
 * (nanoseconds + 10^15; 10^15 alone on the first), and is reset `after` milliseconds later.
 */
export function drill(session: Session): void {
  const after = Number(session.url.searchParams.get('after') ?? 20)
  const spec = instruments[0]
  if (spec === undefined) return
  const text = bookTicker(new Instrument(spec, new Random(1)), 1_726_000_000_000, true)
  session.send(frame(text.replace(`"T":${stampBase}`, `"T":${stampBase + Math.floor(cutAtNs)}`)))
  setTimeout(() => {
    if (!session.open) return
    cutAtNs = monoNs()
    session.reset()
  }, after)
}
