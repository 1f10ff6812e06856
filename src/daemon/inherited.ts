import type { Config } from '../config/schema.js'
import { inheritedSockets } from '../os/systemd.js'
import type { InheritedSockets } from '../proxy/listeners.js'
import { ESTATE, SOCKETS } from './keeping.js'
import { inheritedBefore, type Legacy } from './taking.js'

/**
 * The sockets that this process did not open itself: by the service manager's names (socket activation), and as 'fd@N' those
 * that the configuration knows by number. After an upgrade they are the ones of the process before.
 */
export function inheritedOf(config: Pick<Config, 'proxy'>, legacy: Legacy | undefined): InheritedSockets {
  const before: InheritedSockets = legacy === undefined ? new Map() : inheritedBefore(legacy)
  const all = new Map([...inheritedSockets(process.env, process.pid), ...before])
  // Of the store, and used up.
  for (const name of [SOCKETS, ESTATE]) all.delete(name)
  for (const { bind } of config.proxy)
    for (const one of bind)
      if (one.kind === 'fd' && typeof one.fd === 'number') all.set(`fd@${one.fd}`, all.get(`fd@${one.fd}`) ?? [one.fd])
  return all
}
