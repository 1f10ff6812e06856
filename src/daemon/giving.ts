import type { Clock } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import type { Addon } from '../os/addon.js'
import type { HandedPlane, NativeDataPlane } from '../os/plane.js'
import type { Successor } from '../os/successor.js'
import { type Estate, FORMAT, type Ready, wordOf } from './estate.js'

export interface GivingPorts {
  readonly addon: Pick<Addon, 'closeDescriptors' | 'handoverFormat'>
  readonly clock: Pick<Clock, 'now' | 'after'>
  readonly plane: Pick<NativeDataPlane, 'handOver' | 'adopt'>
  /** What came from the service manager: it goes along, and stays open here. */
  readonly inherited: readonly number[]
  /** What is left besides sockets, as it is at that moment. */
  readonly estate: (handed: HandedPlane) => Estate
}

export type Given = { readonly ok: true } | { readonly ok: false; readonly error: string }

/** A process that starts loads Node.js, the configuration and the addon. */
const READY_MS = 15_000
/** From the moment when sessions stand still: longer than that they do not for anybody's sake. */
const STILL_MS = 3000

/**
 * Gives everything to a successor. Until the very last word (`go`) nothing is lost: whatever fails, the successor is
 * ended, and sessions and listeners are taken back. After it, the caller has nothing any more, and goes.
 *
 * | successor | we |
 * |---|---|
 * | `ready`: it can, and in which format | |
 * | | sessions stand still; `estate`, then its bytes, listeners and sessions |
 * | `have`: all of it is there, untouched | |
 * | | `letGo()`, then `go` |
 * | it goes on | |
 *
 * @param letGo gives back what only one can have; must not reject: nobody could go on then
 */
export async function give(successor: Successor, ports: GivingPorts, letGo: () => Promise<void>): Promise<Given> {
  const { addon } = ports
  const { channel } = successor
  let handed: HandedPlane | undefined
  try {
    const ready = await channel.next(READY_MS)
    const word = ready.kind === 'json' ? (wordOf(ready.value, 'ready') as Ready | undefined) : undefined
    if (word === undefined) throw new Error('it is no vipd that can take over')
    if (word.format !== FORMAT || word.sessions !== addon.handoverFormat) {
      const theirs = `${word.format}.${word.sessions}`
      throw new Error(
        `version ${word.version} takes over by format ${theirs}, and ours is ${FORMAT}.${addon.handoverFormat}`
      )
    }
    handed = await handOver(ports)
    const until = ports.clock.now() + STILL_MS
    const leftMs = (): number => Math.max(0, until - ports.clock.now())
    const estate = Buffer.from(JSON.stringify(ports.estate(handed)))
    const listeners = handed.listeners.map(({ descriptor }) => descriptor)
    const descriptors = [...listeners, ...ports.inherited, ...handed.descriptors]
    const sizes = { estateBytes: estate.length, sessionBytes: handed.sessions.length, descriptors: descriptors.length }
    await channel.tell({ type: 'estate', ...sizes }, leftMs())
    await channel.pour(Buffer.concat([estate, handed.sessions]), descriptors, leftMs())
    const have = await channel.next(leftMs())
    if (have.kind !== 'json' || wordOf(have.value, 'have') === undefined) throw new Error('it did not get everything')
  } catch (error) {
    await successor.kill()
    channel.close()
    if (handed !== undefined) takeBack(handed, ports)
    return { ok: false, error: `the new process did not take over, and this one goes on: ${messageOf(error)}` }
  }
  await letGo()
  // From here on everything is the successor's. Should it be gone, so is everything: as if we had crashed now.
  await channel.tell({ type: 'go' }, STILL_MS).catch(() => undefined)
  addon.closeDescriptors([...handed.listeners.map(({ descriptor }) => descriptor), ...handed.descriptors])
  return { ok: true }
}

/** Sessions stand still from when this resolves. Rejects where the data plane does not answer: should it do so later, all is taken back. */
export function handOver({ plane, clock, addon }: Omit<GivingPorts, 'estate' | 'inherited'>): Promise<HandedPlane> {
  return new Promise((resolve, reject) => {
    let isLate = false
    const timer = clock.after(STILL_MS, () => {
      isLate = true
      reject(new Error('the data plane does not answer'))
    })
    plane.handOver((handed) => {
      timer.cancel()
      if (isLate) takeBack(handed, { addon, plane })
      else resolve(handed)
    })
  })
}

/** As if nothing had been. */
export function takeBack(handed: HandedPlane, { addon, plane }: Pick<GivingPorts, 'addon' | 'plane'>): void {
  addon.closeDescriptors(handed.listeners.map(({ descriptor }) => descriptor))
  plane.adopt(handed.sessions, handed.descriptors)
}
