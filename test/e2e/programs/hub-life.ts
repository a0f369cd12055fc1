/** One act in the life of a process with a hub, or of a worker: `hub-life.ts ACT`. Says what happens in lines on stdout. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { Feed, Hub, text } from 'tickwire'

const act = isMainThread ? process.argv[2] : (workerData as string)
const say = (line: string): void => (isMainThread ? console.log(line) : parentPort?.postMessage(line))

async function pour(hub: Hub): Promise<void> {
  await using feed = new Feed({ url: `${hub.url}/?topics=t`, decode: text() })
  let count = 0
  const done = new Promise<void>((resolve) => {
    feed.on('message', () => {
      if (++count === 1_000) resolve()
    })
  })
  await feed.open()
  while (hub.subscribers.size === 0) await new Promise((resolve) => setImmediate(resolve))
  for (let i = 0; i < 1_000; i++) hub.publish('t', `message ${i}`)
  await done
  say(`received ${count}`)
}

switch (act) {
  case 'close': {
    const hub = await Hub.listen({ ws: 'ws://127.0.0.1:0', threads: 2 })
    await pour(hub)
    await hub.close()
    say('closed')
    break
  }
  case 'dispose': {
    await using hub = await Hub.listen({ ws: 'ws://127.0.0.1:0' })
    await pour(hub)
    break
  }
  case 'unref': {
    const hub = await Hub.listen({ ws: 'ws://127.0.0.1:0' })
    await pour(hub)
    hub.unref()
    break
  }
  case 'exit': {
    const hub = await Hub.listen({ ws: 'ws://127.0.0.1:0', threads: 2 })
    await pour(hub)
    process.exit(3)
    break
  }
  case 'serve': {
    const hub = await Hub.listen({ ws: 'ws://127.0.0.1:0' })
    say(hub.url)
    setInterval(() => hub.publish('t', 'tick'), 1)
    break
  }
  default:
    throw new Error(`no act ${act}`)
}
