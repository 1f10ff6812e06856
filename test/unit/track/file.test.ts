import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../../src/base/clock.js'
import { type FilePorts, FileTracker } from '../../../src/track/file.js'
import { type Head, readHead } from '../../../src/track/read-head.js'
import { ManualClock } from '../../fakes/manual-clock.js'
import { MemoryLog } from '../../fakes/memory-log.js'

const CONFIG = { name: 'drain', file: '/run/drain', weight: 1 }

/** A tracker over a file that holds `content`; undefined: there is none. */
function setUp(content: string | undefined, ports: Partial<FilePorts> = {}) {
  const clock = new ManualClock()
  const log = new MemoryLog(clock.now)
  const made = {
    clock,
    log,
    content,
    errno: 'ENOENT',
    reads: [] as number[],
    values: [] as number[],
    isWatched: false,
    hint: (): void => undefined,
    tracker: undefined as unknown as FileTracker
  }
  made.tracker = new FileTracker(CONFIG, {
    clock,
    log,
    onChange: () => made.values.push(made.tracker.level.value),
    read: async (path, maxBytes): Promise<Head> => {
      t.equal(path, '/run/drain')
      made.reads.push(clock.now())
      if (made.content === undefined) return { ok: false, errno: made.errno }
      return { ok: true, bytes: Buffer.from(made.content).subarray(0, maxBytes) }
    },
    watch: (path, onHint) => {
      t.equal(path, '/run/drain')
      made.hint = onHint
      made.isWatched = true
      return {
        close: () => {
          made.isWatched = false
        }
      }
    },
    ...ports
  })
  t.teardown(() => made.tracker.stop())
  return made
}

async function levelOf(content: string | undefined, errno = 'ENOENT') {
  const made = setUp(content)
  made.errno = errno
  made.tracker.start()
  await made.clock.advance(100)
  return { level: made.tracker.level, warnings: made.log.lines.filter(({ level }) => level === 'warn').length }
}

t.test('the number of a file', async (t) => {
  const numbers: [string, number][] = [
    ['-50\n', -50],
    ['50', 50],
    ['+5\n9\n', 5],
    ['  7 \r\nrest', 7],
    ['-0\n', 0],
    ['254', 254],
    ['255', 254],
    ['-254', -254],
    ['-255', -254],
    ['9'.repeat(63), 254]
  ]
  for (const [content, value] of numbers) {
    const { level, warnings } = await levelOf(content)
    t.strictSame(level, { state: 'up', value, detail: `${value}` }, content)
    t.ok(Object.is(level.value, value), 'there is no -0')
    t.equal(warnings, 0)
  }
})

t.test('no number is 0', async (t) => {
  const none: [string | undefined, string, RegExp, number][] = [
    [undefined, 'ENOENT', /^there is no such file$/, 0],
    [undefined, 'EACCES', /^EACCES$/, 1],
    ['', '', /^the file is empty$/, 0],
    ['\n5', '', /^the file is empty$/, 0],
    ['five\n', '', /^not a whole number: "five"$/, 1],
    ['1.5', '', /^not a whole number/, 1],
    ['5 6', '', /^not a whole number/, 1]
  ]
  for (const [content, errno, detail, complaints] of none) {
    const { level, warnings } = await levelOf(content, errno)
    t.match(level, { state: 'up', value: 0, detail }, content ?? errno)
    t.equal(warnings, complaints, content ?? errno)
  }
})

t.test('it is init until it was read', async (t) => {
  const made = setUp('1')
  t.strictSame(made.tracker.level, { state: 'init', value: 0, detail: 'has not been read yet' })
  made.tracker.start()
  t.equal(made.tracker.level.state, 'init')
  await made.clock.advance(0)
  t.equal(made.tracker.level.state, 'up')
})

t.test('that 0 is known is news the first time, then no more', async (t) => {
  const made = setUp(undefined)
  made.tracker.start()
  await made.clock.advance(3000)
  t.strictSame(made.values, [0])
  t.strictSame(made.log.lines, [])
})

