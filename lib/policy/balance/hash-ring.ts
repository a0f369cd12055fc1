import type { Endpoint } from './endpoint.js'

/** 32 bits of a text: FNV-1a over its UTF-16 units, then a finalizer that lets every bit depend on all. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193)
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** A circle on which every endpoint has many points; a key belongs to the next point. */
export class HashRing {
  readonly #points: Uint32Array
  /** Whose point it is: index into the endpoints. */
  readonly #owners: Uint16Array

  constructor(endpoints: readonly Endpoint[], pointsPerWeight: number) {
    const points: [number, number][] = []
    for (const [owner, endpoint] of endpoints.entries()) {
      const count = Math.max(1, Math.round(pointsPerWeight * endpoint.weight))
      for (let i = 0; i < count; i++) points.push([hash32(`${endpoint.id}#${i}`), owner])
    }
    points.sort((a, b) => a[0] - b[0] || a[1] - b[1])
    this.#points = Uint32Array.from(points, ([point]) => point)
    this.#owners = Uint16Array.from(points, ([, owner]) => owner)
  }

  get size(): number {
    return this.#points.length
  }

  /** Index of the first point at or after a hash. */
  find(hash: number): number {
    const points = this.#points
    let low = 0
    let high = points.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((points[middle] as number) < hash) low = middle + 1
      else high = middle
    }
    return low === points.length ? 0 : low
  }

  /** Whose point it is, `steps` points further on. */
  owner(point: number, steps: number): number {
    return this.#owners[(point + steps) % this.#owners.length] as number
  }
}
