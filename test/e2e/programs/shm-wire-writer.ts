/**
 * node shm-wire-writer.ts DIRECTORY NAME COUNT: a process that writes quotes of the topic `t` into shared memory: numbers 1…COUNT once it
 * is told `go`, or without end (COUNT 0). Says `ready`, and `done` when it has written all; ends by itself when told `close`.
 */
import { ShmWriter } from 'tickwire'
import { Sender, say } from '../../peers/wire-hub.ts'

const [directory = '', name = '', count = '0'] = process.argv.slice(2)
const writer = ShmWriter.create(name, { directory, bytes: 1 << 20 })
const sender = new Sender('AAA')
writer.define(say.topics([[1, 0, 't']]))
writer.define(say.symbols(sender.symbols))
process.on('message', (told) => {
  if (told === 'close') {
    writer.close()
    process.disconnect()
    return
  }
  const last = Number(count)
  let n = 0
  const some = (): void => {
    for (let i = 0; i < 100 && (last === 0 || n < last); i++) writer.write(sender.quote(++n))
    if (last === 0 || n < last) setImmediate(some)
    else process.send?.('done')
  }
  some()
})
process.send?.('ready')
