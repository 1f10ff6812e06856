import type { CommandModule } from 'yargs'
import { loadOrExplain } from './load.js'
import { configOption } from './options.js'
import { readVersion } from './version.js'

/** `vipd run`: the daemon, in the foreground. SIGTERM and SIGINT stop it, a second one at once; SIGHUP validates the file. */
export const runCommand: CommandModule<object, { config: string }> = {
  command: 'run',
  describe: 'Run the daemon in the foreground',
  builder: (yargs) => yargs.option('config', configOption),
  handler: async ({ config: path }) => {
    const ready = await loadOrExplain(path)
    if (ready === undefined) return
    const { serve } = await import('../daemon/serve.js')
    await serve({ config: ready.config, path, version: readVersion(), problems: ready.warnings })
  }
}
