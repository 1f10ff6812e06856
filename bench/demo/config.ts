import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parseDocument } from 'yaml'
import { vipdProgram } from '../../test/lab/vipd.js'

const run = promisify(execFile)
const seed = fileURLToPath(new URL('../../../bench/demo/seed/', import.meta.url))

export interface Imported {
  /** The configuration, as `vipd import` wrote it. */
  readonly yaml: string
  /** Its report: what was not carried over, and why. */
  readonly report: readonly string[]
}

/** Makes a configuration of the deployment that vipd replaces, as its user would: `vipd import`. */
export async function importSeed(role: 'master' | 'backup', folder: string): Promise<Imported> {
  const out = join(folder, `import-${role}.yaml`)
  const files = [
    '--keepalived',
    join(seed, `keepalived-${role}.conf`),
    '--haproxy',
    join(seed, 'haproxy.cfg'),
    '-o',
    out
  ]
  const { stderr } = await run(process.execPath, [vipdProgram, 'import', ...files], { timeout: 20_000 })
  return { yaml: readFileSync(out, 'utf8'), report: stderr.split('\n').filter((line) => line !== '') }
}

/** The same configuration with its admin socket elsewhere: several nodes share this machine's file system. */
export function withSocket(yaml: string, socket: string): string {
  const document = parseDocument(yaml)
  document.setIn(['admin', 'socket'], socket)
  return document.toString()
}
