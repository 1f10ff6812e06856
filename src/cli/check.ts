import type { CommandModule } from 'yargs'
import { EXIT } from './exit.js'
import { loadForHost } from './load.js'
import { configOption } from './options.js'

/** `vipd check`: every problem of a configuration at once; exit 2 if there is any. What this host lacks is said, but is no fault of the file. */
export const checkCommand: CommandModule<object, { config: string }> = {
  command: 'check',
  describe: 'Check a configuration: every problem with its place',
  builder: (yargs) => yargs.option('config', configOption),
  handler: async ({ config: file }) => {
    const { formatProblem } = await import('../config/problem.js')
    const { config, problems } = await loadForHost(file)
    for (const problem of problems) process.stderr.write(`${formatProblem(file, problem)}\n`)
    if (problems.length > 0) process.exitCode = EXIT.usage
    if (config === undefined) return
    const [{ describeShortage }, { weightNotes }] = await Promise.all([
      import('../daemon/host.js'),
      import('../config/weight-rules.js')
    ])
    for (const note of weightNotes(config)) process.stderr.write(`note: ${note}\n`)
    const shortage = describeShortage(config)
    if (shortage !== undefined) process.stderr.write(`note: ${shortage}\n`)
    if (problems.length > 0) return
    const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
    const parts = [count(config.vrrp.length, 'VRRP instance'), count(config.proxy.length, 'service')]
    process.stdout.write(`${file}: ok: ${parts.join(', ')}\n`)
  }
}
