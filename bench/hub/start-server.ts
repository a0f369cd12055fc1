import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Conversation } from './conversation.ts'
import type { Command, ServerReport, ServerTask } from './task.ts'

export interface Server extends AsyncDisposable {
  readonly port: number
  readonly pid: number | undefined
  ask(command: Command): Promise<ServerReport>
}

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const bun = file('../../node_modules/@oven/bun-linux-x64/bin/bun')

/** Why a server cannot be had here, or null. */
export function unavailable(task: ServerTask): string | null {
  return task.side === 'uws' && !existsSync(bun) ? 'Bun is not installed: npm has it for Linux on x64 with glibc' : null
}

/** A server in a process of its own. Node is not asked for more than what any user would give it. */
export async function startServer(task: ServerTask, cpu?: number): Promise<Server> {
  const conversation = new Conversation({
    name: `${task.side}${task.mode ? ` (${task.mode})` : ''}`,
    command: task.side === 'uws' ? bun : process.execPath,
    args: [file(`./servers/${task.side}.ts`), JSON.stringify(task)],
    cpu,
  })
  try {
    const { port } = await conversation.answer<{ port: number }>()
    return {
      port,
      pid: conversation.pid,
      ask: (command) => conversation.ask<ServerReport>(JSON.stringify(command)),
      [Symbol.asyncDispose]: () => conversation[Symbol.asyncDispose](),
    }
  } catch (error) {
    await conversation[Symbol.asyncDispose]()
    throw error
  }
}
