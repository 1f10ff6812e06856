import t from 'tap'
import { History } from '../../../src/base/history.js'

const event = (name: string) =>
  ({ at: '2026-01-02T00:00:00.000Z', level: 'info', scope: 'vrrp', event: name, facts: {} }) as const
const names = (history: History, since: number, limit?: number): string[] =>
  history.since(since, limit).map(({ event }) => event)

t.test('events are numbered, and told oldest first', async (t) => {
  const history = new History(10)
  t.strictSame(history.since(0), [])
  t.match(history.add({ ...event('a'), instance: 'VI_1', facts: { to: 'master' } }), { seq: 1, instance: 'VI_1' })
  t.equal(history.add(event('b')).seq, 2)
  t.match(history.since(0), [
    { seq: 1, event: 'a', facts: { to: 'master' } },
    { seq: 2, event: 'b' }
  ])
  t.strictSame(names(history, 1), ['b'])
  t.strictSame(names(history, 2), [], 'a reader that is up to date')
})

t.test('the oldest make room', async (t) => {
  const history = new History(3)
  for (const name of 'abcdefg') history.add(event(name))
  t.strictSame(names(history, 0), ['e', 'f', 'g'])
  t.strictSame(names(history, 2), ['e', 'f', 'g'], 'what is lost is left out')
  t.strictSame(names(history, 5), ['f', 'g'])
})

t.test('a limit gives the first of them; the last number leads on', async (t) => {
  const history = new History(10)
  for (const name of 'abcde') history.add(event(name))
  t.strictSame(names(history, 1, 2), ['b', 'c'])
  t.strictSame(names(history, 3, 2), ['d', 'e'])
  t.strictSame(names(history, 0, 0), [])
})

t.test('a reader from before a restart gets everything', async (t) => {
  const history = new History(10)
  history.add(event('a'))
  t.strictSame(names(history, 500), ['a'])
  const later = new History(3, 1_700_000_000_000)
  for (const name of 'abcd') later.add(event(name))
  t.strictSame(names(later, 500), ['b', 'c', 'd'])
  t.strictSame(names(later, 1_700_000_000_002), ['d'])
})
