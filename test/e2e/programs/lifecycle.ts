/** One act in the life of a process with a feed: `lifecycle.ts ACT URL MODE CA`. Says what happens in lines on stdout. */
import { readdirSync } from 'node:fs'
import { Feed, json, Loop, type LoopMode } from 'tickwire'

const [act = '', url = '', mode = 'park', ca = ''] = process.argv.slice(2)
const decode = json({ n: json.number('/n') })
const tls = url.startsWith('wss:') ? { tls: { ca: Buffer.from(ca, 'base64') } } : {}
const say = (line: string): void => console.log(line)

function makeFeed(): Feed<typeof decode> {
  return new Feed({ url, decode, loop: mode as LoopMode, ...tls })
}

function rows(feed: Feed<typeof decode>, count: number): Promise<void> {
  let seen = 0
  return new Promise((resolve) => {
    feed.on('rows', (batch) => {
      seen += batch.length
      if (seen >= count) resolve()
    })
  })
}

/** The engine may keep what the last round of a finished function had in its hands: four objects. */
const lastRound = 4

async function forgotten(count: number): Promise<{ kept: () => number }> {
  const refs: WeakRef<object>[] = []
  for (let i = 0; i < count; i++) {
    const never = makeFeed()
    const ended = makeFeed()
    const loop = new Loop({ mode: mode as LoopMode, ring: 65_536 })
    const onLoop = new Feed({ url, decode, loop, ...tls })
    for (const feed of [ended, onLoop]) {
      const some = rows(feed, 1)
      await feed.open()
      await some
      await feed.close()
    }
    refs.push(new WeakRef(never), new WeakRef(ended), new WeakRef(onLoop), new WeakRef(loop))
  }
  return { kept: () => refs.filter((ref) => ref.deref() !== undefined).length }
}

/** Collects garbage, and lets finalizers run, until `settled` holds or it has had its chance. */
async function collect(settled: () => boolean): Promise<void> {
  for (let i = 0; i < 100; i++) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 20))
    const isSettled = settled()
    // What a weak reference was asked for lives until this job is over.
    await new Promise((resolve) => setTimeout(resolve, 0))
    if (isSettled) return
  }
}

const count = (directory: string): number => (process.platform === 'linux' ? readdirSync(directory).length : 0)

const acts: Record<string, () => Promise<void>> = {
  /** Ends by itself. */
  async close() {
    const feed = makeFeed()
    const some = rows(feed, 10)
    await feed.open()
    await some
    await feed.close()
    say('closed')
  },
  async using() {
    await using feed = makeFeed()
    const some = rows(feed, 10)
    await feed.open()
    await some
    say('leaving')
  },
  /** Goes on. */
  async open() {
    const feed = makeFeed()
    feed.once('rows', () => say('rows'))
    await feed.open()
    say('open')
  },
  /** Does not go on. */
  async unref() {
    const feed = makeFeed()
    const some = rows(feed, 10)
    await feed.open()
    await some
    feed.unref()
    say('unref')
  },
  async reref() {
    const feed = makeFeed()
    await feed.open()
    feed.unref().ref()
    say('open')
  },
  /** A loop and a feed that is never opened keep nobody. */
  async idle() {
    new Loop({ mode: mode as LoopMode })
    makeFeed()
    say('made')
  },
  /** In the listener, in the middle of a stream. */
  async exit() {
    const feed = makeFeed()
    let seen = 0
    feed.on('rows', (batch) => {
      for (const _ of batch) if (++seen === 500) process.exit(7)
    })
    await feed.open()
  },
  /** From elsewhere, in the middle of a stream. */
  async exitLater() {
    const feed = makeFeed()
    const some = rows(feed, 200)
    await feed.open()
    await some
    setTimeout(() => process.exit(7), 3)
  },
  /** While it connects. */
  async exitEarly() {
    makeFeed()
      .open()
      .catch(() => {})
    setImmediate(() => process.exit(7))
  },
  /** Somebody listens to uncaught exceptions: the stream goes on. */
  async caught() {
    const caught: string[] = []
    process.on('uncaughtException', (error) => {
      caught.push(error.message)
    })
    const feed = makeFeed()
    let next = 0
    let thrown = 0
    let whole = true
    feed.on('rows', (batch) => {
      for (const row of batch) whole &&= row.n === next++
      if (thrown < 5) throw new Error(`mine ${++thrown}`)
    })
    const some = rows(feed, 20_000)
    await feed.open()
    await some
    await new Promise(setImmediate)
    await feed.close()
    say(JSON.stringify({ caught, whole, enough: next >= 20_000 }))
  },
  /** Nobody does: the process ends as with any other exception. */
  async uncaught() {
    const feed = makeFeed()
    feed.on('rows', () => {
      throw new Error('nobody catches this')
    })
    await feed.open()
  },
  /** Objects that nobody holds any more, ended or never begun. */
  async forget() {
    await forgotten(3).then(({ kept }) => collect(() => kept() <= lastRound))
    const before = { fds: count('/proc/self/fd'), threads: count('/proc/self/task') }
    const { kept } = await forgotten(20)
    const gone = (): boolean =>
      kept() <= lastRound && count('/proc/self/fd') <= before.fds + 4 && count('/proc/self/task') <= before.threads + 4
    await collect(gone)
    const after = { fds: count('/proc/self/fd'), threads: count('/proc/self/task') }
    say(JSON.stringify({ kept: kept(), before, after }))
  },
  /** An open feed is in use although nobody names it. */
  async keep() {
    let seen = 0
    ;(() => {
      const feed = makeFeed()
      feed.on('rows', (batch) => {
        seen += batch.length
      })
      feed.open().catch(() => {})
    })()
    await collect(() => seen > 50_000)
    const before = seen
    await collect(() => seen > before)
    say(JSON.stringify({ goesOn: seen > before }))
    process.exit(0)
  },
}

await acts[act]?.()
