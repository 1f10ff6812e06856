import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../../src/base/clock.js'
import { noNotifyCounters } from '../../../src/notify/counters.js'
import { Scripts } from '../../../src/notify/scripts.js'
import { run, splitCommand } from '../../../src/os/exec.js'
import { programProblem } from '../../../src/os/safe-program.js'
import { type Credentials, credentialsOf } from '../../../src/os/users.js'
import { flushPromises, ManualClock } from '../../fakes/manual-clock.js'
import { MemoryLog } from '../../fakes/memory-log.js'
import { counted, FakeExec, failed, OK } from './fixtures.js'

const command = (line: string, ...extra: string[]) => [{ line, extra }]

function scripts(user: () => Credentials | undefined = () => ({ uid: 65534, gid: 65533 })) {
  const clock = new ManualClock()
  const log = new MemoryLog(clock.now)
  const exec = new FakeExec()
  const counters = noNotifyCounters()
  const asked: [string, number | undefined][] = []
  const problemOf: typeof programProblem = async (program, uid) => {
    asked.push([program, uid])
    return program === '/unsafe' ? 'anybody may write to /unsafe' : undefined
  }
  const one = new Scripts({ clock, log, run: exec.run, split: splitCommand, problemOf, user }, counters)
  const end = async (index: number, result = OK): Promise<void> => {
    exec.started[index]?.end(result)
    await flushPromises()
  }
  return { clock, log, exec, counters, asked, one, end }
}

t.test('a script gets its own words and then ours, 60 s, and the user that scripts run as', async (t) => {
  const { exec, one, counters, end } = scripts()
  one.add('a', command('/bin/n "one word" $HOME', 'INSTANCE', 'VI_1'), false)
  await flushPromises()
  t.strictSame(exec.started[0]?.argv, ['/bin/n', 'one word', '$HOME', 'INSTANCE', 'VI_1'])
  t.match(exec.started[0]?.options, { timeoutMs: 60_000, uid: 65534, gid: 65533 })
  await end(0)
  t.strictSame(counters, counted({ scripts_run: 1 }))
})

t.test('scripts of one instance run in their order, one at a time; another instance does not wait', async (t) => {
  const { exec, one, end } = scripts()
  one.add('a', [...command('/a1'), ...command('/a2')], false)
  one.add('a', command('/a3'), false)
  one.add('b', command('/b1'), false)
  await flushPromises()
  t.strictSame(exec.lines, ['/a1', '/b1'])
  await end(0)
  t.strictSame(exec.lines, ['/a1', '/b1', '/a2'])
  await end(2, failed('exit', 'exit status 1'))
  t.strictSame(exec.lines, ['/a1', '/b1', '/a2', '/a3'], 'a failure holds nobody up')
  await end(3)
  one.add('a', command('/a4'), false)
  await flushPromises()
  t.equal(exec.lines.at(-1), '/a4')
})

t.test('no more than 16 run at once, and every instance has its turn', async (t) => {
  const warnings: Error[] = []
  const onWarning = (warning: Error): void => {
    warnings.push(warning)
  }
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const { exec, one, end } = scripts()
  for (let index = 0; index < 18; index++) one.add(`i${index}`, [...command(`/${index}`), ...command('/again')], false)
  await flushPromises()
  t.equal(exec.running, 16)
  await end(0)
  await end(1)
  t.strictSame(exec.lines.slice(16), ['/16', '/17'], 'the first two wait until the last two had their turn')
  t.equal(exec.running, 16)
  t.strictSame(warnings, [], 'Node sees no leak in it')
})

t.test('of more than 32 that wait the oldest is dropped, and the last always runs', async (t) => {
  const { exec, log, one, counters, end } = scripts()
  for (let index = 0; index <= 40; index++) one.add('a', command(`/s${index} secret`), false)
  t.equal(counters.dropped, 8)
  t.match(log.said('a notify script was dropped: too many wait'), [
    { facts: { name: 'a', program: '/s1', suppressed: 0 } }
  ])
  for (let index = 0; index < 33; index++) {
    await flushPromises()
    await end(index)
  }
  t.equal(exec.lines.length, 33)
  t.equal(exec.lines[1], '/s9 secret')
  t.equal(exec.lines.at(-1), '/s40 secret')
})

t.test('an instance that waits for others of the 16 is bounded too', async (t) => {
  const { exec, one, counters } = scripts()
  for (let index = 0; index < 16; index++) one.add(`i${index}`, command('/x'), false)
  for (let index = 0; index < 33; index++) one.add('late', command(`/${index}`), false)
  await flushPromises()
  t.equal(exec.running, 16)
  t.equal(counters.dropped, 1)
})

t.test('a failure is logged once a minute for each command, without its arguments', async (t) => {
  const { clock, log, one, counters, exec } = scripts()
  const fail = async (line: string): Promise<void> => {
    one.add('a', command(line), false)
    await flushPromises()
    exec.started.at(-1)?.end(failed('timeout', 'timed out after 1m', 'oh\n'))
    await flushPromises()
  }
  await fail('/n secret')
  await fail('/n secret')
  await fail('/other')
  await clock.advance(60_000)
  await fail('/n secret')
  t.strictSame(
    log.said('a notify script failed').map(({ level, facts }) => ({ level, ...facts })),
    [
      { level: 'warn', program: '/n', detail: 'timed out after 1m', output: 'oh\n', suppressed: 0 },
      { level: 'warn', program: '/other', detail: 'timed out after 1m', output: 'oh\n', suppressed: 0 },
      { level: 'warn', program: '/n', detail: 'timed out after 1m', output: 'oh\n', suppressed: 1 }
    ]
  )
  t.strictSame(counters, counted({ scripts_run: 4, scripts_failed: 4 }))
})

