import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parseDuration } from '../../src/base/duration.js'
import { EXIT } from '../../src/cli/exit.js'
import { configSchema } from '../../src/config/schema.js'
import { descriptorsFor } from '../../src/proxy/descriptors.js'
import { leaseSeconds } from '../../src/vrrp/timing.js'

const folder = fileURLToPath(new URL('../../../systemd/', import.meta.url))
const unitFile = join(folder, 'vipd.service')
const text = readFileSync(unitFile, 'utf8')
const lines = text
  .split('\n')
  .filter((line) => /^[A-Z]/.test(line))
  .map((line): [key: string, value: string] => {
    const at = line.indexOf('=')
    return [line.slice(0, at), line.slice(at + 1)]
  })

/** Every value of a key, in the order of the file. */
const all = (key: string): string[] => lines.filter(([name]) => name === key).map(([, value]) => value)
const one = (key: string): string => {
  const [value, ...more] = all(key)
  if (value === undefined || more.length > 0) throw new Error(`${key} stands ${all(key).length} times, not once`)
  return value
}
const words = (key: string): string[] => all(key).flatMap((value) => value.split(/\s+/))
const ms = (key: string): number => parseDuration(one(key), 's') ?? Number.NaN

const config = configSchema.parse({})

/** The most that `nbthread` may be: each worker has descriptors of its own. */
const MOST_THREADS = 64

/**
 * System calls that the program was seen to make (strace -f, Node 20 on Debian 12, splice included). With
 * SystemCallErrorNumber=EPERM a call that is missing from the filter does not kill it: it makes it fail later.
 */
const CALLS = `accept4 access arch_prctl bind brk capget chmod clone3 close close_range connect epoll_create1 epoll_ctl
  epoll_pwait epoll_wait eventfd2 execve exit exit_group fcntl fstat fstatfs fsync futex getcwd getdents64 getegid geteuid
  getgid getpid getrandom getsockname getsockopt gettid getuid ioctl listen lseek madvise mkdir mmap mprotect munmap
  newfstatat openat pipe2 prctl pread64 prlimit64 read readlink readlinkat recvfrom recvmsg rseq rt_sigaction rt_sigprocmask
  rt_sigreturn sched_getaffinity sendmsg sendto set_robust_list set_tid_address setsockopt shutdown socket splice statx
  sysinfo uname unlink write writev`.split(/\s+/)

const tool = spawnSync('systemd-analyze', ['--version'], { encoding: 'utf8' })
const skip = tool.status === 0 ? false : 'systemd-analyze is not installed: apt-get install systemd'

function analyze(...args: string[]): { status: number | null; said: string } {
  const env = { ...process.env, SYSTEMD_PAGER: '', SYSTEMD_COLORS: '0' }
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8', env, timeout: 30_000 })
  return { status, said: `${stdout}${stderr}` }
}

/** The system calls of a filter set as this systemd knows it. */
function callsOf(set: string): Set<string> {
  const found = new Set<string>()
  for (const line of analyze('syscall-filter', set).said.split('\n').slice(1)) {
    const name = line.trim()
    if (name.startsWith('@')) for (const call of callsOf(name)) found.add(call)
    else if (/^[a-z]/.test(name)) found.add(name)
  }
  return found
}

t.test('systemd-analyze gives the unit an exposure of at most 2.5', { skip }, async (t) => {
  const { said } = analyze('security', '--offline=true', '--no-pager', unitFile)
  const exposure = /Overall exposure level for vipd\.service: (\d+\.\d+)/.exec(said)?.[1]
  t.ok(exposure !== undefined && Number(exposure) <= 2.5, `exposure ${exposure ?? `unknown: ${said}`}`)
})

