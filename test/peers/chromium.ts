import { existsSync, globSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { unpackDebianPackages } from './debian-packages.ts'

interface Program {
  readonly path: string
  readonly env: Readonly<Record<string, string>>
}

const installed = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

let found: Program | undefined

/** The machine's own browser, else Debian's with all that it needs, unpacked in the project's cache. */
function findProgram(): Program {
  found ??= lookForProgram()
  return found
}

function lookForProgram(): Program {
  const path = installed.find((candidate) => existsSync(candidate))
  if (path !== undefined) return { path, env: {} }
  const root = unpackDebianPackages('chromium', ['chromium', 'fonts-dejavu-core'], { dependencies: true })
  const libraries = globSync(['lib/**/*.so*', 'usr/lib/**/*.so*'], { cwd: root }).map((file) =>
    join(root, dirname(file)),
  )
  const own = join(root, 'usr/lib/chromium')
  return {
    path: join(own, 'chromium'),
    env: { LD_LIBRARY_PATH: [...new Set(libraries)].filter((directory) => directory !== own).join(':') },
  }
}

/** Why there can be no browser on this machine, or null. Downloads what is missing: some 120 MB, once. */
export function chromiumUnavailable(): string | null {
  try {
    findProgram()
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/**
 * A headless Chromium that talks to nobody but the pages' own servers. Closed by `close()`.
 *
 * @param trusted Pins (`Certificate.spkiPin`) of certificates that are good whoever issued them.
 */
export function startChromium(trusted: readonly string[] = []): Promise<Browser> {
  const { path, env } = findProgram()
  return chromium.launch({
    executablePath: path,
    headless: true,
    env: { ...(process.env as Record<string, string>), ...env },
    args: [
      // The sandbox needs a user that is not root; the pages are the tests' own.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...(trusted.length > 0 ? [`--ignore-certificate-errors-spki-list=${trusted.join(',')}`] : []),
    ],
  })
}
