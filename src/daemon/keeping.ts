import type { Clock } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import { type Addon, DESCRIPTORS_EACH } from '../os/addon.js'
import type { Run } from '../os/exec.js'
import type { FdStore } from '../os/fd-store.js'
import type { HandedPlane, NativeDataPlane } from '../os/plane.js'
import { type Estate, FORMAT } from './estate.js'
import { handOver, takeBack } from './giving.js'

/** Names in the store: the queue of sockets, and the file that says what they are. */
export const SOCKETS = 'vipd-sockets'
export const ESTATE = 'vipd-estate'

/** The queue, and the file that says what is in it. */
const NEEDED = 2
const ASK_MS = 3000
const KEEP_MS = 3000

/**
 * Sockets wait in the queue of one socket, in their order, and that one is in the store: the manager compares each
 * descriptor that it gets with all that it has, which for a thousand sessions takes seconds.
 */
export interface Kept {
  readonly format: number
  readonly sessionsFormat: number
  /** Monotonic: of one boot. */
  readonly atMs: number
  readonly estate: Estate
  /** So many wait: of listeners, then of sessions. */
  readonly sockets: number
  readonly sessionBytes: number
}

export interface KeepingPorts {
  readonly addon: Pick<Addon, 'closeDescriptors' | 'handoverFormat' | 'memoryFile' | 'openPair' | 'sendMessage'>
  readonly clock: Clock
  readonly store: Pick<FdStore, 'capacity' | 'put' | 'settled' | 'remove'>
  readonly plane: Pick<NativeDataPlane, 'handOver' | 'adopt'>
  readonly estate: (handed: HandedPlane) => Estate
}

/** Whether the service manager stops this unit to start it again at once: then what is put into its store comes back. */
export async function isRestarting(cgroup: string, run: Run): Promise<boolean> {
  const unit = /([A-Za-z0-9@_.\\-]+\.service)\s*$/m.exec(cgroup)?.[1]
  if (unit === undefined) return false
  const asked = await run(['systemctl', 'list-jobs', '--plain', '--no-legend', '--no-pager', unit], {
    timeoutMs: ASK_MS
  })
  return (
    asked.ok && asked.output.split('\n').some((line) => line.split(/\s+/).includes(unit) && /\brestart\b/.test(line))
  )
}

/**
 * Puts everything into the store, for the process that comes next. Where that fails, sessions and listeners are taken
 * back, and the store is empty again. @returns why it failed
 */
export async function keep(ports: KeepingPorts): Promise<string | undefined> {
  const { addon, clock, store } = ports
  const until = clock.now() + KEEP_MS
  // Before anything stands still: without a descriptor left it throws, and nothing has happened.
  const [into, queue] = addon.openPair()
  const handed = await handOver(ports)
  const descriptors = [...handed.listeners.map(({ descriptor }) => descriptor), ...handed.descriptors]
  try {
    if (store.capacity < NEEDED) throw new Error(`FileDescriptorStoreMax= is less than ${NEEDED}`)
    const kept: Kept = {
      format: FORMAT,
      sessionsFormat: addon.handoverFormat,
      atMs: clock.now(),
      estate: ports.estate(handed),
      sockets: descriptors.length,
      sessionBytes: handed.sessions.length
    }
    const file = addon.memoryFile(Buffer.concat([Buffer.from(`${JSON.stringify(kept)}\n`), handed.sessions]))
    for (let at = 0; at < descriptors.length; at += DESCRIPTORS_EACH)
      if (!addon.sendMessage(into, Buffer.from('s'), descriptors.slice(at, at + DESCRIPTORS_EACH)))
        throw new Error(`${descriptors.length} sockets do not fit into a queue (net.core.wmem_default)`)
    await store.put(SOCKETS, [queue], until)
    await store.put(ESTATE, [file], until)
    await store.settled(until)
    addon.closeDescriptors([into, queue, file, ...descriptors])
    return undefined
  } catch (error) {
    for (const name of [SOCKETS, ESTATE]) await store.remove(name, until).catch(() => undefined)
    addon.closeDescriptors([into, queue])
    takeBack(handed, ports)
    return messageOf(error)
  }
}
