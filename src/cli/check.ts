import type { CommandModule } from 'yargs'
import type { Config } from '../config/schema.js'
import { EXIT } from './exit.js'
import { configOption } from './options.js'

/** `vipd check`: every problem of a configuration at once; exit 2 if there is any. What this host lacks is said, but is no fault of the file. */
export const checkCommand: CommandModule<object, { config: string }> = {
  command: 'check',
  describe: 'Check a configuration: every problem with its place',
  builder: (yargs) => yargs.option('config', configOption),
  handler: async ({ config: file }) => {
    const [{ loadConfig }, { formatProblem }] = await Promise.all([
      import('../config/load.js'),
      import('../config/problem.js')
    ])
    const { config, problems } = await loadConfig(file)
    for (const problem of problems) process.stderr.write(`${formatProblem(file, problem)}\n`)
    if (problems.length > 0) process.exitCode = EXIT.usage
    if (config === undefined) return
    for (const note of await hostNotes(config)) {
      process.stderr.write(`note: ${note}\n`)
    }
    if (problems.length === 0) {
      const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
      process.stdout.write(
        `${file}: ok: ${count(config.vrrp.length, 'VRRP instance')}, ${count(config.proxy.length, 'service')}\n`
      )
    }
  }
}

/** What this host would not give the daemon. */
async function hostNotes(config: Config): Promise<string[]> {
  const [{ addon }, { descriptorsFor, shortage }, { defaultThreads }] = await Promise.all([
    import('../os/addon.js'),
    import('../proxy/descriptors.js'),
    import('../daemon/threads.js')
  ])
  const maxconn = config.proxy.reduce((sum, service) => sum + service.maxconn, 0)
  const threads = config.threads ?? defaultThreads()
  if (maxconn === 0) return []
  const note = shortage(maxconn, threads, addon().raiseDescriptorLimit(descriptorsFor(maxconn, threads)))
  return note === undefined ? [] : [note]
}
