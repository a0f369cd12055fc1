import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { pinned } from '../examples/venue/start.ts'
import type { PipeTask } from './shm/task.ts'
import type { Task } from './sides/task.ts'
import type { VenueTask } from './venue/task.ts'
import type { WireTask } from './wire/task.ts'

export interface ChildOptions {
  /** CPU that the whole process is bound to; default: any. */
  readonly cpu?: number | undefined
  readonly nodeArgs?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
  /** What takes the task; default: the consumers of `sides`. */
  readonly program?: string
}

const entry = fileURLToPath(new URL('./sides/consumer.ts', import.meta.url))

/** Runs one side's consumer in a process of its own and returns what it measured. */
export function runSide<Result>(
  task: Task | WireTask | PipeTask | VenueTask,
  options: ChildOptions = {},
): Promise<Result> {
  const [command, args] = pinned(options.cpu, [
    ...(options.nodeArgs ?? []),
    options.program ?? entry,
    JSON.stringify(task),
  ])
  const timeoutMs = options.timeoutMs ?? 120_000
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, ...options.env },
    })
    const label = `${task.side}${'mode' in task ? ` (${task.mode})` : ''}, ${task.kind}`
    let result: Result | undefined
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`${label}: no result within ${timeoutMs / 1000} s`))
    }, timeoutMs)
    child.once('error', reject)
    child.on('message', (message) => {
      result = message as Result
      child.kill('SIGKILL')
    })
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      if (result !== undefined) resolve(result)
      else reject(new Error(`${label}: ended with ${signal ?? `status ${code}`} before it had a result`))
    })
  })
}
