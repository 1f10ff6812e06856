import t from 'tap'
import { retryRefusedMs } from '../../../src/vrrp/timing.js'

t.test('an address that is refused again and again is tried less and less often, and never given up', async (t) => {
  t.strictSame([0, 1, 2, 5, 6, 1000].map(retryRefusedMs), [5000, 10_000, 20_000, 160_000, 300_000, 300_000])
})
