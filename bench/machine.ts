import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Machine } from './model.js'

/** What a run was made on and with. */

export function machine(): Machine {
  const [cpu] = cpus()
  const system = /^PRETTY_NAME="?(.*?)"?$/m.exec(text('/etc/os-release'))?.[1] ?? 'unknown'
  const load = loadavg()[0] ?? 0
  return {
    cpu: cpu?.model.trim() || 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    kernel: release(),
    system,
    load,
    commit: commit()
  }
}

/** By program; one that is not there is left out. */
export function versions(): Record<string, string> {
  const asked: Readonly<Record<string, readonly string[]>> = {
    haproxy: ['haproxy', '-v'],
    keepalived: ['keepalived', '-v'],
    nginx: ['nginx', '-v'],
    wrk: ['wrk', '-v']
  }
  const found: Record<string, string> = { node: process.versions.node }
  for (const [name, argv] of Object.entries(asked)) {
    const [program = '', ...rest] = argv
    const { stdout, stderr } = spawnSync(program, rest, { encoding: 'utf8', timeout: 5000 })
    const version = /\d+\.\d[\w.+~-]*/.exec(`${stdout ?? ''}${stderr ?? ''}`)?.[0]
    if (version !== undefined) found[name] = version
  }
  return found
}

function commit(): string {
  const git = (...words: string[]): string =>
    spawnSync('git', ['-C', root, ...words], { encoding: 'utf8', timeout: 5000 }).stdout?.trim() ?? ''
  const short = git('rev-parse', '--short', 'HEAD')
  // The report itself is written by the run.
  const changed = git('status', '--porcelain', '--', 'src', 'native', 'bench/native', 'package.json')
  return short === '' ? 'unknown' : `${short}${changed === '' ? '' : '+'}`
}

const root = fileURLToPath(new URL('../..', import.meta.url))

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
