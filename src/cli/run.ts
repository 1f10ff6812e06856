import type { CommandModule } from 'yargs'
import { loadOrExplain } from './load.js'
import { configOption } from './options.js'
import { readVersion } from './version.js'

/** `vipd run`: the daemon, in the foreground. SIGTERM and SIGINT stop it, a second one without a wait for another node; SIGHUP validates the file. */
export const runCommand: CommandModule<object, { config: string; 'take-over': boolean | undefined }> = {
  command: 'run',
  describe: 'Run the daemon in the foreground',
  builder: (yargs) =>
    yargs
      .option('config', configOption)
      // For `vipd upgrade` alone: the process that started this one is at the other end of descriptor 3.
      .option('take-over', { type: 'boolean', hidden: true }),
  handler: async ({ config: path, 'take-over': takeOver }) => {
    // Until the daemon has its own: nothing is held yet, so there is nothing to give back.
    const leave = (): void => process.exit(0)
    process.once('SIGTERM', leave).once('SIGINT', leave)
    const ready = await loadOrExplain(path)
    if (ready === undefined) return
    const { serve } = await import('../daemon/serve.js')
    process.off('SIGTERM', leave).off('SIGINT', leave)
    await serve({ config: ready.config, path, version: readVersion(), problems: ready.warnings }, takeOver)
  }
}