t.test('without a user to run it as nothing is run, and never as root by mistake', async (t) => {
  const { exec, log, one, counters } = scripts(() => undefined)
  one.add('a', command('/n'), false)
  await flushPromises()
  t.strictSame(exec.lines, [])
  t.match(log.said('a notify script failed'), [{ facts: { detail: 'there is no user to run it as' } }])
  t.strictSame(counters, counted({ scripts_run: 1, scripts_failed: 1 }))
})

t.test('a program that anybody could have changed is not run', async (t) => {
  const { asked, exec, log, one, counters } = scripts()
  one.add('a', [...command('/unsafe x'), ...command('/safe y')], false)
  await flushPromises()
  t.strictSame(exec.lines, ['/safe y'])
  t.strictSame(asked, [
    ['/unsafe', 65534],
    ['/safe', 65534]
  ])
  t.match(log.said('a notify script failed'), [
    { facts: { program: '/unsafe', detail: 'anybody may write to /unsafe' } }
  ])
  t.strictSame(counters, counted({ scripts_run: 2, scripts_failed: 1 }))
})

t.test('where vipd is not root scripts run as its own user', async (t) => {
  const { exec, one } = scripts(() => credentialsOf({ name: 'nobody', uid: 65534, gid: 65534 }, false))
  one.add('a', command('/n'), false)
  await flushPromises()
  t.strictSame([exec.started[0]?.options.uid, exec.started[0]?.options.gid], [undefined, undefined])
})

t.test('a command line that cannot be read is a failure', async (t) => {
  const { exec, log, one } = scripts()
  one.add('a', [...command('/n "open'), ...command('/next')], false)
  await flushPromises()
  t.strictSame(exec.lines, ['/next'])
  t.match(log.said('a notify script failed'), [{ facts: { detail: 'the command line cannot be read' } }])
})

t.test('stop', async (t) => {
  const stopping = async (one: Scripts): Promise<{ done: boolean }> => {
    const state = { done: false }
    void one.stop().then(() => {
      state.done = true
    })
    await flushPromises()
    return state
  }

  t.test('with nothing to run is done at once, and leaves no timer behind', async (t) => {
    const { clock, one } = scripts()
    t.equal((await stopping(one)).done, true)
    t.equal(clock.pending, 0)
  })

  t.test('waits for notify_stop', async (t) => {
    const { clock, exec, log, one, end } = scripts()
    one.add('a', [...command('/stop'), ...command('/any')], true)
    const state = await stopping(one)
    t.equal(state.done, false)
    await end(0)
    t.strictSame(exec.lines, ['/stop', '/any'])
    t.equal(state.done, false)
    await end(1)
    t.equal(state.done, true)
    t.equal(clock.pending, 0)
    t.strictSame(log.lines, [])
  })

  t.test('drops what else waits, and ends what holds notify_stop up after a second', async (t) => {
    const { clock, exec, log, one, counters, end } = scripts()
    one.add('a', [...command('/hangs'), ...command('/waits')], false)
    one.add('a', command('/stop'), true)
    const state = await stopping(one)
    t.strictSame([counters.dropped, log.said('notify scripts were not run: vipd stops')[0]?.facts], [1, { scripts: 1 }])
    await clock.advance(999)
    t.strictSame(exec.lines, ['/hangs'])
    await clock.advance(1)
    t.strictSame(exec.lines, ['/hangs', '/stop'])
    t.equal(state.done, false)
    await end(1)
    t.equal(state.done, true)
  })

  t.test('takes 2 s at most, even if notify_stop hangs', async (t) => {
    const { clock, log, one } = scripts()
    one.add('a', command('/stop'), true)
    const state = await stopping(one)
    await clock.advance(1999)
    t.equal(state.done, false)
    await clock.advance(1)
    t.equal(state.done, true)
    t.strictSame(log.said('notify scripts still ran when vipd stopped')[0]?.facts, { scripts: 1 })
  })
})

t.test('a real script: its arguments, its user, no shell in between', async (t) => {
  const path = await mkdtemp(join(tmpdir(), 'vipd-notify-'))
  t.teardown(() => rm(path, { recursive: true }))
  await chmod(path, 0o755)
  const script = join(path, 'n.sh')
  await writeFile(script, `#!/bin/sh\necho "$(id -u):$(id -g) $# $*" >> "$1"\nexit 3\n`)
  await chmod(script, 0o755)
  await writeFile(join(path, 'out'), '')
  await chmod(join(path, 'out'), 0o666)
  const isRoot = process.getuid?.() === 0
  const user = isRoot ? { uid: 65534, gid: 65534 } : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  const ids = `${user.uid}:${user.gid}`
  const counters = noNotifyCounters()
  const log = new MemoryLog()
  const ports = { clock: systemClock, log, run, split: splitCommand, problemOf: programProblem, user: () => user }
  const one = new Scripts(ports, counters)
  one.add('a', command(`${script} ${path}/out $HOME;x`, 'INSTANCE', 'VI_1', 'MASTER', '100'), true)
  one.add('a', command(`${script} ${path}/out second`), true)
  await one.stop()
  t.equal(
    await readFile(join(path, 'out'), 'utf8'),
    `${ids} 6 ${path}/out $HOME;x INSTANCE VI_1 MASTER 100\n${ids} 2 ${path}/out second\n`
  )
  t.strictSame(counters, counted({ scripts_run: 2, scripts_failed: 2 }))
  t.match(log.said('a notify script failed')[0]?.facts, { program: script, detail: 'exit status 3' })
})
