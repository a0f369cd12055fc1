/** A consumer process: takes a task, connects as the side that it names, measures, reports to its parent. */
import { Meter } from '../sides/meter.ts'
import type { WireTask } from './task.ts'

const task = JSON.parse(process.argv[2] ?? '') as WireTask

// Each side is a module of its own, so that a process holds nothing of the others.
const { run } = (await import(task.side === 'ours' ? './ours.ts' : './node.ts')) as {
  run: (task: WireTask, meter: Meter) => Promise<void>
}

// The parent ends this process when it has the result; its own end ends us too.
process.on('disconnect', () => process.exit(0))
await run(task, new Meter(task.cycle, task.warmUpMs, task.measureMs, (load) => process.send?.(load)))
