/** node writer.ts NAME JSON: writes as told, says `{ at }` over IPC, and ends when told or killed. */
import { ShmWriter } from 'tickwire'
import { messageOf } from '../../support/shm-message.ts'

interface Plan {
  readonly directory: string
  readonly bytes: number
  /** Messages; 0: until killed. */
  readonly count: number
  readonly longest: number
  /** How it ends after `count`. */
  readonly end: 'close' | 'exit' | 'wait'
}

const [name = '', json = '{}'] = process.argv.slice(2)
const plan = JSON.parse(json) as Plan
const writer = ShmWriter.create(name, { directory: plan.directory, bytes: plan.bytes })
process.send?.('ready')
for (let i = 1; plan.count === 0 || i <= plan.count; i++) writer.write(messageOf(i, (i * 7_919) % (plan.longest + 1)))
if (plan.end === 'close') {
  writer.close()
  process.disconnect()
} else if (plan.end === 'exit') process.exit(0)
else process.send?.('done')
