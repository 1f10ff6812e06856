import t from 'tap'
import { Rivals } from '../../../src/vrrp/rivals.js'

function rivals() {
  const time = { at: 0 }
  return { time, one: new Rivals({ now: () => time.at }) }
}

t.test('of thousands of lower adverts a second ten are answered, the first at once', async (t) => {
  const { time, one } = rivals()
  const answered: number[] = []
  for (; time.at < 1000; time.at++) if (one.meet(50, 1000).isAnswered) answered.push(time.at)
  t.strictSame(
    answered,
    Array.from({ length: 10 }, (_, i) => i * 100)
  )
})

t.test('with adverts faster than that an answer goes back twice in an interval', async (t) => {
  const { time, one } = rivals()
  let answered = 0
  for (; time.at < 100; time.at++) if (one.meet(50, 20).isAnswered) answered++
  t.equal(answered, 10)
})

t.test('a rival that goes on for an interval after it was answered is deaf; one that pauses begins anew', async (t) => {
  const { time, one } = rivals()
  t.notOk(one.meet(50, 1000).isDeaf)
  time.at = 999
  t.notOk(one.meet(50, 1000).isDeaf)
  time.at = 1000
  t.ok(one.meet(50, 1000).isDeaf)
  time.at = 4000
  t.ok(one.meet(50, 1000).isDeaf, 'three intervals are no pause')
  time.at = 7001
  t.notOk(one.meet(50, 1000).isDeaf)
})

t.test('a goodbye is answered and no sign of deafness', async (t) => {
  const { time, one } = rivals()
  one.meet(50, 1000)
  time.at = 5000
  t.strictSame(one.meet(0, 1000), { isAnswered: true, isDeaf: false })
})

t.test(
  'somebody who has to yield was master a moment ago: not one that is higher, nor one that resigned',
  async (t) => {
    const { time, one } = rivals()
    t.notOk(one.isRecent(1000))
    one.note(101, 100)
    t.notOk(one.isRecent(1000))
    one.note(100, 100)
    t.ok(one.isRecent(1000))
    time.at = 1500
    t.ok(one.isRecent(1000))
    time.at = 1501
    t.notOk(one.isRecent(1000))
    one.note(50, 100)
    one.note(0, 100)
    t.notOk(one.isRecent(1000))
  }
)
