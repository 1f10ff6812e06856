import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { noNotifyCounters } from '../../../src/notify/counters.js'
import { Fifo } from '../../../src/notify/fifo.js'
import { type Run, run } from '../../../src/os/exec.js'
import { ManualClock } from '../../fakes/manual-clock.js'
import { MemoryLog } from '../../fakes/memory-log.js'
import { counted, FakeExec, failed } from './fixtures.js'

const isRoot = process.getuid?.() === 0
const LINE = 'INSTANCE "VI_1" MASTER 100\n'

async function fifos(t: Test, runs: Run = run) {
  const path = await mkdtemp(join(tmpdir(), 'vipd-fifo-'))
  t.teardown(() => rm(path, { recursive: true }))
  const clock = new ManualClock()
  const log = new MemoryLog(clock.now)
  const counters = noNotifyCounters()
  const user = { uid: isRoot ? 65534 : (process.getuid?.() ?? 0), gid: isRoot ? 65533 : (process.getgid?.() ?? 0) }
  const make = (name = 'fifo', after?: Promise<void>): Fifo =>
    new Fifo(join(path, name), { clock, log, run: runs, user: () => user }, counters, after)
  return { path: join(path, 'fifo'), clock, log, counters, user, make }
}

/** A reader, and what it has read when the writer is gone. */
function cat(t: Test, path: string): { child: ChildProcessWithoutNullStreams; all: Promise<string> } {
  const child = spawn('cat', [path])
  t.teardown(() => child.kill())
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  return { child, all: once(child, 'close').then(() => text) }
}

/** Waits for the end of all that is asked for by now: there is a reader, or the FIFO holds it. */
const settled = async (isDone: () => boolean): Promise<void> => {
  while (!isDone()) await new Promise((resolve) => setImmediate(resolve))
}

t.test('lines wait in the FIFO until somebody reads, and reach a reader in order', async (t) => {
  const { path, make, counters, log, user } = await fifos(t)
  const fifo = make()
  fifo.write('one\n')
  fifo.write('two\n')
  await settled(() => counters.fifo_lines === 2)
  const stats = statSync(path)
  t.ok(stats.isFIFO())
  t.equal(stats.mode & 0o777, 0o600)
  t.strictSame([stats.uid, stats.gid], [user.uid, user.gid], 'whoever scripts run as may read it')
  const { child, all } = cat(t, path)
  await once(child.stdout, 'data')
  fifo.write(LINE)
  await fifo.close()
  t.equal(await all, `one\ntwo\n${LINE}`)
  t.strictSame(counters, counted({ fifo_lines: 3 }))
  t.strictSame(log.lines, [])
  t.notOk(existsSync(path), 'what we made we remove')
})

t.test('a reader that goes away does not end it, and the next one gets what came since', async (t) => {
  const { path, make, counters } = await fifos(t)
  const fifo = make()
  fifo.write('one\n')
  await settled(() => counters.fifo_lines === 1)
  const first = cat(t, path)
  await once(first.child.stdout, 'data')
  first.child.kill()
  await first.all
  fifo.write('two\n')
  await settled(() => counters.fifo_lines === 2)
  const second = cat(t, path)
  await once(second.child.stdout, 'data')
  await fifo.close()
  t.equal(await second.all, 'two\n')
})

t.test('a FIFO of somebody else is used as it is, and left', async (t) => {
  const { path, make, counters } = await fifos(t)
  execFileSync('mkfifo', ['-m', '0622', path])
  const { uid } = statSync(path)
  const fifo = make()
  fifo.write(LINE)
  await fifo.close()
  t.strictSame(counters, counted({ fifo_lines: 1 }))
  t.strictSame([statSync(path).mode & 0o777, statSync(path).uid], [0o622, uid])
})

t.test('a full FIFO costs lines and nothing else; warned once a minute', async (t) => {
  const { path, make, counters, log, clock } = await fifos(t)
  execFileSync('mkfifo', ['-m', '0600', path])
  const fifo = make()
  const handle = await open(path, constants.O_RDWR | constants.O_NONBLOCK)
  t.teardown(() => handle.close())
  await t.rejects(async () => {
    for (;;) await handle.write(Buffer.alloc(4096, 'x'))
  })
  const message = 'a line was not written to the notify FIFO'
  fifo.write(LINE)
  fifo.write(LINE)
  await settled(() => counters.fifo_dropped === 2)
  await clock.advance(60_000)
  fifo.write(LINE)
  await settled(() => counters.fifo_dropped === 3)
  t.strictSame(
    log.said(message).map(({ level, facts }) => ({ level, ...facts })),
    [
      { level: 'warn', path, why: 'it is full: nobody reads it', suppressed: 0 },
      { level: 'warn', path, why: 'it is full: nobody reads it', suppressed: 1 }
    ]
  )
  await handle.read(Buffer.alloc(65_536))
  fifo.write(LINE)
  await settled(() => counters.fifo_lines === 1)
  await fifo.close()
  t.strictSame(counters, counted({ fifo_lines: 1, fifo_dropped: 3 }))
})

