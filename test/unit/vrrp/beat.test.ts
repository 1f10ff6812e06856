import t from 'tap'
import { Beat, type BeatPlan } from '../../../src/vrrp/beat.js'
import { FakeSender } from '../../fakes/fake-sender.js'
import { ManualClock } from '../../fakes/manual-clock.js'

const socketNamed = (name: string) => ({ name, send: () => undefined, drain: () => undefined, close: () => undefined })
const DATAGRAM = { destination: '224.0.0.18', source: '10.0.0.1', ttl: 255 }

function beat(sender: FakeSender | null = new FakeSender()) {
  const clock = new ManualClock()
  const due: number[] = []
  const made: number[] = []
  const wire: { native: ReturnType<typeof socketNamed> | undefined } = { native: socketNamed('first') }
  const errors: string[] = []
  const onError = (error: string): void => {
    errors.push(error)
  }
  const one = new Beat({ clock, wire, sender, id: 7, onDue: () => due.push(clock.now()), onError })
  const plan = (overrides: Partial<BeatPlan> = {}): BeatPlan => ({
    afterMs: 1000,
    intervalMs: 1000,
    silenceMs: 3000,
    make: (inMs) => {
      made.push(inMs)
      return [{ payload: Uint8Array.from([inMs / 100]), ...DATAGRAM }]
    },
    signedAheadMs: null,
    ...overrides
  })
  return { clock, one, due, made, wire, plan, errors, sender: sender ?? new FakeSender() }
}

t.test('an advert that can be repeated is planned once, for its due time', async (t) => {
  const { clock, one, sender, plan, wire, due } = beat()
  await clock.advance(500)
  one.noteSent()
  one.start(plan())
  t.match(sender.plans, [{ repeat: true, firstAtMs: 1500, intervalMs: 1000, silenceMs: 3000, sinceMs: 500 }])
  t.equal(sender.plans[0]?.socket, wire.native)
  t.equal(sender.plans[0]?.adverts.length, 1)
  await clock.advance(10_000)
  t.equal(sender.told.length, 1, 'nothing more is told')
  t.strictSame(due, [], 'and the main loop sends none')
})

t.test(
  'refreshing makes it anew and leaves the due time where it was: before and after the thread has sent one',
  async (t) => {
    const { clock, one, sender, plan } = beat()
    one.noteSent()
    one.start(plan())
    await clock.advance(400)
    one.refresh()
    t.equal(sender.plans.at(-1)?.firstAtMs, 1000)
    await clock.advance(900)
    sender.sends(7, 1000)
    one.refresh()
    t.equal(sender.plans.at(-1)?.firstAtMs, 2000)
    t.equal(sender.plans.at(-1)?.sinceMs, 1000)
    t.equal(one.lastSentAt, 1000)
  }
)

t.test('a first advert that is due sooner than an interval keeps its time over a refresh', async (t) => {
  const { clock, one, sender, plan } = beat()
  one.noteSent()
  one.start(plan({ afterMs: 940 }))
  await clock.advance(100)
  one.refresh()
  t.equal(sender.plans.at(-1)?.firstAtMs, 940)
})

t.test('another socket plans the same schedule anew over it', async (t) => {
  const { clock, one, sender, plan, wire } = beat()
  one.noteSent()
  one.start(plan())
  await clock.advance(300)
  wire.native = socketNamed('second')
  one.refresh()
  t.equal(sender.plans.at(-1)?.socket, wire.native)
  t.equal(sender.plans.at(-1)?.firstAtMs, 1000)
})

t.test('signed adverts are made each for its time, some ahead, and renewed long before they run out', async (t) => {
  const { clock, one, sender, plan, made } = beat()
  one.noteSent()
  one.start(plan({ signedAheadMs: 1500 }))
  const [first] = sender.plans
  t.equal(first?.repeat, false)
  t.equal(first?.adverts.length, 3)
  t.strictSame(made, [1000, 2000, 3000])
  await clock.advance(250)
  t.equal(sender.plans.length, 2)
  t.equal(sender.plans[1]?.firstAtMs, 1000, 'the due time stays')
  t.strictSame(made.slice(3), [750, 1750, 2750], 'counted from now')
  await clock.advance(1000)
  t.equal(sender.plans.length, 6)
  one.stop()
  await clock.advance(5000)
  t.equal(sender.plans.length, 6, 'no more after the end')
})

t.test('however fast the adverts, no more than 160 are signed ahead', async (t) => {
  const { one, sender, plan } = beat()
  one.start(plan({ intervalMs: 10, afterMs: 10, signedAheadMs: 60_000 }))
  t.equal(sender.plans[0]?.adverts.length, 160)
})

t.test('when it is stopped the thread is cleared, and a refresh brings nothing back', async (t) => {
  const { clock, one, sender, plan } = beat()
  one.start(plan())
  one.stop()
  t.strictSame(sender.told.at(-1), { clear: 7 })
  one.refresh()
  await clock.advance(10_000)
  t.equal(sender.plans.length, 1)
})

t.test('without a thread, or without a socket for it, the main loop sends: once for each start', async (t) => {
  const without = beat(null)
  without.one.start(without.plan())
  t.equal(without.one.onTime, null)
  await without.clock.advance(5000)
  t.strictSame(without.due, [1000])
  const closed = beat()
  closed.wire.native = undefined
  closed.one.start(closed.plan())
  await closed.clock.advance(400)
  closed.one.refresh()
  await closed.clock.advance(5000)
  t.strictSame(closed.due, [1000], 'a refresh moves it nowhere')
  t.strictSame(closed.sender.plans, [])
  closed.one.start(closed.plan())
  closed.one.stop()
  await closed.clock.advance(5000)
  t.equal(closed.due.length, 1)
})

t.test('the last sending is the later one of the thread’s and the main loop’s', async (t) => {
  const { clock, one, sender, plan } = beat()
  t.equal(one.lastSentAt, Number.NEGATIVE_INFINITY)
  one.noteSent()
  one.start(plan())
  sender.sends(7, 1000.5, 0.5)
  sender.fails(7)
  t.equal(one.lastSentAt, 1000.5)
  t.strictSame(one.onTime, { sent: 1, errors: 1, worstLatenessMs: 0.5 })
  await clock.advance(1500)
  one.noteSent()
  t.equal(one.lastSentAt, 1500)
})

t.test('a thread that takes no plan is no end: the main loop sends the advert when it is due', async (t) => {
  const { clock, one, sender, plan, due, errors } = beat()
  sender.refusal = new Error('dup: Too many open files')
  one.noteSent()
  one.start(plan())
  t.strictSame(errors, ['dup: Too many open files'])
  t.strictSame(sender.told, [{ clear: 7 }], 'it says nothing by itself any more')
  await clock.advance(1000)
  t.strictSame(due, [1000])
})
