import type { CommandModule } from 'yargs'
import { EXIT } from './exit.js'
import { loadForHost } from './load.js'
import { configOption, ownSocketOption } from './options.js'

/**
 * `vipd check`: every problem of a configuration at once; exit 2 if there is any. What this host lacks is said, but is no
 * fault of the file. Where a daemon runs with this file, also what a reload would change.
 */
export const checkCommand: CommandModule<object, { config: string; socket: string | undefined }> = {
  command: 'check',
  describe: 'Check a configuration: every problem with its place, and what a reload would change',
  builder: (yargs) => yargs.option('config', configOption).option('socket', ownSocketOption),
  handler: async ({ config: file, socket }) => {
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
    process.stdout.write(await previewOf(file, socket ?? config.admin.socket))
  }
}

/** What a reload would change; empty where no daemon runs with this file, or none that can tell. */
async function previewOf(file: string, socket: string): Promise<string> {
  const [{ getReload, getStatus }, { listed }, { realpath }] = await Promise.all([
    import('../admin/client.js'),
    import('./reload.js'),
    import('node:fs/promises')
  ])
  const isTheSame = async (other: string): Promise<boolean> => (await realpath(file)) === (await realpath(other))
  try {
    const { config } = await getStatus(socket)
    if (!(await isTheSame(config.path))) return ''
    const { verdict, applied, changes } = await getReload(socket)
    if (verdict === 'invalid') return ''
    if (verdict === 'unchanged') return 'it is what the daemon runs with: a reload would change nothing\n'
    return `${listed('a reload would apply', applied)}${listed('after a restart', changes)}`
  } catch {
    return ''
  }
}
