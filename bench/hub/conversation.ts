import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'

const taskset = '/usr/bin/taskset'

export interface ConversationOptions {
  /** What it is called in complaints. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** CPU that the whole process is bound to, where the machine has `taskset`; default: any. */
  readonly cpu?: number | undefined
}

/** A process that takes commands as lines and answers each with a line of JSON. */
export class Conversation implements AsyncDisposable {
  readonly #name: string
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  #complaint = ''

  constructor({ name, command, args, cpu }: ConversationOptions) {
    this.#name = name
    this.#child =
      cpu !== undefined && existsSync(taskset)
        ? spawn(taskset, ['-c', String(cpu), command, ...args])
        : spawn(command, args)
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#complaint = (this.#complaint + chunk.toString()).slice(-4000)
    })
    this.#child.on('error', (error) => {
      this.#complaint = error.message
    })
    // A process that is gone says so at the next answer.
    this.#child.stdin?.on('error', () => {})
    this.#lines = createInterface(this.#child.stdout as NodeJS.ReadableStream)[Symbol.asyncIterator]()
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** The next line. */
  async answer<Answer>(): Promise<Answer> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error(`${this.#name} ended: ${this.#complaint.trim() || 'without a word'}`)
    return JSON.parse(value) as Answer
  }

  ask<Answer>(line: string): Promise<Answer> {
    this.#child.stdin?.write(`${line}\n`)
    return this.answer()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await gone
  }
}
