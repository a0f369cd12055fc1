/** What a consumer of quotes is asked to do. Handed over as JSON in its first argument. */
export interface WireTask {
  readonly kind: 'wire-decode'
  /** `node-unchecked` takes frames for intact, as no receiver should. */
  readonly side: 'ours' | 'node' | 'node-unchecked'
  readonly port: number
  /** Quotes per cycle. */
  readonly cycle: number
  readonly warmUpMs: number
  readonly measureMs: number
}

/** As the sender numbers them. */
export const topic = 'quotes'
