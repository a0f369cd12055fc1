/** node --expose-gc open-close.ts DIRECTORY: opens and closes a thousand times; reports over IPC how much more is there than before. */
import { readdirSync, readFileSync } from 'node:fs'
import { ShmReader, ShmWriter } from 'tickwire'

const [directory = ''] = process.argv.slice(2)
const isLinux = process.platform === 'linux'

async function times(n: number): Promise<void> {
  for (let i = 0; i < n; i++) {
    const writer = ShmWriter.create('ticks', { directory, bytes: 65_536 })
    const reader = await ShmReader.open('ticks', { directory })
    let got = 0
    writer.write('x')
    if (i % 10 === 0) await new Promise<void>((resolve) => reader.on('message', () => resolve(void got++)))
    else got = reader.poll(() => {})
    if (got !== 1) throw new Error(`${got} messages`)
    reader.close()
    writer.close()
  }
  // Mappings go with the buffers over them, whose finalizers get a turn of the event loop.
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function count(): { descriptors: number; mappings: number; rss: number } {
  return {
    descriptors: readdirSync(isLinux ? '/proc/self/fd' : '/dev/fd').length,
    mappings: isLinux ? readFileSync('/proc/self/maps', 'utf8').split(directory).length - 1 : 0,
    rss: process.memoryUsage.rss(),
  }
}

await times(50)
const before = count()
await times(1_000)
const after = count()
process.send?.({
  descriptors: after.descriptors - before.descriptors,
  mappings: after.mappings,
  rss: after.rss - before.rss,
})
process.disconnect()
