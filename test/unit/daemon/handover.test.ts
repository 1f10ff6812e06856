import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.js'
import type { Estate } from '../../../src/daemon/estate.js'
import { type GivingPorts, give, handOver } from '../../../src/daemon/giving.js'
import { adoptSessions, inheritedBefore, offerListeners, Taking } from '../../../src/daemon/taking.js'
import { addon } from '../../../src/os/addon.js'
import { Channel } from '../../../src/os/channel.js'
import type { HandedPlane } from '../../../src/os/plane.js'
import type { Successor } from '../../../src/os/successor.js'
import { ManualClock } from '../../fakes/manual-clock.js'

/** Both sides of a hand-over, over a real pair of sockets, and everything that can go wrong before the last word. */

const native = addon()
const estate: Estate = { version: '0.1.0', services: [], masters: [], places: ['10.0.0.1:80', 'inherited api'] }

/** The old side: a data plane with sessions, which notes what becomes of them. */
function setUp(t: Test) {
  const [ours, theirs] = native.openPair()
  const told: string[] = []
  // Descriptors that can be told apart from those that somebody else has: both ends of other pairs.
  const [a, b] = native.openPair()
  const [listener, spare] = native.openPair()
  t.teardown(() => native.closeDescriptors([spare]))
  const handed: HandedPlane = {
    sessions: Buffer.from('records'),
    descriptors: [a, b],
    listeners: [{ place: '10.0.0.1:80', descriptor: listener }]
  }
  const plane = {
    handOver: (done: (handed: HandedPlane) => void) => {
      told.push('handed over')
      done(handed)
    },
    adopt: (sessions: Buffer, descriptors: readonly number[]) => {
      told.push(`taken back: ${sessions.toString()} with ${descriptors.length} descriptors`)
      native.closeDescriptors(descriptors)
    }
  }
  const channel = new Channel(native, systemClock, ours)
  const successor: Successor = {
    pid: 4711,
    channel,
    kill: async () => {
      told.push('killed')
    }
  }
  const ports: GivingPorts = { addon: native, clock: systemClock, plane, inherited: [spare], estate: () => estate }
  const giving = give(successor, ports, async () => {
    told.push('let go')
  })
  return { told, giving, theirs, spare, taker: new Channel(native, systemClock, theirs) }
}

t.test('everything goes over, and the old one lets go only when the new one has it', async (t) => {
  const { told, giving, theirs, spare } = setUp(t)
  const taking = new Taking(native, systemClock, theirs)
  const legacy = await taking.receive('0.2.0')
  t.strictSame(told, ['handed over'])
  t.strictSame(legacy.estate, estate)
  t.equal(legacy.sessions.toString(), 'records')
  t.equal(legacy.descriptors.length, 4)
  await taking.untilGo()
  t.strictSame(await giving, { ok: true })
  t.strictSame(told, ['handed over', 'let go'])
  const taken: unknown[] = []
  const plane = {
    offer: (place: string, descriptor: number) => taken.push([place, descriptor]),
    adopt: (sessions: Buffer, descriptors: readonly number[]) => taken.push([sessions.toString(), descriptors]),
    closeOffers: () => taken.push('closed')
  }
  offerListeners(legacy, plane)
  adoptSessions(legacy, plane)
  t.strictSame(taken, [['10.0.0.1:80', legacy.descriptors[0]], ['records', legacy.descriptors.slice(2)], 'closed'])
  t.strictSame([...inheritedBefore(legacy)], [['api', [legacy.descriptors[1]]]], 'of the service manager, by its name')
  t.equal(native.identityOf(legacy.descriptors[1] ?? -1), native.identityOf(spare), 'and it is still open here')
  native.closeDescriptors(legacy.descriptors)
})

const refused = /^the new process did not take over, and this one goes on: /

t.test('a successor of another format is refused before anything stands still', async (t) => {
  for (const [format, sessions] of [
    [2, native.handoverFormat],
    [1, 99]
  ]) {
    const { told, giving, taker } = setUp(t)
    await taker.tell({ type: 'ready', format, sessions, version: '9.0.0' }, 1000)
    const given = await giving
    t.notOk(given.ok)
    t.match(given.ok ? '' : given.error, /version 9\.0\.0 takes over by format [\d.]+, and ours is 1\.1/)
    t.strictSame(told, ['killed'])
    taker.close()
  }
})

