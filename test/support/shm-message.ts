/** Messages of which every byte follows from the number, as `test/peers/native/shm_peer.cc` makes them. */

/** The message of that number; its length stands for itself. */
export function messageOf(number: number, bytes: number): Buffer {
  const message = Buffer.allocUnsafe(bytes)
  let state = Math.imul(number, 0x9e3779b1) | 1
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    message[i] = state >>> 24
  }
  return message
}

export function isMessage(message: Uint8Array, number: number): boolean {
  let state = Math.imul(number, 0x9e3779b1) | 1
  for (let i = 0; i < message.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    if (message[i] !== state >>> 24) return false
  }
  return true
}
