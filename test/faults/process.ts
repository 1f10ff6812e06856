import type { Child } from '../lab/child.js'
import { freezeThreads } from '../lab/freeze.js'
import { pause } from '../lab/wait.js'
import { again, type Kind, repeated, signalled } from './kind.js'
import { signalAll } from './subject.js'

/** What goes wrong with the program itself, and what an operator does to it. */

function frozen(name: string, threads: RegExp, hangs = false): Kind {
  return {
    name,
    hangs,
    ofVipd: true,
    of: ({ subject }, { lab }) => {
      let freezer: Child | undefined
      return {
        begin: async () => {
          const [pid] = subject.pids()
          // Gone, or about to be: then there is nothing to stop.
          if (pid !== undefined) freezer = await freezeThreads(lab, pid, threads).catch(() => undefined)
        },
        end: async () => void (await freezer?.stop('SIGKILL'))
      }
    }
  }
}

export const processKinds: readonly Kind[] = [
  { ...signalled('kill -9', 'SIGKILL'), hangs: true },
  signalled('SIGTERM', 'SIGTERM'),
  {
    name: 'SIGSTOP',
    hangs: true,
    of: ({ subject }) => ({
      begin: () => signalAll(subject.pids(), 'SIGSTOP'),
      end: () => signalAll(subject.pids(), 'SIGCONT')
    })
  },
  frozen('the data plane stands still', /^vipd-w/),
  frozen('the advert thread stands still', /^vipd-advert/),
  frozen('the main loop stands still', /^(node|MainThread)$/, true),
  { name: 'reloads', of: ({ subject }) => repeated(() => subject.reload(), 250) },
  {
    name: 'restarts',
    ends: true,
    of: (master) =>
      repeated(async () => {
        signalAll(master.subject.pids(), 'SIGTERM')
        await pause(300)
        await again(master)()
      }, 1000)
  },
  {
    name: 'upgrade',
    ends: true,
    ofVipd: true,
    of: (master) => ({ begin: () => master.subject.upgrade?.(), end: again(master) })
  },
  {
    name: 'its server ends',
    of: (master, storm) => ({ begin: () => storm.endEcho(master), end: () => storm.startEcho(master) })
  }
]
