import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { systemClock } from '../../../src/base/clock.js'
import type { TrackProcessConfig } from '../../../src/config/track-schema.js'
import { ProcessTracker } from '../../../src/track/process.js'
import { type ProcessName, ProcessScanner, type Wish } from '../../../src/track/process-scanner.js'
import type { Head } from '../../../src/track/read-head.js'
import { ManualClock } from '../../fakes/manual-clock.js'
import { MemoryLog } from '../../fakes/memory-log.js'

/** A /proc of our own. */
class FakeProc {
  readonly clock = new ManualClock()
  readonly log = new MemoryLog(this.clock.now)
  readonly processes = new Map<number, { comm: string; args?: string[]; state?: string }>()
  /** What was read since the last look at it. */
  reads: string[] = []
  lists = 0
  failure: Error | undefined
  readonly scanner: ProcessScanner

  constructor() {
    this.processes.set(1, { comm: 'systemd', args: ['/sbin/init'] })
    this.scanner = new ProcessScanner({
      clock: this.clock,
      log: this.log,
      list: () => this.list(),
      read: async (path) => this.read(path)
    })
  }

  list: () => Promise<string[]> = async () => {
    this.lists++
    if (this.failure !== undefined) throw this.failure
    return ['self', 'uptime', ...[...this.processes.keys()].map(String), '99999']
  }

  read(path: string): Head {
    this.reads.push(path)
    const [, pid, file] = /^\/proc\/(\d+)\/(stat|cmdline)$/.exec(path) ?? []
    const process = this.processes.get(Number(pid))
    if (process === undefined) return { ok: false, errno: 'ENOENT' }
    if (file === 'stat') return head(`${pid} (${process.comm}) ${process.state ?? 'S'} 1 1 1 0`)
    return head((process.args ?? []).map((word) => `${word}\0`).join(''))
  }

  /** Counts by a name of the kernel. */
  count(comm: string): { counts: number[]; blind: boolean[]; cancel(): void } {
    const counts: number[] = []
    const blind: boolean[] = []
    const wish: Wish = {
      isWanted: (name) => name.comm === comm,
      onCount: (count, isBlind) => {
        counts.push(count)
        blind.push(isBlind)
      }
    }
    return { counts, blind, ...this.scanner.count(wish) }
  }
}
const head = (text: string): Head => ({ ok: true, bytes: Buffer.from(text) })

