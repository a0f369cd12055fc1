/** Where a value stands in a message: JSON Pointers (RFC 6901) and their written-out form. */

import { configFault } from '../runtime/config.js'

/**
 * A JSON Pointer (RFC 6901: `/b/0`, with `~1` for `/` and `~0` for `~` within a key; `''` is the whole), or the same as an
 * array of steps, where strings are keys and numbers array indices. A pointer's step that consists of digits (`0`, `17`) is an
 * index; only the array form can name an object's key `'0'`.
 */
export type Pointer = string | readonly (string | number)[]

/** Steps from the outermost value inwards. */
export type Path = readonly (string | number)[]

const maxSteps = 32
const maxIndex = 1_000_000
const maxKeyBytes = 1_024

/**
 * @param at path of the option that holds the pointer, for the error.
 * @throws ConfigError for a malformed pointer.
 */
export function parsePointer(pointer: Pointer, at: readonly (string | number)[]): Path {
  const fault = (message: string): never => {
    throw configFault('schema', at, message)
  }
  const steps = typeof pointer === 'string' ? split(pointer, fault) : checkSteps(pointer, fault)
  if (steps.length > maxSteps) fault(`has more than ${maxSteps} steps`)
  for (const step of steps) {
    if (typeof step === 'number' && step > maxIndex) fault(`has an index over ${maxIndex}`)
    if (typeof step === 'string' && Buffer.byteLength(step) > maxKeyBytes) fault(`has a key over ${maxKeyBytes} bytes`)
  }
  return steps
}

function split(pointer: string, fault: (message: string) => never): Path {
  if (pointer === '') return []
  if (!pointer.startsWith('/')) fault(`must be empty or start with '/' (RFC 6901): ${JSON.stringify(pointer)}`)
  return pointer
    .slice(1)
    .split('/')
    .map((token) => {
      if (/~(?![01])/.test(token)) fault(`has a '~' that is not followed by 0 or 1: ${JSON.stringify(pointer)}`)
      if (/^(?:0|[1-9]\d*)$/.test(token)) return Number(token)
      return token.replaceAll('~1', '/').replaceAll('~0', '~')
    })
}

function checkSteps(steps: unknown, fault: (message: string) => never): Path {
  if (!Array.isArray(steps)) return fault('must be a JSON Pointer or an array of steps')
  for (const step of steps) {
    if (typeof step === 'string' || (Number.isInteger(step) && step >= 0)) continue
    fault('must consist of keys and array indices')
  }
  return steps as Path
}
