import type { Clock } from '../base/clock.js'
import type { Addon } from './addon.js'
import { Channel } from './channel.js'

/** Where the successor finds its end of the channel: after stdin, stdout and stderr. */
export const SUCCESSOR_FD = 3
const END_MS = 2000
const LOOK_MS = 5

/** A fresh process of this program, and the channel to it. */
export interface Successor {
  readonly pid: number
  readonly channel: Channel
  /** Resolves when it is gone, whatever it was doing; or after two seconds. */
  kill(): Promise<void>
}

/**
 * Starts the program that is installed now in another process, with our stdout, stderr and environment. The channel is a pair of
 * sockets that has no name: nobody else can be at the other end. Its parent is ours, so that a service manager takes it for
 * a main process like any other. Throws when it cannot be started.
 * @param argv what follows the program's own name
 * @param notify what the service manager gave us; undefined is taken out
 */
export function startSuccessor(
  argv: readonly string[],
  notify: NodeJS.ProcessEnv,
  addon: Pick<
    Addon,
    'openPair' | 'sendMessage' | 'receiveMessage' | 'closeDescriptors' | 'closeOnExec' | 'startSuccessor'
  >,
  clock: Clock
): Successor {
  const [ours, theirs] = addon.openPair()
  const environment = Object.entries({ ...process.env, ...notify }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`]
  )
  let pid: number
  try {
    addon.closeOnExec()
    pid = addon.startSuccessor({
      program: process.execPath,
      arguments: [...process.execArgv, process.argv[1] ?? '', ...argv],
      environment,
      descriptor: theirs
    })
  } catch (error) {
    addon.closeDescriptors([ours])
    throw error
  } finally {
    addon.closeDescriptors([theirs])
  }
  return { pid, channel: new Channel(addon, clock, ours), kill: () => kill(pid, clock) }
}

async function kill(pid: number, clock: Clock): Promise<void> {
  const until = clock.now() + END_MS
  try {
    process.kill(pid, 'SIGKILL')
    while (clock.now() < until) {
      // Throws when it is gone.
      process.kill(pid, 0)
      await new Promise<void>((resolve) => {
        clock.after(LOOK_MS, resolve)
      })
    }
  } catch {
    // It is gone.
  }
}
