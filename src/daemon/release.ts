import { isAnswering } from '../admin/answering.js'
import { systemClock } from '../base/clock.js'
import { VipdError } from '../base/errors.js'
import type { Config } from '../config/schema.js'
import { addon } from '../os/addon.js'
import { Netlink } from '../os/netlink.js'
import { takeAddressLock } from './lock.js'
import { isMarked, markFolder, runtimeFolder } from './mark.js'
import { sweep } from './sweep.js'

/**
 * Removes the addresses that a dead daemon left on this host. Throws a VipdError while one is running.
 * @param config undefined where it cannot be read: addresses with vipd's mark go all the same
 * @returns what was removed
 */
export async function release(config: Config | undefined, environment: NodeJS.ProcessEnv): Promise<string[]> {
  const socket = config?.admin.socket
  if (socket !== undefined && (await isAnswering(socket))) {
    const message = `vipd is running (it answers on ${socket}): stop it first, it removes its addresses itself`
    throw new VipdError('ALREADY_RUNNING', message)
  }
  const folder = socket === undefined ? runtimeFolder(environment) : markFolder(environment, socket)
  return sweepUnlessMarked(folder, config)
}

/**
 * Removes the addresses that carry vipd's mark, and looks at no configuration: reading one takes longer than all the rest,
 * and the service manager waits for it before it starts the daemon again.
 * @param kernel its release, '6.1.0-18-amd64'
 * @returns what was removed; undefined, and nothing is done: the mark alone does not tell here, use `release`
 */
export async function releaseMarked(environment: NodeJS.ProcessEnv, kernel: string): Promise<string[] | undefined> {
  const folder = runtimeFolder(environment)
  if (folder === undefined || !keepsMarks(kernel)) return undefined
  return sweepUnlessMarked(folder, undefined)
}

/** IFA_PROTO came with Linux 5.18. */
export function keepsMarks(kernel: string): boolean {
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10))
  return major > 5 || (major === 5 && minor >= 18)
}

/** @param folder where a process that is about to be started again says that it has left the addresses there on purpose */
async function sweepUnlessMarked(folder: string | undefined, config: Config | undefined): Promise<string[]> {
  if (folder !== undefined && (await isMarked(folder, systemClock.now()))) return []
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
