import fc from 'fast-check'
import t from 'tap'
import { growsSlowly, stepOf, stepOfMaxconn } from '../../../src/proxy/slowstart.js'
import { countersOf, fakeService, HOSTS, serviceConfig, THREE } from '../../fakes/fake-service.js'

const config = (slowstartMs: number) => {
  const [one] = serviceConfig(`{ name: a, address: 10.0.0.1:1, slowstart: ${slowstartMs} }`).servers
  if (one === undefined) throw new Error('no server')
  return one
}

t.test('sixteen steps from a sixteenth to all of it, as haproxy takes them', async (t) => {
  const at = (ms: number) => stepOf({ config: config(16_000), rampFromMs: 1000 }, 1000 + ms)
  t.strictSame([0, 999, 1000, 7999, 8000, 14_999, 15_000, 100_000].map(at), [1, 1, 2, 8, 9, 15, 16, 16])
  t.equal(stepOf({ config: config(16_000), rampFromMs: null }, 5), 16, 'never been down')
  t.equal(stepOf({ config: config(0), rampFromMs: 0 }, 0), 16, 'no slowstart')
})

t.test('a share never shrinks while it grows, and gets there in time', async (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 86_400_000 }),
      fc.array(fc.nat(100_000_000), { minLength: 2, maxLength: 20 }),
      (slowstartMs, times) => {
        const ramp = { config: { ...config(0), slowstartMs }, rampFromMs: 0 }
        let last = 0
        for (const now of times.sort((a, b) => a - b)) {
          const step = stepOf(ramp, now)
          if (step < last || step < 1 || step > 16) throw new Error(`${last} → ${step}`)
          if (now >= slowstartMs && step !== 16) throw new Error(`${step} after all of it`)
          last = step
        }
      }
    )
  )
  t.pass()
})

t.test('maxconn grows with it: at least one, and none stays none', async (t) => {
  t.equal(stepOfMaxconn(0, 1), 0)
  t.equal(stepOfMaxconn(8, 1), 1)
  t.equal(stepOfMaxconn(160, 8), 80)
  t.equal(stepOfMaxconn(160, 16), 160)
})

t.test('no share grows where clients are looked up in a map, or where there are no shares', async (t) => {
  const grows = (balance: string) => growsSlowly(serviceConfig(THREE, `    balance: ${balance}\n`))
  t.strictSame(
    ['roundrobin', 'leastconn', 'random', 'static-rr', 'first', 'source', 'source\n    hash_type: consistent'].map(
      grows
    ),
    [true, true, true, false, false, false, true]
  )
})

const SLOW = THREE.replaceAll('6443 }', '6443, slowstart: 16s, maxconn: 32 }')

t.test('a server that was down comes back with a sixteenth, and has its share after slowstart', async (t) => {
  const { begin, plane, clock, say, one } = fakeService(serviceConfig(SLOW))
  await begin()
  const weights = () => plane.table?.servers.map(({ weight }) => weight)
  t.strictSame(weights(), [16, 16, 16], 'not at the start')
  say(false, HOSTS[0])
  await clock.advance(3000)
  t.strictSame(plane.table?.rotation, [1, 2])
  say(true, HOSTS[0])
  await clock.advance(2000)
  t.strictSame(weights(), [1, 16, 16])
  t.equal(plane.table?.servers[0]?.maxconn, 2)
  t.equal(plane.table?.rotation.filter((index) => index === 0).length, 1)
  t.equal(plane.table?.rotation.length, 33)
  t.match(one.snapshot(undefined).servers[0], { slowstart_percent: 6, effective_weight: 0.06, weight: 1, maxconn: 2 })
  await clock.advance(8000)
  t.strictSame(weights(), [9, 16, 16])
  await clock.advance(8000)
  t.strictSame(weights(), [16, 16, 16])
  t.equal(plane.table?.servers[0]?.maxconn, 32)
  t.match(one.snapshot(undefined).servers[0], { slowstart_percent: null, effective_weight: 1 })
  const published = plane.tables.length
  await clock.advance(5000)
  t.equal(plane.tables.length, published, 'and then nothing is published any more')
})

t.test('out of maintenance it warms up too; after a drain it does not', async (t) => {
  const { begin, one, plane, clock } = fakeService(serviceConfig(SLOW))
  await begin()
  one.order('a', { kind: 'state', state: 'drain' })
  one.order('a', { kind: 'state', state: 'ready' })
  t.equal(plane.table?.servers[0]?.weight, 16)
  one.order('b', { kind: 'state', state: 'maint' })
  one.order('b', { kind: 'state', state: 'ready' })
  await clock.advance(0)
  t.equal(plane.table?.servers[1]?.weight, 1)
})

t.test('a server that a reload adds to those that are busy warms up', async (t) => {
  const { begin, reload, answer, clock, plane } = fakeService(serviceConfig(SLOW))
  await begin()
  reload(serviceConfig(`${SLOW}, { name: d, address: 10.0.0.4:6443, slowstart: 16s }`))
  answer('10.0.0.4', true)
  await clock.advance(0)
  t.strictSame(
    plane.table?.servers.map(({ weight }) => weight),
    [16, 16, 16, 1]
  )
})

t.test('nothing is rebalanced while a share still grows', async (t) => {
  const rebalance = '    rebalance: { max_skew: 1.2, per_minute: 60 }\n'
  const { begin, one, clock, plane } = fakeService(serviceConfig(SLOW, rebalance))
  await begin()
  one.order('b', { kind: 'state', state: 'maint' })
  one.order('b', { kind: 'state', state: 'ready' })
  one.look(countersOf([{ current: 100 }, { current: 0 }, { current: 100 }]))
  await clock.advance(5000)
  t.equal(plane.asked.length, 0)
  t.equal(one.snapshot(undefined).rebalance?.skew, null)
  await clock.advance(12_000)
  t.ok(plane.asked.length > 0)
})