t.test('one that ends, says something else, or is no vipd: the old one goes on', async (t) => {
  const gone = setUp(t)
  gone.taker.close()
  t.match(await gone.giving, { ok: false, error: refused })
  t.strictSame(gone.told, ['killed'])
  const strange = setUp(t)
  await strange.taker.tell({ type: 'hello' }, 1000)
  t.match(await strange.giving, { ok: false, error: /no vipd that can take over/ })
  strange.taker.close()
})

t.test('one that ends while sessions stand still: they are taken back', async (t) => {
  const { told, giving, taker } = setUp(t)
  await taker.tell({ type: 'ready', format: 1, sessions: native.handoverFormat, version: '0.1.0' }, 1000)
  await taker.next(1000)
  taker.close()
  t.match(await giving, { ok: false, error: refused })
  t.strictSame(told, ['handed over', 'killed', 'taken back: records with 2 descriptors'])
})

t.test('one that gets everything and then falls silent: after three seconds they are taken back', async (t) => {
  const { told, giving, theirs, taker } = setUp(t)
  const legacy = await new Taking(native, systemClock, theirs).receive('0.1.0')
  const given = await giving
  t.match(given, { ok: false, error: /it said nothing within \d+/ })
  t.strictSame(told, ['handed over', 'killed', 'taken back: records with 2 descriptors'])
  native.closeDescriptors(legacy.descriptors)
  taker.close()
})

t.test('the new one touches nothing and ends where the old one does not give', async (t) => {
  const [ours, theirs] = native.openPair()
  native.closeDescriptors([ours])
  await t.rejects(new Taking(native, systemClock, theirs).receive('0.1.0'), { code: 'TAKE_OVER_FAILED' })
  native.closeDescriptors([theirs])
  const cut = setUp(t)
  const other = new Channel(native, systemClock, native.openPair()[0])
  other.close()
  const taking = new Taking(native, systemClock, cut.theirs)
  const legacy = await taking.receive('0.1.0')
  native.closeDescriptors(legacy.descriptors)
  cut.taker.close()
  await cut.giving
})

t.test('what is larger than one message comes in pieces, with every descriptor', async (t) => {
  const [ours, theirs] = native.openPair()
  const [from, to] = [new Channel(native, systemClock, ours), new Channel(native, systemClock, theirs)]
  const bytes = Buffer.alloc(3 << 20, 'abc')
  const descriptors = Array.from({ length: 600 }, (_, i) => i % 3)
  const [got] = await Promise.all([
    to.collect(bytes.length, descriptors.length, 5000),
    from.pour(bytes, descriptors, 5000)
  ])
  t.ok(got.bytes.equals(bytes))
  t.equal(got.descriptors.length, 600)
  native.closeDescriptors(got.descriptors)
  await t.rejects(Promise.all([to.collect(10, 0, 500), from.pour(Buffer.alloc(11), [], 500)]), /more than it had said/)
  await from.tell({ type: 'x' }, 100)
  await t.rejects(to.collect(10, 0, 500), /something else in between/)
  await t.rejects(to.next(20), /said nothing within 20 ms/)
  await t.rejects(from.pour(Buffer.alloc(50 << 20), [], 100), /does not read/)
  from.close()
  to.close()
})

t.test('a data plane that answers too late gets everything back', async (t) => {
  const clock = new ManualClock()
  const back: string[] = []
  let answer: (handed: HandedPlane) => void = () => undefined
  const plane = {
    handOver: (done: typeof answer) => {
      answer = done
    },
    adopt: (sessions: Buffer) => back.push(sessions.toString())
  }
  const handing = handOver({ plane, clock, addon: native })
  const failed = t.rejects(handing, /the data plane does not answer/)
  await clock.advance(3000)
  await failed
  answer({ sessions: Buffer.from('records'), descriptors: [], listeners: [] })
  t.strictSame(back, ['records'])
})
