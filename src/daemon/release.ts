import { isAnswering } from '../admin/answering.js'
import { systemClock } from '../base/clock.js'
import { VipdError } from '../base/errors.js'
import type { Config } from '../config/schema.js'
import { addon } from '../os/addon.js'
import { Netlink } from '../os/netlink.js'
import { takeAddressLock } from './lock.js'
import { isMarked } from './mark.js'
import { sweep } from './sweep.js'

/**
 * Removes the addresses that a dead daemon left on this host. Throws a VipdError while one is running.
 * @param config undefined where it cannot be read: addresses with vipd's mark go all the same
 * @returns what was removed
 */
export async function release(config: Config | undefined): Promise<string[]> {
  if (config !== undefined && (await isAnswering(config.admin.socket))) {
    const message = `vipd is running (it answers on ${config.admin.socket}): stop it first, it removes its addresses itself`
    throw new VipdError('ALREADY_RUNNING', message)
  }
  // A process that is about to be started again has left them there on purpose.
  if (config !== undefined && (await isMarked(config.admin.socket, systemClock.now()))) return []
  const unlock = await takeAddressLock()
  if (unlock === undefined) {
    const message = 'vipd is running in this network namespace: stop it first, it removes its addresses itself'
    throw new VipdError('ALREADY_RUNNING', message)
  }
  const ignore = (): void => undefined
  const netlink = new Netlink(addon(), ignore, ignore)
  try {
    await netlink.start()
    return await sweep(netlink, config)
  } finally {
    netlink.stop()
    unlock()
  }
}
