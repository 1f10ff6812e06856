import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { History } from '../../../src/base/history.js'
import { decodeEvents, EventFile, encodeEvents } from '../../../src/daemon/event-file.js'
import { ManualClock } from '../../fakes/manual-clock.js'

const event = (name: string, facts: Record<string, unknown> = {}) =>
  ({ at: '2026-01-02T00:00:00.000Z', level: 'info', scope: 'vrrp', event: name, facts }) as const

function life(path: string, size = 10) {
  const clock = new ManualClock()
  const history = new History(size)
  const problems: string[] = []
  const file = new EventFile(path, { clock, history, onProblem: (what) => problems.push(what) })
  return { clock, history, file, problems, names: () => history.since(0).map((one) => `${one.seq} ${one.event}`) }
}

const pathIn = (t: Test): string => join(t.testdir(), 'events.jsonl')

t.test('what one process kept the next one knows, and numbers go on', async (t) => {
  const path = pathIn(t)
  const first = life(path)
  await first.file.load()
  t.strictSame(first.problems, [], 'at the first start there is none')
  first.history.add(event('a'))
  first.history.add(event('b', { to: 'MASTER' }))
  await first.file.stop()
  const second = life(path)
  await second.file.load()
  second.history.add(event('c'))
  t.strictSame(second.names(), ['1 a', '2 b', '3 c'])
  t.strictSame(second.history.since(1)[0]?.facts, { to: 'MASTER' })
})

t.test('written within a second, only when something is new', async (t) => {
  const path = pathIn(t)
  const { clock, history, file } = life(path)
  file.start()
  await clock.advance(5000)
  t.notOk(existsSync(path))
  history.add(event('a'))
  await clock.advance(1000)
  await file.save()
  t.match(readFileSync(path, 'utf8'), /^\{"seq":1,.*\}\n$/)
  await file.stop()
})

t.test('no more than there is room for, the newest; and never more than a MiB', async (t) => {
  const path = pathIn(t)
  const first = life(path, 5)
  for (const name of 'abcdefg') first.history.add(event(name))
  await first.file.stop()
  const second = life(path, 3)
  await second.file.load()
  t.strictSame(second.names(), ['5 e', '6 f', '7 g'])
  const long = 'x'.repeat(300_000)
  const many = [1, 2, 3, 4, 5].map((seq) => ({ seq, ...event(long) }))
  const text = encodeEvents(many)
  t.ok(text.length < 1 << 20)
  t.strictSame(
    decodeEvents(text).map(({ seq }) => seq),
    [3, 4, 5]
  )
})

t.test('lines that are no events are left out: cut, foreign, out of order', async (t) => {
  const good = (seq: number): string => JSON.stringify({ seq, ...event('x') })
  const lines = [
    good(2),
    good(2),
    good(1),
    'null',
    '{"seq":3}',
    '{',
    '[]',
    JSON.stringify({ seq: 4, ...event('x'), level: 'loud' }),
    JSON.stringify({ seq: 1e300, ...event('x') }),
    JSON.stringify({ seq: 5, ...event('x'), at: 'now' }),
    good(6),
    good(7).slice(0, 20)
  ]
  t.strictSame(
    decodeEvents(lines.join('\n')).map(({ seq }) => seq),
    [2, 6]
  )
})

t.test('a file that cannot be written is said once, and again after it worked', async (t) => {
  const folder = join(t.testdir(), 'later')
  const { history, file, problems } = life(join(folder, 'events.jsonl'))
  for (const name of 'ab') {
    history.add(event(name))
    await file.save()
  }
  t.equal(problems.length, 1)
  t.match(problems[0], /^events cannot be kept over a restart: ENOENT/)
  mkdirSync(folder)
  history.add(event('c'))
  await file.save()
  t.equal(decodeEvents(readFileSync(join(folder, 'events.jsonl'), 'utf8')).length, 3)
})

t.test('a file that cannot be read is said, and nothing else changes', async (t) => {
  const path = pathIn(t)
  mkdirSync(path)
  const { history, file, problems } = life(path)
  await file.load()
  t.match(problems, [/^events of before cannot be read: EISDIR/])
  t.equal(history.add(event('a')).seq, 1)
})
