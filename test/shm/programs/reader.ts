/** node reader.ts NAME JSON: reads with a way of waiting, reports what it saw over IPC when the writer is gone. */
import { ShmReader, type ShmReaderOptions } from 'tickwire'
import { isMessage } from '../../support/shm-message.ts'

const [name = '', json = '{}'] = process.argv.slice(2)
const reader = await ShmReader.open(name, JSON.parse(json) as ShmReaderOptions)
let received = 0
let told = 0
let intact = true
let last = 0
reader.on('message', (message) => {
  received++
  intact &&= isMessage(message, reader.sequence) && reader.sequence > last
  last = reader.sequence
})
reader.on('lost', ({ count }) => {
  told += count
})
reader.on('writerGone', ({ reason }) => {
  reader.poll(() => {}, 0)
  setTimeout(() => {
    process.send?.({ received, lost: reader.lost, told, intact, last, reason })
    reader.close()
    process.disconnect()
  }, 100)
})
process.send?.('ready')
