/**
 * What a granted request has to be remembered with so that the headers of its answer can be read rightly: how much had been used by
 * then. One per request in flight, to be used again; without one, headers count for less.
 */
export class Grant {
  /** One mark per meter of the route, in its order. */
  readonly marks: number[] = []
  /** Version of the rules under which it was granted; −1: none. */
  version = -1

  /** Forgets what it was used for. */
  clear(): void {
    this.marks.length = 0
    this.version = -1
  }
}
