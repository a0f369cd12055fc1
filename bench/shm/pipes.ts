/** The pipes that Node's users have, each in its usual form. Both ends of a side are made here. */
import { fork } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parentPort, Worker } from 'node:worker_threads'
import type { End } from './callbacks.ts'
import type { PipeTask } from './task.ts'

const other = fileURLToPath(new URL('./other-end.ts', import.meta.url))

/** The measuring end; starts the other one. */
export async function openPipe(task: PipeTask, startOther: () => void): Promise<End> {
  switch (task.side) {
    case 'postMessage': {
      const worker = new Worker(other, { argv: [JSON.stringify(task)] })
      worker.on('error', (error) => {
        throw error
      })
      return {
        send: (bytes) => worker.postMessage(bytes),
        listen: (onMessage) => void worker.on('message', onMessage),
      }
    }
    case 'ipc': {
      const child = fork(other, [JSON.stringify(task)], { serialization: 'advanced' })
      return {
        send: (bytes) => void child.send(bytes),
        listen: (onMessage) => void child.on('message', (message) => onMessage(message as Uint8Array)),
      }
    }
    case 'zeromq': {
      const end = await zeromq(join(task.directory, 'there'), join(task.directory, 'back'), true)
      startOther()
      return end
    }
    default:
      throw new Error(`${task.side} is no pipe that calls back`)
  }
}

/** The answering end. */
export async function joinPipe(task: PipeTask): Promise<End> {
  switch (task.side) {
    case 'postMessage':
      return {
        send: (bytes) => parentPort?.postMessage(bytes),
        listen: (onMessage) => void parentPort?.on('message', onMessage),
      }
    case 'ipc':
      return {
        send: (bytes) => void process.send?.(bytes),
        listen: (onMessage) => void process.on('message', (message) => onMessage(message as Uint8Array)),
      }
    case 'zeromq':
      return zeromq(join(task.directory, 'back'), join(task.directory, 'there'), false)
    default:
      throw new Error(`${task.side} is no pipe that calls back`)
  }
}

/** One socket for each direction: a socket takes one send at a time, and its reader waits for no one. */
async function zeromq(out: string, into: string, binds: boolean): Promise<End> {
  const { Pull, Push } = await import('zeromq')
  const push = new Push({ sendHighWaterMark: 0, linger: 0 })
  const pull = new Pull({ receiveHighWaterMark: 0 })
  for (const [socket, path] of [
    [push, out],
    [pull, into],
  ] as const) {
    if (binds) await socket.bind(`ipc://${path}`)
    else socket.connect(`ipc://${path}`)
  }
  // Copies: a socket may hold what it was given until it is sent.
  let last: Promise<void> = Promise.resolve()
  return {
    send: (bytes) => {
      const copy = bytes.slice()
      last = push.writable ? push.send(copy) : last.then(() => push.send(copy))
      return last
    },
    listen: (onMessage) => {
      void (async () => {
        for await (const [bytes] of pull) if (bytes !== undefined) onMessage(bytes)
      })()
    },
  }
}
