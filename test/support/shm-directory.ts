import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A directory of a test's own on the file system where segments usually lie. */
export class ShmDirectory implements Disposable {
  readonly path = mkdtempSync(join(process.platform === 'linux' ? '/dev/shm' : tmpdir(), 'tickwire-test-'))

  get files(): string[] {
    return readdirSync(this.path)
  }

  file(name: string): string {
    return join(this.path, `tickwire.${process.geteuid?.() ?? 0}.${name}`)
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
