/** Reads a hub's messages from shared memory: `hub-shm-reader.ts NAME DIRECTORY COUNT`. Prints them in words, then what the table holds. */
import { ShmReader } from 'tickwire'
import { WireRecord } from '../../peers/wire-client.ts'

const [name = '', directory = '', count = '0'] = process.argv.slice(2)
const record = new WireRecord()
const reader = await ShmReader.open(name, { directory, start: 'start', timeout: 10_000 })
const done = new Promise<void>((resolve) => {
  reader.on('message', (message) => {
    record.take(Buffer.from(message))
    if (record.messages.length === Number(count)) resolve()
  })
})
await done
const table = new WireRecord()
for (const entry of reader.definitions()) table.take(Buffer.from(entry))
console.log(JSON.stringify([record.messages, [...table.topics.values()], [...table.symbols.values()]]))
reader.close()