t.test('without any hint it is read each second', async (t) => {
  const made = setUp('1')
  made.tracker.start()
  made.tracker.start()
  await made.clock.advance(500)
  made.content = '2'
  await made.clock.advance(2000)
  t.strictSame(made.reads, [0, 1000, 2000])
  t.strictSame(made.values, [1, 2])
  t.match(made.log.said('track file changed'), [
    { facts: { trackFile: 'drain', from: 0, to: 1 } },
    { facts: { from: 1, to: 2 } }
  ])
})

t.test('a hint has it read soon, and a stream of hints not more often', async (t) => {
  const made = setUp('1')
  made.tracker.start()
  await made.clock.advance(100)
  for (let hints = 0; hints < 10; hints++) {
    made.hint()
    await made.clock.advance(20)
  }
  // Asked for at 100, 160, 220, 280: each the first hint after a look.
  t.strictSame(made.reads, [0, 150, 210, 270])
  await made.clock.advance(2000)
  t.strictSame(
    made.reads,
    [0, 150, 210, 270, 330, 1330, 2330].filter((at) => made.reads.includes(at))
  )
})

t.test('a hint while it is read is not lost', async (t) => {
  let finish: ((head: Head) => void) | undefined
  let reads = 0
  const made = setUp('', {
    read: () => {
      reads++
      return new Promise((resolve) => {
        finish = resolve
      })
    }
  })
  made.tracker.start()
  made.hint()
  await made.clock.advance(5000)
  t.equal(reads, 1, 'never two at once')
  finish?.({ ok: true, bytes: Buffer.from('3') })
  await made.clock.advance(49)
  t.equal(reads, 1)
  await made.clock.advance(1)
  t.equal(reads, 2)
  finish?.({ ok: true, bytes: Buffer.from('3') })
})

t.test('a file that is being written is not taken for an empty one', async (t) => {
  const made = setUp('-50')
  made.tracker.start()
  await made.clock.advance(100)
  made.content = ''
  await made.clock.advance(900)
  t.equal(made.tracker.level.value, -50)
  made.content = '-60'
  await made.clock.advance(50)
  t.strictSame(made.values, [-50, -60])
  made.content = ''
  await made.clock.advance(1050)
  t.strictSame(made.values, [-50, -60, 0], 'found empty twice it is empty')
})

t.test('the log is told of what is wrong once, and again when it is wrong anew', async (t) => {
  const made = setUp('x')
  made.tracker.start()
  await made.clock.advance(5000)
  made.content = '1'
  await made.clock.advance(1000)
  made.content = 'x'
  await made.clock.advance(5000)
  const said = made.log.said('track file has no number: it counts as 0')
  t.match(said, [{ level: 'warn', facts: { file: '/run/drain', problem: 'not a whole number: "x"' } }, { at: 7000 }])
  t.equal(said.length, 2)
})

t.test('stopped, it says nothing any more', async (t) => {
  const made = setUp('1')
  made.tracker.start()
  t.ok(made.isWatched)
  made.tracker.stop()
  await made.clock.advance(5000)
  made.hint()
  t.strictSame([made.values, made.clock.pending, made.isWatched], [[], 0, false])
})

t.test('over a real file', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'vipd-file-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = join(folder, 'drain')
  let onChange: () => void = () => undefined
  const tracker = new FileTracker(
    { ...CONFIG, file },
    { clock: systemClock, log: new MemoryLog(), onChange: () => onChange() }
  )
  t.teardown(() => tracker.stop())
  const changed = (): Promise<number> =>
    new Promise((resolve) => {
      onChange = () => resolve(tracker.level.value)
    })
  const first = changed()
  tracker.start()
  t.equal(await first, 0)
  const written = changed()
  await writeFile(file, '-20\n')
  t.equal(await written, -20)
  const replaced = changed()
  await writeFile(`${file}.new`, '30\n')
  await rename(`${file}.new`, file)
  t.equal(await replaced, 30)
  const removed = changed()
  await rm(file)
  t.equal(await removed, 0)
})

t.test('a folder that cannot be watched, or is none, is no exception', async (t) => {
  const tracker = new FileTracker(
    { ...CONFIG, file: '/no/such/folder/drain' },
    { clock: new ManualClock(), log: new MemoryLog(), onChange: () => undefined }
  )
  tracker.start()
  tracker.stop()
  t.strictSame(await readHead('/proc/self', 10), { ok: false, errno: 'EISDIR' })
})