t.test('the scanner', async (t) => {
  t.test('counts what runs, at once and each second', async (t) => {
    const proc = new FakeProc()
    proc.processes.set(7, { comm: 'nginx' })
    const { counts, blind, cancel } = proc.count('nginx')
    await proc.clock.advance(0)
    t.strictSame(counts, [1])
    proc.processes.set(8, { comm: 'nginx' })
    await proc.clock.advance(1000)
    proc.processes.delete(7)
    await proc.clock.advance(1000)
    t.strictSame(counts, [1, 2, 1])
    t.strictSame(blind, [false, false, false])
    cancel()
    await proc.clock.advance(5000)
    t.strictSame([counts.length, proc.lists, proc.clock.pending], [3, 3, 0])
  })

  t.test('does not count zombies', async (t) => {
    const proc = new FakeProc()
    proc.processes.set(7, { comm: 'nginx' })
    const { counts, cancel } = proc.count('nginx')
    await proc.clock.advance(20_000)
    proc.processes.set(7, { comm: 'nginx', state: 'Z' })
    await proc.clock.advance(1000)
    t.strictSame(counts.slice(-2), [1, 0])
    cancel()
  })

  t.test('reads a name with blanks and brackets', async (t) => {
    const proc = new FakeProc()
    proc.processes.set(7, { comm: 'a) Z (b' })
    const { counts, cancel } = proc.count('a) Z (b')
    await proc.clock.advance(0)
    t.strictSame(counts, [1])
    cancel()
  })

  t.test('looks once for all that count', async (t) => {
    const proc = new FakeProc()
    proc.processes.set(7, { comm: 'nginx' })
    const first = proc.count('nginx')
    const second = proc.count('systemd')
    await proc.clock.advance(0)
    t.strictSame([proc.lists, first.counts, second.counts], [1, [1], [1]])
    first.cancel()
    await proc.clock.advance(1000)
    t.strictSame([proc.lists, first.counts.length, second.counts.length], [2, 1, 2])
    second.cancel()
  })

  t.test('looks at what is long known for one that comes later', async (t) => {
    const proc = new FakeProc()
    for (let pid = 10; pid < 20; pid++) proc.processes.set(pid, { comm: 'nginx' })
    const first = proc.count('systemd')
    await proc.clock.advance(10_500)
    const late = proc.count('nginx')
    await proc.clock.advance(0)
    t.strictSame(late.counts, [10])
    first.cancel()
    late.cancel()
  })

  t.test('tells one that comes during a scan nothing that it did not look for', async (t) => {
    const proc = new FakeProc()
    proc.processes.set(7, { comm: 'nginx' })
    const list = proc.list
    let late: ReturnType<FakeProc['count']> | undefined
    proc.list = async () => {
      late ??= proc.count('nginx')
      return list()
    }
    const first = proc.count('systemd')
    await proc.clock.advance(0)
    t.strictSame(late?.counts, [1], 'and looks for it at once')
    t.strictSame(first.counts, [1, 1])
    first.cancel()
    late?.cancel()
  })

  t.test('reads one that is long known only now and then, and one that counts each time', async (t) => {
    const proc = new FakeProc()
    proc.processes.set(7, { comm: 'nginx' })
    const { cancel } = proc.count('nginx')
    await proc.clock.advance(10_000)
    proc.reads = []
    await proc.clock.advance(10_000)
    const readsOf = (pid: number): number => proc.reads.filter((path) => path === `/proc/${pid}/stat`).length
    t.strictSame([readsOf(1), readsOf(7)], [1, 10])
    cancel()
  })

  t.test('sees what a forked process becomes at once, what an old one becomes within ten seconds', async (t) => {
    const proc = new FakeProc()
    const { counts, cancel } = proc.count('nginx')
    await proc.clock.advance(10_000)
    const pids = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]
    for (const pid of pids) proc.processes.set(pid, { comm: 'sh' })
    await proc.clock.advance(1000)
    for (const pid of pids) proc.processes.set(pid, { comm: 'nginx' })
    await proc.clock.advance(1000)
    t.equal(counts.at(-1), 10)
    proc.processes.set(1, { comm: 'nginx' })
    await proc.clock.advance(10_000)
    t.equal(counts.at(-1), 11)
    cancel()
  })

  t.test('says when the processes of others are hidden', async (t) => {
    const proc = new FakeProc()
    proc.processes.delete(1)
    const { blind, cancel } = proc.count('nginx')
    await proc.clock.advance(0)
    t.strictSame(blind, [true])
    cancel()
  })

  t.test('counts nothing when /proc cannot be read, says so once a minute, and goes on', async (t) => {
    const proc = new FakeProc()
    proc.failure = new Error('EMFILE')
    const { counts, cancel } = proc.count('systemd')
    await proc.clock.advance(5000)
    t.strictSame(counts, [])
    t.match(proc.log.lines, [{ level: 'warn', message: 'cannot look through /proc', facts: { error: 'EMFILE' } }])
    t.equal(proc.log.lines.length, 1)
    proc.failure = undefined
    await proc.clock.advance(1000)
    t.strictSame(counts, [1])
    cancel()
  })

  t.test('never looks twice at once, and says when a look does not end', async (t) => {
    const proc = new FakeProc()
    let finish: (names: string[]) => void = () => undefined
    proc.list = () => {
      proc.lists++
      return new Promise((resolve) => {
        finish = resolve
      })
    }
    const { counts, cancel } = proc.count('systemd')
    await proc.clock.advance(60_000)
    proc.count('other').cancel()
    await proc.clock.advance(1000)
    t.equal(proc.lists, 1)
    t.match(proc.log.lines, [{ level: 'warn', message: 'a look through /proc does not end' }])
    t.equal(proc.log.lines.length, 1)
    finish(['1'])
    await proc.clock.advance(0)
    t.strictSame([counts, proc.lists], [[1], 2])
    cancel()
    finish(['1'])
    await proc.clock.advance(5000)
    t.strictSame([counts, proc.lists, proc.clock.pending], [[1], 2, 0])
  })

  t.test('looks at 32768 processes at most, eight at a time', async (t) => {
    const proc = new FakeProc()
    let atOnce = 0
    let most = 0
    const read = proc.read.bind(proc)
    const scanner = new ProcessScanner({
      clock: proc.clock,
      log: proc.log,
      list: async () => Array.from({ length: 40_000 }, (_, index) => `${index + 1}`),
      read: async (path) => {
        if (path.endsWith('stat')) most = Math.max(most, ++atOnce)
        await Promise.resolve()
        if (path.endsWith('stat')) atOnce--
        return path === '/proc/1/stat' ? read(path) : head(`2 (x) S`)
      }
    })
    const counted = new Promise<number>((resolve) => {
      const counting = scanner.count({
        isWanted: ({ comm }) => comm === 'x',
        onCount: (count) => {
          counting.cancel()
          resolve(count)
        }
      })
    })
    await proc.clock.advance(0)
    t.strictSame([await counted, most], [32_767, 8])
  })
})