t.test('systemd finds nothing wrong with the unit', { skip }, async (t) => {
  const scratch = mkdtempSync(join(tmpdir(), 'vipd-unit-'))
  t.teardown(() => rmSync(scratch, { recursive: true, force: true }))
  // verify wants the program where the unit says it is; here it is not installed.
  const copy = join(scratch, 'vipd.service')
  writeFileSync(copy, text.replaceAll('/usr/bin/vipd', process.execPath))
  const { status, said } = analyze('verify', '--man=no', copy)
  t.equal(status, 0, said)
  t.strictSame(
    said.split('\n').filter((line) => line.includes('vipd')),
    []
  )
})

t.test('the filter lets through every system call that the program makes', { skip }, async (t) => {
  const allowed = callsOf('@default')
  for (const value of all('SystemCallFilter')) {
    const isDenied = value.startsWith('~')
    for (const call of value
      .replace('~', '')
      .split(/\s+/)
      .flatMap((set) => [...callsOf(set)])) {
      if (isDenied) allowed.delete(call)
      else allowed.add(call)
    }
  }
  t.strictSame(
    CALLS.filter((call) => !allowed.has(call)),
    []
  )
})

t.test('two services of 20000 sessions fit into LimitNOFILE, however many threads', async (t) => {
  t.ok(Number(one('LimitNOFILE')) >= descriptorsFor(20_000, MOST_THREADS))
  t.ok(Number(one('LimitNOFILE')) >= descriptorsFor(40_000, MOST_THREADS))
})

t.test('the daemon gets the capabilities that it asks for, and no other', async (t) => {
  const wanted = ['CAP_NET_ADMIN', 'CAP_NET_RAW']
  t.strictSame(words('AmbientCapabilities'), wanted)
  t.strictSame(words('CapabilityBoundingSet'), wanted)
  t.strictSame(words('RestrictAddressFamilies'), ['AF_INET', 'AF_INET6', 'AF_NETLINK', 'AF_PACKET', 'AF_UNIX'])
})

t.test('V8 may compile at run time', async (t) => t.strictSame(all('MemoryDenyWriteExecute'), []))

t.test('the admin socket lies in the folder that systemd makes', async (t) => {
  t.equal(dirname(config.admin.socket), `/run/${one('RuntimeDirectory')}`)
})

t.test('the unit calls commands that exist, with the configuration that the documentation names', async (t) => {
  const file = '/etc/vipd/vipd.yaml'
  t.equal(one('ExecStart'), `/usr/bin/vipd run -c ${file}`)
  t.equal(one('ExecReload'), '/usr/bin/vipd reload')
  t.equal(one('ExecStopPost'), `/usr/bin/vipd release --marked -c ${file}`)
  const { runCommand } = await import('../../src/cli/run.js')
  const { reloadCommand } = await import('../../src/cli/reload.js')
  const { releaseCommand } = await import('../../src/cli/release.js')
  t.strictSame([runCommand.command, reloadCommand.command, releaseCommand.command], ['run', 'reload', 'release'])
})

t.test('a wrong configuration does not start again and again, everything else does', async (t) => {
  t.equal(one('Restart'), 'always')
  t.equal(Number(one('RestartPreventExitStatus')), EXIT.usage)
  t.equal(one('StartLimitIntervalSec'), '0')
})

t.test('systemd waits for what the daemon promises: its own deadlines end before systemd’s', async (t) => {
  t.equal(one('Type'), 'notify')
  t.equal(one('NotifyAccess'), 'main')
  const ownSlackMs = 2000
  t.ok(ms('TimeoutStopSec') > config.hardStopAfterMs + ownSlackMs)
  t.ok(
    ms('WatchdogSec') > leaseSeconds({ advertIntMs: 1000, downTimerAdverts: 3 }) * 1000,
    'the address goes before the restart'
  )
})

t.test('sysusers makes the user that the unit names', async (t) => {
  const made = readFileSync(join(folder, 'vipd.sysusers'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('u '))
    .map((line) => line.split(/\s+/)[1])
  t.strictSame(made, [one('User')])
  t.equal(one('Group'), one('User'))
})
