import t from 'tap'
import type { LiveSession } from '../../../src/os/plane.js'
import { type Load, skewOf, surplusOf } from '../../../src/proxy/rebalance.js'
import { errno } from '../../fakes/fake-plane.js'
import { countersOf, fakeService, serviceConfig, THREE } from '../../fakes/fake-service.js'

const loads = (...all: (readonly [number, number])[]): Load[] =>
  all.map(([current, weight], server) => ({ server, current, weight }))

t.test('a server has too many when it has more than max_skew times its share, and 4 more than it', async (t) => {
  t.strictSame(surplusOf(loads([90, 1], [0, 1], [0, 1]), 1.5), { server: 0, excess: 60 })
  t.strictSame(surplusOf(loads([40, 1], [50, 1], [60, 1]), 1.5), undefined)
  t.strictSame(surplusOf(loads([20, 1], [50, 3], [130, 1]), 1.5), { server: 2, excess: 90 }, 'by weight')
  t.strictSame(surplusOf(loads([6, 1], [0, 1]), 1.5), undefined, 'three above its share are nothing')
  t.strictSame(surplusOf(loads([100, 1]), 1.5), undefined, 'nobody else is there')
  t.strictSame(surplusOf(loads([0, 1], [0, 1]), 1.1), undefined)
  t.strictSame(surplusOf([], 1.1), undefined)
})

t.test('the skew is the most that a server has of its share', async (t) => {
  t.equal(skewOf(loads([90, 1], [0, 1], [0, 1])), 3)
  t.equal(skewOf(loads([30, 2], [15, 1])), 1)
  t.equal(skewOf([]), 1)
})

const session = (id: number, overrides: Partial<LiveSession> = {}): LiveSession => ({
  id,
  service: 2,
  backend: 2,
  server: 0,
  client: '10.1.0.1:1',
  listener: '',
  local: '',
  bytesIn: 0,
  bytesOut: 0,
  state: 'established',
  ageMs: 1000 * id,
  idleMs: 60_000,
  ...overrides
})

/** A service whose first server has all of 90 sessions, 30 of which are quiet. */
async function uneven(rebalance: string) {
  const world = fakeService(serviceConfig(THREE, `    rebalance: ${rebalance}\n`))
  await world.begin()
  world.plane.live = Array.from({ length: 90 }, (_, i) => session(i + 1, { idleMs: i % 3 === 0 ? 60_000 : 10 }))
  world.one.look(countersOf([{ current: 90 }, {}, {}]))
  return world
}

t.test('the oldest quiet sessions are closed, as many in a minute as allowed, steadily', async (t) => {
  const { clock, plane, one, log } = await uneven('{ per_minute: 6, quiet: 5s }')
  await clock.advance(9999)
  t.equal(plane.killed.length, 0)
  await clock.advance(1)
  t.strictSame(plane.killed, [{ session: 88, quietMs: 5000 }])
  t.match(plane.asked, [{ service: 2, server: 0, quietMs: 5000 }])
  await clock.advance(50_000)
  t.equal(plane.killed.length, 6)
  t.match(one.snapshot(undefined).rebalance, { max_skew: 1.5, per_minute: 6, skew: 3, asked: 6 })
  t.match(log.said('sessions closed so that their clients are spread anew')[0]?.facts, { server: 'a', sessions: 1 })
})

t.test('a pace that is no whole number is kept over each minute', async (t) => {
  for (const perMinute of [1, 7, 90, 100]) {
    const { clock, plane } = await uneven(`{ per_minute: ${perMinute}, quiet: 1s }`)
    plane.live = Array.from({ length: 500 }, (_, i) => session(i + 1))
    const per: number[] = []
    for (let minute = 0; minute < 3; minute++) {
      const before = plane.killed.length
      await clock.advance(60_000)
      per.push(plane.killed.length - before)
    }
    t.strictSame(per, [perMinute, perMinute, perMinute], String(perMinute))
  }
})