const CONFIG: TrackProcessConfig = {
  name: 'web',
  process: 'nginx',
  fullCommand: false,
  quorum: 1,
  quorumMax: null,
  weight: 0,
  delayMs: 0
}

/** A tracker whose counts are given by hand. */
function setUp(config: Partial<TrackProcessConfig> = {}) {
  const clock = new ManualClock()
  const log = new MemoryLog(clock.now)
  const changes: string[] = []
  let wish: Wish | undefined
  let cancelled = 0
  let started = 0
  const tracker: ProcessTracker = new ProcessTracker(
    { ...CONFIG, ...config },
    {
      clock,
      log,
      onChange: () => changes.push(tracker.level.state),
      scanner: {
        count: (one) => {
          wish = one
          started++
          return { cancel: () => cancelled++ }
        }
      }
    }
  )
  tracker.start()
  tracker.start()
  return {
    clock,
    log,
    tracker,
    changes,
    count: (count: number, isBlind = false) => wish?.onCount(count, isBlind),
    isWanted: (name: ProcessName) => wish?.isWanted(name) ?? false,
    cancelled: () => cancelled,
    started: () => started
  }
}

t.test('which processes are meant', async (t) => {
  const wanted = (config: Partial<TrackProcessConfig>, comm: string, ...args: string[]): boolean =>
    setUp(config).isWanted({ comm, args })
  t.ok(wanted({ process: 'nginx' }, 'nginx', 'nginx: master process /usr/sbin/nginx'))
  t.ok(wanted({ process: '/usr/sbin/nginx -g x' }, 'nginx', 'anything'))
  t.ok(wanted({ process: 'nginx' }, 'other', '/usr/sbin/nginx', '-g'))
  t.notOk(wanted({ process: 'nginx' }, 'nginxd', '/usr/sbin/nginxd', 'nginx'))
  t.notOk(wanted({ process: 'nginx' }, 'kworker'))
  t.ok(wanted({ process: 'kube-controller-manager' }, 'kube-controller', '/pause'), 'the kernel keeps 15 bytes')
  t.notOk(wanted({ process: 'kube-controller-manager' }, 'kube-controlle', 'kube-controller-m'))
  const full = { process: '/bin/a  -b c', fullCommand: true }
  t.ok(wanted(full, 'x', '/bin/a', '-b', 'c'))
  t.notOk(wanted(full, 'a', '/bin/a', '-b'))
  t.notOk(wanted(full, 'a', '/bin/a', '-b', 'c', 'd'))
  t.notOk(wanted(full, 'a', 'a', '-b', 'c'))
})

