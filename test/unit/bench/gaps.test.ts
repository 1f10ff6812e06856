import t from 'tap'
import { regularity, timesOf } from '../../../bench/outage/gaps.js'

t.test('adverts that are on time are off by nothing', async (t) => {
  t.match(regularity([0, 10, 20, 30], 10), { adverts: 4, p50Ms: 0, maxMs: 0, missed: 0 })
})

t.test('one that is late makes two gaps that are off, and is not missed', async (t) => {
  t.match(regularity([0, 10, 24, 30], 10), { p50Ms: 4, maxMs: 4, missed: 0 })
})

t.test('one that is very late, and the next in time, is not missed either', async (t) => {
  t.match(regularity([0, 10, 29, 30, 40], 10), { maxMs: 9, missed: 0 })
})

t.test('one that comes when the next was due has swallowed it', async (t) => {
  t.equal(regularity([0, 10, 32, 40, 50], 10).missed, 1)
})

t.test('a clock that runs a little fast, and one advert more than due, hide and make nothing', async (t) => {
  const fast = Array.from({ length: 30_000 }, (_, i) => i * 10 * 1.0005)
  t.equal(regularity(fast, 10).missed, 0)
  t.equal(regularity([...fast.slice(0, 100), 991.5, ...fast.slice(100, 200), ...fast.slice(203)], 10).missed, 3)
})

t.test('those that did not come are counted', async (t) => {
  t.equal(regularity([0, 10, 30, 70], 10).missed, 1 + 3)
})

t.test('a capture in nanoseconds is read, and a record that is cut off is left out', async (t) => {
  const head = Buffer.alloc(24)
  head.writeUInt32LE(0xa1b23c4d, 0)
  const record = (seconds: number, nanoseconds: number): Buffer => {
    const bytes = Buffer.alloc(16 + 4)
    bytes.writeUInt32LE(seconds, 0)
    bytes.writeUInt32LE(nanoseconds, 4)
    bytes.writeUInt32LE(4, 8)
    return bytes
  }
  const file = Buffer.concat([head, record(100, 5_000_000), record(101, 5_500_000), record(101, 0).subarray(0, 10)])
  t.strictSame(timesOf(file), [5, 1005.5])
  t.throws(() => timesOf(Buffer.alloc(24)), /nanoseconds/)
})
