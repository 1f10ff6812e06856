import { spawn } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { type Argv, type ExecOptions, type ExecResult, run, splitCommand } from '../../../src/os/exec.js'

const folder = await mkdtemp(join(tmpdir(), 'vipd-exec-'))
await chmod(folder, 0o755)
t.teardown(() => rm(folder, { recursive: true }))

const sh = (script: string, options: Partial<ExecOptions> = {}): Promise<ExecResult> =>
  run(['/bin/sh', '-c', script], { timeoutMs: 20_000, ...options })
const failure = (result: ExecResult) => {
  if (result.ok) throw new Error('it succeeded')
  return result
}

/** Waits for a condition of the system outside, 10 s at most. */
async function until(holds: () => Promise<boolean> | boolean): Promise<boolean> {
  for (let looks = 0; looks < 1000; looks++) {
    if (await holds()) return true
    await sleep(10)
  }
  return false
}

/** A zombie that init has yet to fetch is gone. */
async function isGone(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat === '' || /\) [ZX] /.test(stat)
}
const pidIn = async (file: string): Promise<number> => Number(await readFile(file, 'utf8').catch(() => ''))

t.test('how a program ended', async (t) => {
  t.test('exit status 0 is ok, with what it said on stdout and stderr', async (t) => {
    const result = await sh('echo out; echo err >&2')
    t.equal(result.ok, true)
    t.strictSame(result.output.trim().split('\n').sort(), ['err', 'out'])
    t.ok(result.tookMs > 0)
  })

  t.test('another exit status is none', async (t) => {
    t.match(await sh('echo why; exit 2'), { ok: false, why: 'exit', code: 2, detail: 'exit status 2', output: 'why\n' })
  })

  t.test('a signal is none, and is named', async (t) => {
    t.match(await sh('kill -SEGV $$'), { ok: false, why: 'signal', code: null, detail: 'killed by SIGSEGV' })
  })

  t.test('arguments reach it as they are', async (t) => {
    const result = await run(['/bin/echo', 'a  b', '$HOME', '*'], { timeoutMs: 20_000 })
    t.equal(result.output, 'a  b $HOME *\n')
  })

  t.test('it has nothing to read, and runs in /', async (t) => {
    t.match(await sh('cat; pwd'), { ok: true, output: '/\n' })
  })
})

t.test('programs that cannot be started', async (t) => {
  const spawned = async (argv: Argv, options: Partial<ExecOptions> = {}) => {
    const result = failure(await run(argv, { timeoutMs: 20_000, ...options }))
    t.equal(result.why, 'spawn')
    t.equal(result.code, null)
    return result.detail
  }
  t.test('there is none', async (t) => {
    t.equal(await spawned([join(folder, 'none')]), 'ENOENT: no such program, or no such interpreter')
  })
  t.test('its interpreter is missing', async (t) => {
    const file = join(folder, 'no-interpreter')
    await writeFile(file, '#!/no/such/shell\n', { mode: 0o755 })
    t.match(await spawned([file]), /^ENOENT/)
  })
  t.test('it is not executable', async (t) => {
    const file = join(folder, 'plain')
    await writeFile(file, '#!/bin/sh\n', { mode: 0o644 })
    t.equal(await spawned([file]), 'EACCES: not executable')
  })
  t.test('what Node refuses at once is no exception either', async (t) => {
    t.match(await spawned(['/bin/echo', 'a\0b']), /null bytes/)
  })
  t.test('nor is an argument that the kernel refuses', async (t) => {
    t.equal(await spawned(['/bin/echo', 'x'.repeat(1 << 18)]), 'E2BIG: arguments too long')
  })
})

