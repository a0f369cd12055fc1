import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const version = '4.5.84'
const home = fileURLToPath(new URL('../third_party/ccxt/', import.meta.url))

/** What is used of an exchange object. */
export interface CcxtExchange {
  sign(
    path: string,
    api: string,
    method: string,
    params: object,
  ): { readonly url: string; readonly method: string; readonly body?: string; readonly headers: Record<string, string> }
  /** Where its timestamps and nonces come from. */
  nonce(): number
  milliseconds(): number
  extend(...objects: readonly object[]): Record<string, unknown>
  options: Record<string, unknown>
}

/** What an exchange object is made of. */
export interface CcxtConfig {
  readonly apiKey: string
  readonly secret: string
  /** A passphrase. */
  readonly password?: string
}

/** ccxt's Binance, offline. */
export function ccxtBinance(apiKey: string, secret: string): Promise<CcxtExchange> {
  return ccxtExchange('binance', { apiKey, secret })
}

/**
 * An exchange of ccxt, offline. It takes 67 MB and brings native parts of `ws` along, which would change what other benchmarks measure, so it
 * is no dependency of the project: npm brings it into a directory of its own when it is first asked for.
 */
export async function ccxtExchange(name: string, config: CcxtConfig): Promise<CcxtExchange> {
  const { default: ccxt } = (await ccxtModule('ccxt.js')) as {
    default: Record<string, new (config: CcxtConfig) => CcxtExchange>
  }
  const Exchange = ccxt[name]
  if (Exchange === undefined) throw new Error(`ccxt has no ${name}`)
  return new Exchange(config)
}

/** A module of ccxt by its path. */
export async function ccxtModule(path: string): Promise<unknown> {
  const entry = join(home, 'node_modules', 'ccxt', 'js', path)
  if (!existsSync(entry)) {
    mkdirSync(home, { recursive: true })
    writeFileSync(join(home, 'package.json'), '{ "private": true }\n')
    const args = [
      'install',
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      '--omit=optional',
      `ccxt@${version}`,
    ]
    const { status, stderr } = spawnSync('npm', args, { cwd: home, encoding: 'utf8', timeout: 240_000 })
    if (status !== 0) throw new Error(`cannot bring ccxt: ${stderr}`)
  }
  return import(pathToFileURL(entry).href)
}
