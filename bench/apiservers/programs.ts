import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensurePackages } from '../../test/lab/packages.js'

/** kube-apiserver and kubectl: given, found, or got. Rejects with what to do. */

export async function kubeApiserver(given: string | undefined): Promise<string> {
  if (given !== undefined) {
    accessSync(given, constants.X_OK)
    return given
  }
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'vipd', 'kube')
  const script = fileURLToPath(new URL('../../../bench/apiservers/build.sh', import.meta.url))
  const child = spawn('sh', [script, cache], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  if (code !== 0)
    throw new Error('kube-apiserver could not be built (see above); --kube-apiserver FILE takes one that is there')
  return said.trim().split('\n').at(-1) ?? ''
}

/** The one on PATH, else Debian's. */
export function kubectl(): string {
  const found = spawnSync('sh', ['-c', 'command -v kubectl'], { encoding: 'utf8' }).stdout.trim()
  if (found !== '') return found
  const ensured = ensurePackages(['kubernetes-client'])
  if (!ensured.ok) throw new Error(ensured.reason)
  return 'kubectl'
}
