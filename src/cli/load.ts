import type { Loaded } from '../config/load.js'
import { formatProblem } from '../config/problem.js'
import type { Config } from '../config/schema.js'
import { EXIT } from './exit.js'

/** A configuration to go on with, and its warnings as sentences. */
export interface Ready {
  readonly config: Config
  readonly warnings: readonly string[]
}

/** Reads the configuration and looks at the programs and keys that it names. */
export async function loadForHost(file: string): Promise<Loaded> {
  const [{ loadConfig }, { hostChecks }] = await Promise.all([
    import('../config/load.js'),
    import('../daemon/host-checks.js')
  ])
  return loadConfig(file, hostChecks)
}

/** Reads the configuration; where it has errors, prints every problem, sets exit code 2 and gives nothing. */
export async function loadOrExplain(file: string): Promise<Ready | undefined> {
  const { config, problems } = await loadForHost(file)
  const lines = problems.map((problem) => formatProblem(file, problem))
  if (config !== undefined) return { config, warnings: lines }
  process.stderr.write(`${lines.join('\n')}\n`)
  process.exitCode = EXIT.usage
  return undefined
}
