/** The end that measures: starts the other one, reports to its parent. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { pinned } from '../../examples/venue/start.ts'
import { measureLatency, measureThroughput } from './callbacks.ts'
import { openPipe } from './pipes.ts'
import type { PipeTask } from './task.ts'

const task = JSON.parse(process.argv[2] ?? '') as PipeTask
const otherCpu = 1
process.on('disconnect', () => process.exit(0))

let other: ChildProcess | null = null
const startOther = (): void => {
  const [command, args] = pinned(task.side === 'ours' ? otherCpu : undefined, [
    fileURLToPath(new URL('./other-end.ts', import.meta.url)),
    JSON.stringify(task),
  ])
  other = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
}
// Pipes that start it by themselves take it along when this process ends.
process.on('exit', () => other?.kill('SIGKILL'))

async function measure(): Promise<unknown> {
  if (task.side === 'ours') {
    const ours = await import('./ours.ts')
    return ours.measure(task, startOther)
  }
  const end = await openPipe(task, startOther)
  return task.kind === 'latency' ? measureLatency(end, task) : measureThroughput(end, task)
}

process.send?.(await measure(), () => process.exit(0))
