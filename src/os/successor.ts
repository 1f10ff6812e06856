import { type ChildProcess, spawn } from 'node:child_process'
import type { Clock } from '../base/clock.js'
import type { Addon } from './addon.js'
import { Channel } from './channel.js'

/** Where the successor finds its end of the channel: after stdin, stdout and stderr. */
export const SUCCESSOR_FD = 3
const END_MS = 2000

/** A fresh process of this program, and the channel to it. */
export interface Successor {
  readonly pid: number
  readonly channel: Channel
  /** Resolves when it is gone, whatever it was doing. */
  kill(): Promise<void>
  /** It lives by itself from now on. */
  release(): void
}

/**
 * Starts the program that is installed now in another process, with our stdout, stderr and environment. The channel is a pair of
 * sockets that has no name: nobody else can be at the other end.
 * @param argv what follows the program's own name
 * @param notify what the service manager gave us
 */
export function startSuccessor(
  argv: readonly string[],
  notify: NodeJS.ProcessEnv,
  addon: Pick<Addon, 'openPair' | 'sendMessage' | 'receiveMessage' | 'closeDescriptors'>,
  clock: Clock
): Successor {
  const [ours, theirs] = addon.openPair()
  const channel = new Channel(addon, clock, ours)
  let child: ChildProcess
  try {
    child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...argv], {
      env: { ...process.env, ...notify },
      stdio: ['ignore', 'inherit', 'inherit', theirs],
      // It outlives us, also what is sent to our group.
      detached: true
    })
  } finally {
    addon.closeDescriptors([theirs])
  }
  // It could not be started: the channel says so by its silence.
  child.on('error', () => undefined)
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  return {
    pid: child.pid ?? 0,
    channel,
    kill: () => {
      child.kill('SIGKILL')
      return Promise.race([ended, new Promise<void>((resolve) => clock.after(END_MS, resolve))])
    },
    release: () => child.unref()
  }
}
