import { describe, expect, it, vi } from 'vitest'
import { Emitter } from '../../lib/runtime/emitter.js'

interface Events {
  tick: number
  tock: string
}

describe('Emitter', () => {
  const setup = () => {
    const emitter = new Emitter<Events>()
    const fail = vi.fn()
    const seen: unknown[] = []
    return { emitter, slot: emitter.slot('tick'), fail, seen }
  }

  it('calls listeners in order, each as often as it was added', () => {
    const { slot, fail, seen } = setup()
    const first = (n: number): void => void seen.push(['first', n])
    slot.add(first)
    slot.add((n) => seen.push(['second', n]))
    slot.add(first)
    slot.emit(1, fail)
    expect(seen).toEqual([
      ['first', 1],
      ['second', 1],
      ['first', 1],
    ])
    slot.remove(first)
    expect(slot.size).toBe(2)
    slot.emit(2, fail)
    expect(seen.slice(3)).toEqual([
      ['first', 2],
      ['second', 2],
    ])
  })

  it('calls once-listeners once, and removes them by the function that was given', () => {
    const { slot, fail, seen } = setup()
    const listener = (n: number): void => void seen.push(n)
    slot.addOnce(listener)
    slot.emit(1, fail)
    slot.emit(2, fail)
    expect(seen).toEqual([1])
    slot.addOnce(listener)
    slot.remove(listener)
    slot.emit(3, fail)
    expect(seen).toEqual([1])
  })

  it('is not confused by listeners that come and go while it emits', () => {
    const { slot, fail, seen } = setup()
    const late = (n: number): void => void seen.push(['late', n])
    const second = (n: number): void => void seen.push(['second', n])
    slot.addOnce(() => {
      slot.remove(second)
      slot.add(late)
    })
    slot.add(second)
    slot.emit(1, fail)
    expect(seen).toEqual([['second', 1]])
    slot.emit(2, fail)
    expect(seen).toEqual([
      ['second', 1],
      ['late', 2],
    ])
  })

  it('goes on after a listener that throws', () => {
    const { slot, fail, seen } = setup()
    const error = new Error('listener')
    slot.add(() => {
      throw error
    })
    slot.add((n) => seen.push(n))
    slot.emit(1, fail)
    expect(seen).toEqual([1])
    expect(fail).toHaveBeenCalledExactlyOnceWith(error)
  })

  it('keeps events apart and forgets listeners of one or all', () => {
    const { emitter, slot } = setup()
    slot.add(() => {})
    emitter.slot('tock').add(() => {})
    expect(emitter.names()).toEqual(['tick', 'tock'])
    emitter.removeAll('tick')
    expect(emitter.names()).toEqual(['tock'])
    emitter.removeAll()
    expect(emitter.names()).toEqual([])
    expect(emitter.slot('tick')).toBe(slot)
  })
})
