import t from 'tap'
import { Away } from '../../../src/daemon/away.js'
import { ManualClock } from '../../fakes/manual-clock.js'

function away() {
  const clock = new ManualClock()
  let changes = 0
  const made = new Away(clock, () => changes++)
  return { clock, away: made, changes: () => changes }
}

t.test('an instance is away for as long as was said, then back by itself', async (t) => {
  const { clock, away: one, changes } = away()
  one.send(['a', 'b'], 10_000)
  t.equal(changes(), 1)
  t.strictSame(
    ['a', 'b', 'c'].map((name) => one.has(name)),
    [true, true, false]
  )
  await clock.advance(9999)
  t.ok(one.has('a'))
  t.equal(one.leftS('a'), 1)
  await clock.advance(1)
  t.strictSame([one.has('a'), one.has('b'), one.leftS('a')], [false, false, null])
  t.equal(changes(), 3)
})

t.test('another word replaces the first; none at all is back at once', async (t) => {
  const { clock, away: one } = away()
  one.send(['a'], 1000)
  one.send(['a'], 60_000)
  await clock.advance(5000)
  t.equal(one.leftS('a'), 55)
  one.send(['a'], 0)
  t.notOk(one.has('a'))
})

t.test('who is away is told to the process that comes after, with the time that is left', async (t) => {
  const { clock, away: one } = away()
  one.send(['a', 'b'], 10_000)
  one.send(['b'], 0)
  await clock.advance(4000)
  t.strictSame(one.left, [{ name: 'a', forMs: 6000 }])
})

t.test('when the daemon stops nobody comes back', async (t) => {
  const { clock, away: one, changes } = away()
  one.send(['a'], 1000)
  one.stop()
  await clock.advance(5000)
  t.equal(changes(), 1)
})