t.test('output', async (t) => {
  t.test('no more is kept than was asked for, and the program is not held up by it', async (t) => {
    const result = await sh('head -c 1000000 /dev/zero | tr "\\0" x; echo end >&2', { maxOutputBytes: 10 })
    t.equal(result.ok, true)
    t.equal(result.output.length, 10)
    t.equal((await sh('head -c 1000000 /dev/zero')).output.length, 4096, '4096 bytes unless given')
  })

  t.test('what came after a child of another group has kept the pipe is not waited for', async (t) => {
    const file = join(folder, 'escaped')
    const leave = `setsid sh -c 'echo $$ >${file}; exec sleep 60' &`
    const result = await sh(`${leave} while [ ! -s ${file} ]; do sleep 0.05; done; echo said`)
    t.match(result, { ok: true, output: 'said\n' })
    const pid = await pidIn(file)
    t.notOk(await isGone(pid), 'setsid escapes')
    process.kill(pid, 'SIGKILL')
    t.ok(await until(() => isGone(pid)))
  })
})

t.test('the environment', async (t) => {
  const before = { ...process.env }
  Object.assign(process.env, {
    NOTIFY_SOCKET: '/x',
    WATCHDOG_USEC: '1',
    NODE_EXTRA_CA_CERTS: '/x',
    PATH: '/nowhere',
    HOME: '/h',
    A: '1'
  })
  const result = await sh('env', { env: { B: '2', A: '3' } })
  t.teardown(() => Object.assign(process.env, before))
  const lines = new Set(result.output.split('\n'))
  // tap gives every child its own NODE_OPTIONS, whatever we take away.
  t.notMatch(result.output, /^(NOTIFY_SOCKET|WATCHDOG|NODE_(?!OPTIONS))/m)
  for (const line of ['A=3', 'B=2', 'HOME=/h', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'])
    t.ok(lines.has(line), line)
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'NODE_EXTRA_CA_CERTS', 'HOME', 'A']) delete process.env[name]
})

t.test('the deadline', async (t) => {
  t.test('ends the program and what it has forked', async (t) => {
    const file = join(folder, 'grandchild')
    const result = failure(await sh(`sleep 60 & echo $! >${file}; echo said; wait`, { timeoutMs: 1000 }))
    t.match(result, { why: 'timeout', detail: 'timed out after 1s', output: 'said\n' })
    t.ok(result.tookMs >= 1000 && result.tookMs < 5000, `${result.tookMs} ms`)
    const pid = await pidIn(file)
    t.ok(pid > 0)
    t.ok(await isGone(pid))
  })

  t.test('ends those too that do not listen to SIGTERM', async (t) => {
    const file = join(folder, 'deaf')
    const script = `trap "" TERM; sleep 60 & echo $! >${file}; wait`
    // Cancelled between its SIGTERM and its SIGKILL: that changes nothing.
    const result = failure(await sh(script, { timeoutMs: 500, signal: AbortSignal.timeout(700) }))
    t.equal(result.why, 'timeout')
    t.ok(result.tookMs >= 900, `${result.tookMs} ms: SIGKILL comes 500 ms after SIGTERM`)
    t.ok(await until(async () => isGone(await pidIn(file))))
  })

  t.test('a script that ends well at its SIGTERM has still missed it', async (t) => {
    const script = 'trap "exit 0" TERM; sleep 60 & wait'
    t.match(await sh(script, { timeoutMs: 500 }), { ok: false, why: 'timeout', code: 0 })
  })

  t.test('what a script leaves behind when it exits is ended with it', async (t) => {
    const file = join(folder, 'left')
    const result = await sh(`sleep 60 >/dev/null 2>&1 & echo $! >${file}; exit 0`)
    t.equal(result.ok, true)
    t.ok(result.tookMs < 5000)
    t.ok(await until(async () => isGone(await pidIn(file))))
  })

  t.test('an exit that lay unread while we stalled counts', async (t) => {
    const outcome = sh('exit 0', { timeoutMs: 400 })
    // Blocks this thread; the script does not need it.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)
    t.equal((await outcome).ok, true)
  })
})

