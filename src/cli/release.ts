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
    const removed = await release((await loadConfig(path)).config)
    process.stdout.write(removed.length === 0 ? 'nothing to release\n' : `released ${removed.join(', ')}\n`)
  }
}
