import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { pinned } from '../../examples/venue/start.ts'
import { localhostCertificates } from '../../test/peers/certificates.ts'
import { type NginxServer, startNginx } from '../../test/peers/nginx-server.ts'
import { median } from '../report.ts'
import { answer, type RestResult, type RestSide, type RestTask } from './task.ts'

const entry = fileURLToPath(new URL('./side.ts', import.meta.url))

const serverCpu = 0
const clientCpu = 1
export const placement = 'nginx on CPU 0, client with all its threads on CPU 1'

/** Runs a task in a process of its own. */
export function runRestSide(task: RestTask, env: Readonly<Record<string, string>> = {}): Promise<RestResult> {
  const [command, args] = pinned(clientCpu, [entry, JSON.stringify(task)])
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, ...env },
    })
    const label = `${task.side}, ${task.kind}`
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`${label}: no result within 120 s`))
    }, 120_000)
    let result: RestResult | undefined
    child.once('error', reject)
    child.on('message', (message) => {
      result = message as RestResult
      child.kill('SIGKILL')
    })
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      if (result !== undefined) resolve(result)
      else reject(new Error(`${label}: ended with ${signal ?? `status ${code}`} before it had a result`))
    })
  })
}

export interface Origins {
  readonly plain: string
  readonly tls: string
  readonly h2: string
  readonly ca: string
}

/** nginx that answers every request at once, bound to its CPU. */
export async function startAnswering(): Promise<NginxServer & { readonly origins: Origins }> {
  const { authority, server } = localhostCertificates()
  const tls = { cert: server.cert, key: server.key }
  const config = `location / { default_type application/json; return 200 '${answer}'; }`
  const h2 = `${config}\nhttp2_max_concurrent_streams 256; http2_recv_timeout 600s;`
  const nginx = await startNginx([{ config }, { config, tls }, { config: h2, tls, http2: true }])
  if (existsSync('/usr/bin/taskset')) spawnSync('/usr/bin/taskset', ['-cp', String(serverCpu), String(nginx.pid)])
  const [plain, secure, second] = nginx.ports
  return Object.assign(nginx, {
    origins: {
      plain: `http://127.0.0.1:${plain}`,
      tls: `https://localhost:${secure}`,
      h2: `https://localhost:${second}`,
      ca: authority.cert,
    },
  })
}

/** Each side's results, in alternation: nobody always goes first. */
export async function alternate(
  sides: readonly RestSide[],
  rounds: number,
  run: (side: RestSide) => Promise<RestResult>,
): Promise<(side: RestSide, of: (result: RestResult) => number) => number> {
  const results = new Map<RestSide, RestResult[]>(sides.map((side) => [side, []]))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < sides.length; turn++) {
      const side = sides[(turn + round) % sides.length] as RestSide
      results.get(side)?.push(await run(side))
    }
  }
  return (side, of) => median((results.get(side) ?? []).map(of))
}
