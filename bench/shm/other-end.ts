/** The end that answers: a process or a worker of its own. */
import { answer } from './callbacks.ts'
import { joinPipe } from './pipes.ts'
import type { PipeTask } from './task.ts'

const task = JSON.parse(process.argv[2] ?? '') as PipeTask
// It lives as long as the measuring end.
process.on('disconnect', () => process.exit(0))
if (task.side === 'ours') {
  const { answerAll } = await import('./ours.ts')
  await answerAll(task)
} else {
  answer(await joinPipe(task), task)
}
