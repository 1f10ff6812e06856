import type { CommandModule } from 'yargs'
import { VipdError } from '../base/errors.js'
import { configOption } from './options.js'

/** `vipd release`: removes the addresses that a dead daemon left on the interfaces. Refuses while one is running. */
export const releaseCommand: CommandModule<object, { config: string }> = {
  command: 'release',
  describe: 'Remove what a dead daemon left behind (for ExecStopPost=)',
  builder: (yargs) => yargs.option('config', configOption),
  handler: async ({ config: path }) => {
    const [{ loadConfig }, { isAnswering }, { addon }, { Netlink }, { sweep }] = await Promise.all([
      import('../config/load.js'),
      import('../admin/server.js'),
      import('../os/addon.js'),
      import('../os/netlink.js'),
      import('../daemon/sweep.js')
    ])
    // A configuration that is broken by now is no reason to leave an address behind: those with our mark go all the same.
    const { config } = await loadConfig(path)
    if (config !== undefined && (await isAnswering(config.admin.socket))) {
      throw new VipdError(
        'ALREADY_RUNNING',
        `vipd is running (it answers on ${config.admin.socket}): stop it first, it removes its addresses itself`
      )
    }
    const netlink = new Netlink(
      addon(),
      () => undefined,
      () => undefined
    )
    try {
      await netlink.start()
      const removed = await sweep(netlink, config)
      process.stdout.write(removed.length === 0 ? 'nothing to release\n' : `released ${removed.join(', ')}\n`)
    } finally {
      netlink.stop()
    }
  }
}