t.test('cancelling', async (t) => {
  t.test('ends the program', async (t) => {
    const file = join(folder, 'cancelled')
    const cancel = new AbortController()
    const outcome = sh(`echo $$ >${file}; sleep 60`, { signal: cancel.signal })
    t.ok(await until(async () => (await pidIn(file)) > 0))
    cancel.abort()
    t.match(await outcome, { ok: false, why: 'cancelled', detail: 'cancelled' })
    t.ok(await isGone(await pidIn(file)))
  })

  t.test('before it was started: it is not', async (t) => {
    const file = join(folder, 'never')
    t.match(await sh(`echo >${file}`, { signal: AbortSignal.abort() }), { ok: false, why: 'cancelled' })
    t.equal(await readFile(file).catch(() => undefined), undefined)
  })

  t.test('after it has ended: nothing', async (t) => {
    const cancel = new AbortController()
    const outcome = await sh('exit 0', { signal: cancel.signal })
    cancel.abort()
    t.equal(outcome.ok, true)
  })
})

t.test('64 programs run at once, no more', async (t) => {
  const warnings: Error[] = []
  const onWarning = (warning: Error): void => void warnings.push(warning)
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const cancel = new AbortController()
  const outcomes = Array.from({ length: 64 }, () =>
    run(['/bin/sleep', '60'], { timeoutMs: 60_000, signal: cancel.signal })
  )
  t.match(await sh('exit 0'), { ok: false, why: 'spawn', detail: 'too many programs run at once' })
  cancel.abort()
  for (const outcome of await Promise.all(outcomes)) t.match(outcome, { why: 'cancelled' })
  t.equal((await sh('exit 0')).ok, true, 'then there is room again')
  t.strictSame(warnings, [], 'one signal for all of them is no leak')
})

t.test('programs do not outlive the process', async (t) => {
  const file = join(folder, 'orphan')
  const code = `
    import { run } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../../src/os/exec.js')).href)}
    import { watch, existsSync } from 'node:fs'
    void run(['/bin/sh', '-c', 'trap "" TERM; echo $$ >${file}.new; mv ${file}.new ${file}; sleep 60; sleep 60'], { timeoutMs: 60000 })
    setInterval(() => existsSync(${JSON.stringify(file)}) && process.exit(0), 10)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'inherit' })
  const status = await new Promise((resolve) => child.once('exit', resolve))
  t.equal(status, 0)
  const pid = await pidIn(file)
  t.ok(pid > 0)
  t.ok(await until(() => isGone(pid)))
})

t.test(
  'another user',
  { skip: process.getuid?.() !== 0 && 'only root may run a program as another user' },
  async (t) => {
    const result = await sh('id -u; id -g; id -G; echo "$HOME"', { uid: 65_534, gid: 65_534 })
    t.equal(result.output, '65534\n65534\n65534\n\n', 'no group of ours is left, nor our home')
  }
)

t.test('a command line', async (t) => {
  const lines: [string, string[] | undefined][] = [
    ['/bin/check', ['/bin/check']],
    ['  /bin/check\t-a   -b ', ['/bin/check', '-a', '-b']],
    ['/bin/check "a  b" \'c d\'', ['/bin/check', 'a  b', 'c d']],
    ['/bin/check a"b c"d', ['/bin/check', 'ab cd']],
    ['/bin/check "" \'\'', ['/bin/check', '', '']],
    ['/bin/check "it\'s" \'"\'', ['/bin/check', "it's", '"']],
    ['/bin/check a\\ b \\"', ['/bin/check', 'a b', '"']],
    ['/bin/check "\\"\\\\" "\\d"', ['/bin/check', '"\\', '\\d']],
    ["/bin/check '\\d'", ['/bin/check', '\\d']],
    ['', undefined],
    ['   ', undefined],
    ['""', undefined],
    ['/bin/check "a', undefined],
    ["/bin/check 'a", undefined],
    ['/bin/check \\', undefined]
  ]
  for (const [line, words] of lines) t.strictSame(splitCommand(line), words, line)
})
