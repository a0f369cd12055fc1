/** A consumer process: takes a task, connects as the side that it names, measures, reports to its parent. */
import type { Task } from './task.ts'

const task = JSON.parse(process.argv[2] ?? '') as Task

// Each side is a module of its own, so that a process holds nothing of the others.
const { run } = (await import(
  task.side === 'ours' ? './ours.ts' : task.side === 'node' ? './node-websocket.ts' : './ws.ts'
)) as { run: (task: Task, report: (result: unknown) => void) => Promise<void> }

// The parent ends this process when it has the result; its own end ends us too.
process.on('disconnect', () => process.exit(0))
await run(task, (result) => process.send?.(result))