t.test('up and down', async (t) => {
  t.test('it is init until they were counted, then at once what the count says', async (t) => {
    const up = setUp({ delayMs: 5000 })
    t.match(up.tracker.level, { state: 'init', value: 0, detail: 'has not been counted yet' })
    up.count(1)
    t.match(up.tracker.level, { state: 'up', value: 0, detail: '1 run, wanted 1 or more' })
    const down = setUp({ delayMs: 5000 })
    down.count(0)
    t.match(down.tracker.level, { state: 'down', detail: '0 run, wanted 1 or more' })
    t.strictSame([up.changes, down.changes], [['up'], ['down']])
  })

  t.test('it is up from quorum to quorum_max', async (t) => {
    const { tracker, count } = setUp({ quorum: 2, quorumMax: 3 })
    const states = [1, 2, 3, 4].map((one) => {
      count(one)
      return tracker.level.state
    })
    t.strictSame(states, ['down', 'up', 'up', 'down'])
    t.equal(tracker.level.detail, '4 run, wanted 2 to 3')
    const none = setUp({ quorum: 0, quorumMax: 0 })
    none.count(0)
    t.equal(none.tracker.level.state, 'up', 'that none runs can be wanted too')
  })

  t.test('a change counts when it has lasted for the delay', async (t) => {
    const { tracker, count, clock, changes } = setUp({ delayMs: 2500 })
    count(1)
    count(0)
    await clock.advance(2400)
    count(0)
    t.equal(tracker.level.state, 'up')
    await clock.advance(99)
    t.equal(tracker.level.state, 'up')
    await clock.advance(1)
    t.match(tracker.level, { state: 'down', detail: '0 run, wanted 1 or more' })
    t.strictSame(changes, ['up', 'down'])
  })

  t.test('a change that goes back within the delay never was', async (t) => {
    const { tracker, count, clock, changes } = setUp({ delayMs: 2500 })
    count(1)
    count(0)
    await clock.advance(2000)
    count(0)
    count(2)
    count(0)
    await clock.advance(2000)
    t.equal(tracker.level.state, 'up', 'and the delay starts anew')
    count(1)
    await clock.advance(10_000)
    t.strictSame([changes, clock.pending], [['up'], 0])
  })

  t.test('the detail follows the count without a change', async (t) => {
    const { tracker, count, changes } = setUp()
    count(1)
    count(2)
    t.equal(tracker.level.detail, '2 run, wanted 1 or more')
    t.equal(changes.length, 1)
  })

  t.test('that others are hidden is said with the count', async (t) => {
    const { tracker, count } = setUp()
    count(0, true)
    t.match(tracker.level.detail, /hidden \(ProtectProc=, hidepid=\)$/)
  })

  t.test('the log is told of flips alone', async (t) => {
    const { count, log } = setUp()
    for (const one of [1, 1, 0, 0]) count(one)
    t.match(log.lines, [
      { level: 'info', message: 'process is up', facts: { trackProcess: 'web', from: 'init', to: 'up' } },
      {
        level: 'warn',
        message: 'process is down',
        facts: { from: 'up', to: 'down', detail: '0 run, wanted 1 or more' }
      }
    ])
    t.equal(log.lines.length, 2)
  })

  t.test('stopped, it counts no more and nothing is left to happen', async (t) => {
    const { tracker, count, clock, changes, cancelled, started } = setUp({ delayMs: 1000 })
    t.equal(started(), 1, 'though it was started twice')
    count(1)
    count(0)
    tracker.stop()
    await clock.advance(5000)
    t.strictSame([changes, cancelled(), clock.pending], [['up'], 1, 0])
  })
})

t.test('over the real /proc', async (t) => {
  const seen = (config: Partial<TrackProcessConfig>, state: 'up' | 'down'): Promise<string> =>
    new Promise((resolve) => {
      const scanner = new ProcessScanner({ clock: systemClock, log: new MemoryLog() })
      const tracker: ProcessTracker = new ProcessTracker(
        { ...CONFIG, ...config },
        {
          clock: systemClock,
          log: new MemoryLog(),
          scanner,
          onChange: () => {
            if (tracker.level.state !== state) return
            tracker.stop()
            resolve(tracker.level.detail)
          }
        }
      )
      tracker.start()
    })
  const child = spawn('/bin/sleep', ['31415926'], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  t.teardown(() => child.kill('SIGKILL'))
  await once(child, 'spawn')
  const full = { process: '/bin/sleep 31415926', fullCommand: true }
  t.equal(await seen(full, 'up'), '1 run, wanted 1 or more')
  t.match(await seen({ process: 'sleep' }, 'up'), /^\d+ run, wanted 1 or more$/)
  const down = seen(full, 'down')
  child.kill('SIGKILL')
  await ended
  t.equal(await down, '0 run, wanted 1 or more')
})
