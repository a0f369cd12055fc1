import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { patienceMs } from './waiting.ts'

/** What the browser told of one connection. */
export interface SocketRecord {
  readonly opened: { readonly protocol: string; readonly extensions: string } | null
  /** Text as it is, binary as its bytes. */
  readonly messages: readonly (string | { readonly bytes: readonly number[] })[]
  readonly errors: number
  readonly closed: { readonly code: number; readonly reason: string; readonly wasClean: boolean } | null
}

/** A page of an origin of its own with WebSockets that are told what to do, see `pages/sockets.html`. */
export interface SocketPage extends AsyncDisposable {
  readonly origin: string
  readonly page: Page
  /** What was agreed on, or null when the connection was refused. */
  connect(name: string, url: string, protocols?: readonly string[]): Promise<SocketRecord['opened']>
  send(name: string, text: string): Promise<void>
  sendBytes(name: string, bytes: readonly number[]): Promise<void>
  close(name: string, code?: number, reason?: string): Promise<void>
  record(name: string): Promise<SocketRecord>
  /** The record, as soon as it fits. */
  recordWhen(name: string, fits: (record: SocketRecord) => boolean, what: string): Promise<SocketRecord>
}

const html = readFileSync(new URL('./pages/sockets.html', import.meta.url))

export async function openSocketPage(browser: Browser): Promise<SocketPage> {
  const server = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/html; charset=utf-8').end(html)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const page = await browser.newPage()
  await page.goto(origin)
  // As text: the page's functions are not this program's.
  const call = <Result>(name: string, ...args: readonly unknown[]): Promise<Result> =>
    page.evaluate<Result>(`${name}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`)
  const record = (name: string): Promise<SocketRecord> => call('record', name)
  return {
    origin,
    page,
    connect: (name, url, protocols = []) => call('connect', name, url, protocols),
    send: (name, text) => call('send', name, text),
    sendBytes: (name, bytes) => call('sendBytes', name, bytes),
    close: (name, ...args) => call('close', name, ...args.filter((arg) => arg !== undefined)),
    record,
    recordWhen: async (name, fits, what) => {
      const end = performance.now() + patienceMs
      for (;;) {
        const now = await record(name)
        if (fits(now)) return now
        if (performance.now() > end) {
          throw new Error(`waited in vain until ${what}: ${JSON.stringify(now).slice(0, 1000)}`)
        }
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    [Symbol.asyncDispose]: async () => {
      await page.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
