import t from 'tap'
import { Refusal } from '../../../src/vrrp/refusal.js'
import { ManualClock } from '../../fakes/manual-clock.js'

function refusal() {
  const clock = new ManualClock()
  const seen: (string | undefined)[] = []
  const made: Refusal = new Refusal(clock, () => seen.push(made.fault))
  return { clock, refusal: made, seen }
}

t.test('what the kernel refused is a fault for five seconds, then for twice as long each time', async (t) => {
  const { clock, refusal: one, seen } = refusal()
  for (const seconds of [5, 10, 20]) {
    one.note('no such device')
    await clock.advance(seconds * 1000 - 1)
    t.equal(one.fault, 'no such device')
    await clock.advance(1)
    t.equal(one.fault, undefined)
  }
  t.equal(seen.length, 6, 'each change is told')
})

t.test('after all were held it begins anew', async (t) => {
  const { clock, refusal: one } = refusal()
  one.note('no')
  await clock.advance(5000)
  one.overcome()
  one.note('no')
  await clock.advance(5000)
  t.equal(one.fault, undefined)
})

t.test('a second refusal meanwhile is one fault, which lasts from then on', async (t) => {
  const { clock, refusal: one } = refusal()
  one.note('first')
  await clock.advance(4000)
  one.note('second')
  await clock.advance(9999)
  t.equal(one.fault, 'second')
  await clock.advance(1)
  t.equal(one.fault, undefined)
})

t.test('who has stopped is told nothing more', async (t) => {
  const { clock, refusal: one, seen } = refusal()
  one.note('no')
  one.stop()
  await clock.advance(60_000)
  t.strictSame(seen, ['no'])
})
