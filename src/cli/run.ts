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
    const [{ Daemon }, { addon }, { createLog }, { systemClock }, { Systemd }] = await Promise.all([
      import('../daemon/daemon.js'),
      import('../os/addon.js'),
      import('../base/log.js'),
      import('../base/clock.js'),
      import('../os/systemd.js')
    ])
    const log = createLog(ready.config.logLevel)
    const native = addon()
    const systemd = new Systemd(native, process.env)
    // No child of ours reports to the service manager in our name.
    delete process.env['NOTIFY_SOCKET']
    const settings = { config: ready.config, path, version: readVersion(), problems: ready.warnings }
    const daemon = new Daemon(settings, { addon: native, clock: systemClock, log, systemd })
    let isStopping = false
    const stop = async (signal: string): Promise<void> => {
      if (isStopping) process.exit(1)
      isStopping = true
      await daemon.stop(signal)
      log.flush()
      process.exit(0)
    }
    process.on('SIGTERM', () => void stop('SIGTERM'))
    process.on('SIGINT', () => void stop('SIGINT'))
    process.on('SIGHUP', () => {
      void daemon.reload().then((verdict) => log.info(verdict, 'reload'))
    })
    process.on('uncaughtException', (error) => {
      log.fatal({ err: error }, 'bug: vipd ends')
      log.flush()
      process.exit(1)
    })
    try {
      await daemon.start()
    } catch (error) {
      await daemon.stop('could not start')
      throw error
    }
  }
}
