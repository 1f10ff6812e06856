import t from 'tap'
import { budget, descriptorsFor, shortage } from '../../../src/proxy/descriptors.js'

t.test('as many descriptors as a number of sessions needs are enough for them', async (t) => {
  for (const wanted of [1, 100, 20_000, 1_000_000])
    t.strictSame(budget(wanted, 2, descriptorsFor(wanted, 2)), { sessions: wanted, pipes: 288 })
  t.ok(descriptorsFor(100, 8) > descriptorsFor(100, 2), 'each worker has pipes of its own')
})

t.test('where they are scarce, sessions get most of them, and at least one', async (t) => {
  t.strictSame(budget(100, 2, 0), { sessions: 1, pipes: 0 })
  for (const limit of [256, 700, 1024, 4096]) {
    for (const threads of [1, 2, 64]) {
      const { sessions, pipes } = budget(20_000, threads, limit)
      const reserve = 128 + 16 * threads
      if (limit <= reserve) continue
      t.ok(sessions >= Math.floor((limit - reserve) * 0.45), `${sessions} sessions within ${limit}`)
      t.ok(2 * sessions + 2 * pipes * threads + reserve <= limit)
    }
  }
})

t.test('a shortage is a sentence, and none is none', async (t) => {
  t.equal(shortage(20_000, 2, descriptorsFor(20_000, 2)), undefined)
  t.match(
    shortage(20_000, 1, 4096),
    /maxconn 20000 needs \d+ open files and this process may open 4096: \d+ sessions fit/
  )
})
