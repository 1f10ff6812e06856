import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nowMs, pause } from '../lab/wait.js'
import { again, type Kind, repeated } from './kind.js'
import { signalAll } from './subject.js'

/** What a machine has too little of: processor time, memory, descriptors, disk; and its clock. */

const CGROUP = '/sys/fs/cgroup'
let groups = 0

/** A control group (version 1) with these limits; `leave` moves what lives back to the top and removes it. */
function group(controller: string, limits: Readonly<Record<string, string>>) {
  const path = join(CGROUP, controller, `vipd-faults-${process.pid}-${groups++}`)
  mkdirSync(path)
  for (const [file, value] of Object.entries(limits)) writeFileSync(join(path, file), value)
  const move = (to: string, pids: readonly (number | string)[]): void => {
    for (const pid of pids) {
      try {
        writeFileSync(join(to, 'cgroup.procs'), String(pid))
      } catch {
        // It has ended meanwhile.
      }
    }
  }
  return {
    enter: (pids: readonly number[]): void => move(path, pids),
    leave: async (): Promise<void> => {
      for (const until = nowMs() + 5000; nowMs() < until; await pause(50)) {
        move(join(CGROUP, controller), readFileSync(join(path, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean))
        try {
          rmdirSync(path)
          return
        } catch {
          // A process that ends is in it still.
        }
      }
    }
  }
}

const prlimit = (pid: number, soft: string): void =>
  void execFileSync('prlimit', ['--pid', String(pid), `--nofile=${soft}:`], { timeout: 5000 })

export const resourceKinds: readonly Kind[] = [
  {
    name: 'a twentieth of a processor',
    hangs: true,
    of: ({ subject }) => {
      const starved = group('cpu', {
        'cpu.cfs_period_us': '100000',
        'cpu.cfs_quota_us': '5000',
        // Real-time threads may not enter a group that has no time for them.
        'cpu.rt_runtime_us': '50000'
      })
      return { begin: () => starved.enter(subject.pids()), end: starved.leave }
    }
  },
  {
    name: 'memory limit: the kernel kills it',
    ends: true,
    hangs: true,
    of: (master) => {
      const small = group('memory', { 'memory.limit_in_bytes': String(512 << 10) })
      const { subject } = master
      // What it has already is the old group's; what it asks for now is too much.
      const asking = repeated(() => subject.reload(), 50)
      return {
        begin: () => {
          small.enter(subject.pids())
          return asking.begin()
        },
        end: async () => {
          await asking.end()
          await small.leave()
          await again(master)()
        }
      }
    }
  },
  {
    name: 'no descriptor is left',
    of: ({ subject }) => {
      const before = new Map<number, string>()
      return {
        begin: () => {
          for (const pid of subject.pids()) {
            const limits = readFileSync(`/proc/${pid}/limits`, 'utf8')
            before.set(pid, /open files\s+(\d+)/.exec(limits)?.[1] ?? '1024')
            // It is a limit of their numbers: what is open stays, and every number that becomes free is over it.
            prlimit(pid, '3')
          }
        },
        end: () => {
          for (const [pid, soft] of before) if (subject.pids().includes(pid)) prlimit(pid, soft)
        }
      }
    }
  },
  {
    name: 'disk full',
    ofVipd: true,
    of: ({ subject }) => {
      const ballast = join(subject.state ?? '', 'ballast')
      return {
        begin: async () => {
          execFileSync('sh', ['-c', 'cat /dev/zero > "$0" 2>/dev/null || true', ballast], { timeout: 10_000 })
          // So that there is something to be written.
          await subject.reload()
        },
        end: () => rmSync(ballast, { force: true })
      }
    }
  },
  ...[3600, -3600].map(
    (seconds): Kind => ({
      name: `the clock jumps an hour ${seconds > 0 ? 'ahead' : 'back'}`,
      ofVipd: true,
      of: ({ subject }) => ({ begin: () => subject.stepClock?.(seconds), end: () => subject.stepClock?.(0) })
    })
  ),
  {
    name: 'SIGSTOP and SIGCONT, ten times a second',
    hangs: true,
    of: ({ subject }) =>
      repeated(async () => {
        signalAll(subject.pids(), 'SIGSTOP')
        await pause(60)
        signalAll(subject.pids(), 'SIGCONT')
      }, 40)
  }
]
