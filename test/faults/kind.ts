import type { Fault } from '../lab/faults.js'
import { pause } from '../lab/wait.js'
import type { Master, Storm } from './storm.js'
import { signalAll } from './subject.js'

/** What can go wrong with a master. */
export interface Kind {
  readonly name: string
  /** The process ends by it: not for a master whose process shall live. */
  readonly ends?: boolean
  /** While it lasts two masters cannot but both believe to be master. */
  readonly parts?: boolean
  /** While it lasts the master may hang or be dead, and has the address until its lease ends. */
  readonly hangs?: boolean
  /** Of vipd alone: of a thread, a clock or a way of its own. */
  readonly ofVipd?: boolean
  of(master: Master, storm: Storm): Fault
}

/** A service manager's part: what is gone is started again. */
export const again = (master: Master) => (): Promise<void> => master.subject.start()
export const nothing = (): void => undefined

/** A signal to all of it; who ended is started again afterwards. */
export function signalled(name: string, signal: NodeJS.Signals): Kind {
  return {
    name,
    ends: true,
    of: (master) => ({ begin: () => signalAll(master.subject.pids(), signal), end: again(master) })
  }
}

/** Something that is done over and over while the fault lasts. */
export function repeated(what: () => Promise<void> | void, everyMs: number): Fault {
  let isOver = false
  let running: Promise<void> = Promise.resolve()
  const run = async (): Promise<void> => {
    while (!isOver) {
      await what()
      await pause(everyMs)
    }
  }
  return {
    begin: () => {
      running = run()
    },
    end: async () => {
      isOver = true
      await running
    }
  }
}
