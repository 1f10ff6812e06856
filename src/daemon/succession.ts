import type { HandOverVerdict } from '../admin/status.js'
import type { Clock } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import type { Log } from '../base/log.js'
import type { Addon } from '../os/addon.js'
import type { FdStore } from '../os/fd-store.js'
import type { HandedPlane } from '../os/plane.js'
import { type Successor, startSuccessor } from '../os/successor.js'
import type { Systemd } from '../os/systemd.js'
import type { Parts } from './build.js'
import { type Estate, INHERITED } from './estate.js'
import { give } from './giving.js'
import { keep } from './keeping.js'
import { leaveMark, markFolder, removeMark } from './mark.js'

/** After everything was handed over: until the service manager has read who is in charge now, and whoever asked for it its answer. */
const LINGER_MS = 1000

export interface SuccessionPorts {
  readonly addon: Addon
  readonly clock: Clock
  readonly log: Log
  readonly systemd: Systemd
  readonly parts: Parts
  readonly estate: () => Omit<Estate, 'places'>
  /** All the rest of the daemon stands still, and gives back what only one process can have. */
  readonly quiet: () => Promise<void>
}

/**
 * A fresh process of the program that is installed now takes over; this one ends a second later. Until it has
 * everything, nothing is given up, and whatever goes wrong this one goes on.
 * @param path of the configuration, which it reads anew
 * @param sessions that live now, for people
 */
export async function succeed(path: string, sessions: number, ports: SuccessionPorts): Promise<HandOverVerdict> {
  const { addon, clock, log, systemd, parts } = ports
  const began = clock.now()
  let successor: Successor
  try {
    successor = startSuccessor(['run', '-c', path, '--take-over'], systemd.environment, addon, clock)
  } catch (error) {
    return { ok: false, error: `the new process cannot be started: ${messageOf(error)}` }
  }
  const { pid } = successor
  log.info({ pid, sessions }, 'handing over to another process')
  const inherited = [...parts.inherited]
    .flatMap(([name, all]) => all.map((descriptor) => ({ name, descriptor })))
    .filter(({ descriptor }) => addon.identityOf(descriptor) !== '')
  const estate = ({ listeners }: HandedPlane): Estate => ({
    ...ports.estate(),
    places: [...listeners.map(({ place }) => place), ...inherited.map(({ name }) => INHERITED + name)]
  })
  const giving = { addon, clock, plane: parts.plane, inherited: inherited.map(({ descriptor }) => descriptor), estate }
  const given = await give(successor, giving, () => letGo(pid, ports))
  if (!given.ok) {
    log.error({ pid, error: given.error }, 'handing over failed')
    return given
  }
  // What it had as descriptors of its own: the sockets live on in the other process.
  parts.plane.stop()
  const tookMs = Math.round(clock.now() - began)
  log.info({ pid, sessions, took_ms: tookMs }, 'handed over')
  clock.after(LINGER_MS, () => process.exit(0))
  return { ok: true, pid, sessions, took_ms: tookMs }
}

/**
 * Sessions, listeners and mastership wait in the service manager's store for the process that it starts next; this one is to end at once.
 * @param socket of the admin: where the service has no folder of its own `vipd release` looks for a word beside it
 * @returns false: it could not be done, and all goes on here
 */
export async function putAway(store: FdStore, socket: string, ports: SuccessionPorts): Promise<boolean> {
  const { addon, clock, log, parts } = ports
  const estate = ({ listeners }: HandedPlane): Estate => ({
    ...ports.estate(),
    places: listeners.map(({ place }) => place)
  })
  const folder = markFolder(process.env, socket)
  try {
    await leaveMark(folder, clock.now())
    const why = await keep({ addon, clock, store, plane: parts.plane, estate })
    if (why !== undefined) throw new Error(why)
  } catch (error) {
    await removeMark(folder).catch(() => undefined)
    log.warn({ error: messageOf(error) }, 'sessions cannot be kept over the restart')
    return false
  }
  await letGo(undefined, ports)
  parts.plane.stop()
  log.info({}, 'sessions and addresses are kept for the process that comes next')
  return true
}

/** Nobody is told anything, and no address is removed. Adverts leave until the very end. */
async function letGo(pid: number | undefined, { systemd, parts, quiet }: SuccessionPorts): Promise<void> {
  const { election, trackers, services, probes, prober, netlink, sender } = parts
  services.leave()
  trackers.stop()
  await quiet()
  probes.close()
  prober.close()
  // Before the other one says that it is ready: the manager listens to the main process alone.
  if (pid !== undefined) systemd.successor(pid)
  await election.leave()
  sender?.close()
  election.close()
  netlink.stop()
}