t.test('a file that is no FIFO is refused and not touched', async (t) => {
  const { path, make, counters, log } = await fifos(t)
  writeFileSync(path, 'precious')
  const fifo = make()
  fifo.write(LINE)
  await fifo.close()
  t.equal(readFileSync(path, 'utf8'), 'precious')
  t.strictSame(counters, counted({ fifo_dropped: 1 }))
  t.match(log.said('the notify FIFO cannot be used')[0]?.facts, { path, why: 'there is something that is no FIFO' })
  t.match(log.said('a line was not written to the notify FIFO').length, 1)
})

t.test('so is anything else', async (t) => {
  const { path, make, counters, log } = await fifos(t)
  await mkdir(path)
  const fifo = make()
  fifo.write(LINE)
  await fifo.close()
  t.strictSame(counters, counted({ fifo_dropped: 1 }))
  t.match(log.said('the notify FIFO cannot be used')[0]?.facts, { why: 'there is something that is no FIFO' })
})

t.test('where vipd is not root a FIFO stays its own', async (t) => {
  const { path, clock, log, counters } = await fifos(t)
  const fifo = new Fifo(path, { clock, log, run, user: () => ({}) }, counters)
  fifo.write(LINE)
  await settled(() => counters.fifo_lines === 1)
  t.equal(statSync(path).uid, process.getuid?.())
  await fifo.close()
  t.strictSame(log.lines, [])
})

t.test('a FIFO that cannot be made is warned of, and made as soon as it can be', async (t) => {
  const { path, make, counters, log } = await fifos(t)
  const fifo = make('fifo/below')
  fifo.write(LINE)
  await settled(() => counters.fifo_dropped === 1)
  t.match(log.said('the notify FIFO cannot be used')[0]?.facts, { why: /^it cannot be made: mkfifo: .*No such file/ })
  await mkdir(path)
  fifo.write(LINE)
  await settled(() => counters.fifo_lines === 1)
  await fifo.close()
  t.equal(existsSync(join(path, 'below')), false)
})

t.test('what mkfifo does not say itself is said for it', async (t) => {
  const exec = new FakeExec()
  const { make, log, path } = await fifos(t, exec.run)
  const fifo = make()
  await settled(() => exec.started.length === 1)
  t.match(exec.started[0], { argv: ['mkfifo', '-m', '0600', path], options: { timeoutMs: 2000 } })
  exec.started[0]?.end(failed('timeout', 'timed out after 2s'))
  await fifo.close()
  t.match(log.lines[0]?.facts, { why: 'it cannot be made: timed out after 2s' })
})

t.test('a FIFO that somebody removed is made anew; one that somebody replaced is used', async (t) => {
  const { path, make, counters } = await fifos(t)
  const fifo = make()
  fifo.write('one\n')
  await settled(() => counters.fifo_lines === 1)
  await rm(path)
  fifo.write('two\n')
  await settled(() => counters.fifo_lines === 2)
  await rm(path)
  execFileSync('mkfifo', [path])
  fifo.write('three\n')
  await settled(() => counters.fifo_lines === 3)
  const { child, all } = cat(t, path)
  await once(child.stdout, 'data')
  await fifo.close()
  t.equal(await all, 'three\n')
  t.ok(existsSync(path), 'the new one is not ours to remove')
})

t.test('a line that is too long, and what is more than 64 at a time, is dropped', async (t) => {
  const { make, counters, log } = await fifos(t)
  const fifo = make()
  fifo.write(`${'x'.repeat(256)}\n`)
  t.strictSame([counters.fifo_dropped, log.lines[0]?.facts['why']], [1, 'the line is too long'])
  fifo.write(`${'x'.repeat(255)}\n`)
  for (let index = 0; index < 64; index++) fifo.write(LINE)
  t.equal(counters.fifo_dropped, 2)
  await fifo.close()
  fifo.write(LINE)
  t.strictSame(counters, counted({ fifo_lines: 64, fifo_dropped: 2 }), 'a closed one is told nothing')
})

t.test('a FIFO that is opened while an earlier one of its path is being closed outlives it', async (t) => {
  const { path, make, counters } = await fifos(t)
  const first = make()
  first.write('one\n')
  const second = make('fifo', first.close())
  second.write('two\n')
  await settled(() => counters.fifo_lines === 2)
  const { child, all } = cat(t, path)
  await once(child.stdout, 'data')
  await second.close()
  t.equal(await all, 'two\n')
})

t.test('a FIFO that cannot be given away is used all the same', { skip: !isRoot && 'needs root' }, async (t) => {
  const { path, clock, log, counters } = await fifos(t)
  const user = () => ({ uid: -2, gid: -2 })
  const fifo = new Fifo(path, { clock, log, run, user }, counters)
  fifo.write(LINE)
  await fifo.close()
  t.equal(counters.fifo_lines, 1)
  t.equal(log.said('the notify FIFO cannot be given to the user of the scripts').length, 1)
})
