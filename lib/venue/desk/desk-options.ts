import { z } from 'zod'
import { configFault, parseConfig } from '../../runtime/config.js'
import type { SessionConnection } from '../../session/options.js'
import type { EntryMode } from './order-door.js'

/** What venues' `trading()` takes besides what their `rest()` does. */
export interface DeskOptions {
  /** Orders that are remembered, 1…1,000,000: all that are open, and those that ended last. Default 10,000. */
  readonly tracked?: number | undefined
  /**
   * Which way orders go. `auto`: over the WebSocket when that is ready, else over REST; `ws`: over the WebSocket alone. It is opened by
   * `open()`. Default `'rest'`.
   */
  readonly entry?: EntryMode | undefined
  /** In place of the profile's address of the private stream, `ws:` or `wss:`, with its path. */
  readonly streamUrl?: string | undefined
  /** In place of the profile's address of order entry over WebSocket. */
  readonly entryUrl?: string | undefined
  /** Of both WebSockets: TLS, proxy, loop, reconnect, heartbeat, …. */
  readonly connection?: SessionConnection | undefined
}

const schema = z.strictObject({
  tracked: z.int().min(1).max(1_000_000).default(10_000),
  entry: z.enum(['rest', 'ws', 'auto']).default('rest'),
  streamUrl: z.string().optional(),
  entryUrl: z.string().optional(),
  connection: z.record(z.string(), z.unknown()).default({}),
})

/** A venue's options in two: those of the desk, and the rest. */
export function deskOptionsOf<T extends DeskOptions>(options: T): [DeskOptions, Omit<T, keyof DeskOptions>] {
  const { tracked, entry, streamUrl, entryUrl, connection, ...others } = options
  return [{ tracked, entry, streamUrl, entryUrl, connection }, others]
}

/** @throws ConfigError for a desk without a key, which could do nothing. */
export function needKey(title: string, { key }: { readonly key?: string | undefined }): void {
  if (key === undefined) throw configFault(`${title} options`, ['key'], 'must be given')
}

/** @throws ConfigError naming every option at fault. */
export function checkDeskOptions(options: DeskOptions) {
  const { connection, ...rest } = parseConfig('desk options', schema, options)
  return { ...rest, connection: connection as SessionConnection }
}
