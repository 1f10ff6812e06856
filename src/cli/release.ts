import type { CommandModule } from 'yargs'
import { configOption } from './options.js'

/** `vipd release`: removes the addresses that a dead daemon left on the interfaces. Refuses while one is running. */
export const releaseCommand: CommandModule<object, { config: string }> = {
  command: 'release',
  describe: 'Remove what a dead daemon left behind (for ExecStopPost=)',
  builder: (yargs) => yargs.option('config', configOption),
  handler: async ({ config: path }) => {
    const [{ loadConfig }, { release }] = await Promise.all([
      import('../config/load.js'),
      import('../daemon/release.js')
    ])
    const { config, problems } = await loadConfig(path)
    if (config === undefined) {
      const [first] = problems
      process.stderr.write(
        `${path}: ${first?.message ?? 'not valid'}: only addresses with vipd's own mark are removed\n`
      )
    }
    const removed = await release(config)
    process.stdout.write(removed.length === 0 ? 'nothing to release\n' : `released ${removed.join(', ')}\n`)
  }
}