t.test('no more is closed than is above the share, and nothing once it is even', async (t) => {
  const { clock, plane, one } = await uneven('{ per_minute: 6000, quiet: 1s }')
  plane.live = Array.from({ length: 90 }, (_, i) => session(i + 1))
  await clock.advance(1000)
  t.equal(plane.killed.length, 60)
  one.look(countersOf([{ current: 30 }, { current: 30 }, { current: 30 }]))
  await clock.advance(60_000)
  t.equal(plane.killed.length, 60)
})

t.test('busy sessions, those of another server and those that are not established are left alone', async (t) => {
  const { clock, plane } = await uneven('{ per_minute: 600, quiet: 1s }')
  plane.live = [
    session(1, { server: 1 }),
    session(2, { backend: 3 }),
    session(3, { idleMs: 5 }),
    session(4, { state: 'connecting' })
  ]
  await clock.advance(60_000)
  t.strictSame(plane.killed, [])
})

t.test('nothing is closed while backups serve, and where clients would come back to the same server', async (t) => {
  const backup = await uneven('{ per_minute: 600 }')
  backup.say(false, '10.0.0.1', '10.0.0.2', '10.0.0.3')
  await backup.clock.advance(10_000)
  const before = backup.plane.killed.length
  await backup.clock.advance(60_000)
  t.equal(backup.plane.killed.length, before)
  for (const algorithm of ['source', 'first'] as const) {
    const { clock, plane, one, reload } = await uneven('{ per_minute: 600 }')
    reload({ ...serviceConfig(THREE, '    rebalance: { per_minute: 600 }\n'), balance: { algorithm, draws: 2 } })
    await clock.advance(60_000)
    t.strictSame(plane.asked, [], algorithm)
    t.equal(one.snapshot(undefined).rebalance, null)
  }
})

t.test('it rests while backups serve, however uneven they are', async (t) => {
  const servers =
    '{ name: a, address: 10.0.0.1:1 }, { name: b, address: 10.0.0.2:1, backup: true }, { name: c, address: 10.0.0.3:1, backup: true }'
  const more = '    allbackups: true\n    rebalance: { per_minute: 60, quiet: 1s }\n'
  const { begin, say, clock, one, plane } = fakeService(serviceConfig(servers, more))
  await begin()
  say(false, '10.0.0.1')
  await clock.advance(3000)
  t.equal(one.snapshot(undefined).serving, 'backup')
  one.look(countersOf([{}, { current: 90 }, {}]))
  await clock.advance(60_000)
  t.strictSame(plane.asked, [])
})

t.test('what is right when the sessions are known decides, not when they were asked for', async (t) => {
  const { clock, plane, one } = await uneven('{ per_minute: 60, quiet: 1s }')
  plane.late = []
  await clock.advance(3000)
  t.equal(plane.asked.length, 1, 'one question at a time')
  one.look(countersOf([{}, { current: 90 }, {}]))
  for (const answer of plane.late.splice(0)) answer()
  t.strictSame(plane.killed, [], 'another server has too many by now')
  await clock.advance(1000)
  t.match(plane.asked.at(-1), { server: 1 })
})

t.test('off, it looks at nothing; a reload turns it on and off', async (t) => {
  const { clock, plane, one, reload } = await uneven('{ per_minute: 60, quiet: 1s }')
  await clock.advance(1000)
  t.equal(plane.killed.length, 1)
  reload(serviceConfig(THREE))
  await clock.advance(60_000)
  t.equal(plane.killed.length, 1)
  t.equal(one.snapshot(undefined).rebalance, null)
  reload(serviceConfig(THREE, '    rebalance: { per_minute: 60, quiet: 1s }\n'))
  await clock.advance(1000)
  t.equal(plane.killed.length, 2)
})

t.test('a data plane that takes no question now is asked again at the next look', async (t) => {
  const { clock, plane } = await uneven('{ per_minute: 60, quiet: 1s }')
  plane.unwilling = errno('EAGAIN')
  await clock.advance(2000)
  t.strictSame(plane.killed, [])
  plane.unwilling = undefined
  await clock.advance(1000)
  t.equal(plane.killed.length, 1)
})
