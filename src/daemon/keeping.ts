import type { Clock } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import type { Addon } from '../os/addon.js'
import type { Run } from '../os/exec.js'
import type { FdStore } from '../os/fd-store.js'
import type { HandedPlane, NativeDataPlane } from '../os/plane.js'
import { type Estate, FORMAT } from './estate.js'
import { handOver, takeBack } from './giving.js'

/** Names in the store: sockets, and the file that says what they are. */
export const SOCKETS = 'vipd-sockets'
export const ESTATE = 'vipd-estate'

const ASK_MS = 3000
const KEEP_MS = 3000

/** Sockets are told apart by what they are: the store keeps no order. */
export interface Kept {
  readonly format: number
  readonly sessionsFormat: number
  /** Monotonic: of one boot. */
  readonly atMs: number
  readonly estate: Estate
  /** Of listeners, then of sessions. */
  readonly identities: readonly string[]
  readonly sessionBytes: number
}

export interface KeepingPorts {
  readonly addon: Pick<Addon, 'closeDescriptors' | 'handoverFormat' | 'identityOf' | 'memoryFile'>
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
  const handed = await handOver(ports)
  const descriptors = [...handed.listeners.map(({ descriptor }) => descriptor), ...handed.descriptors]
  try {
    if (descriptors.length + 1 > store.capacity)
      throw new Error(`${descriptors.length} sockets do not fit into the store (FileDescriptorStoreMax=)`)
    const kept: Kept = {
      format: FORMAT,
      sessionsFormat: addon.handoverFormat,
      atMs: clock.now(),
      estate: ports.estate(handed),
      identities: descriptors.map((one) => addon.identityOf(one)),
      sessionBytes: handed.sessions.length
    }
    const file = addon.memoryFile(Buffer.concat([Buffer.from(`${JSON.stringify(kept)}\n`), handed.sessions]))
    await store.put(SOCKETS, descriptors, until)
    await store.put(ESTATE, [file], until)
    await store.settled(until)
    addon.closeDescriptors([file, ...descriptors])
    return undefined
  } catch (error) {
    for (const name of [SOCKETS, ESTATE]) await store.remove(name, until).catch(() => undefined)
    takeBack(handed, ports)
    return messageOf(error)
  }
}
