/**
 * `worker-restless.ts URL TIMES`: workers that do nothing but make, use and close feeds, each ended at some moment of that. Most
 * ends hit a call into the core, which can then neither return to JS nor throw.
 */
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { Feed, json, Loop } from 'tickwire'

if (isMainThread) {
  const [url, times] = process.argv.slice(2)
  for (let n = 0; n < Number(times); n++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: url })
    const exit = new Promise((resolve) => worker.once('exit', resolve))
    await new Promise((resolve) => worker.once('online', resolve))
    await new Promise((resolve) => setTimeout(resolve, 40 + ((n * 7) % 60)))
    await worker.terminate()
    await exit
  }
  console.log('survived')
} else {
  const decode = json({ n: json.number('/n'), s: json.symbol('/s') })
  for (;;) {
    const loop = new Loop({ ring: 65_536 })
    const feeds = Array.from({ length: 20 }, () => new Feed({ url: workerData as string, decode, loop }))
    for (const feed of feeds) {
      feed.open().catch(() => {})
      feed.stats()
    }
    await loop.close()
  }
}
