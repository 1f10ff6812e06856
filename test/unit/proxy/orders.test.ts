import t from 'tap'
import { countersOf, fakeService, HOSTS, serviceConfig, THREE } from '../../fakes/fake-service.js'

const [A] = HOSTS

t.test('drain: no new connections at once, old ones go on, and what is left is told', async (t) => {
  const { begin, one, walk, closes, log } = fakeService(serviceConfig(THREE))
  await begin()
  one.look(countersOf([{ current: 7 }]))
  t.strictSame(one.order('a', { kind: 'state', state: 'drain' }), {
    status: 'DRAIN',
    detail: 'drains by order: `vipd server api/a ready` ends it; 7 sessions left'
  })
  t.equal(walk(), 'bc', 'it is in force when the answer comes')
  t.strictSame(closes(), ['', '', ''])
  t.match(log.said('server drains').at(-1)?.facts, { server: 'a', sessions: 7, up: 2 })
  t.strictSame(one.order('a', { kind: 'state', state: 'ready' }), { status: 'UP', detail: 'weight 1' })
  t.equal(walk(), 'abc')
})

t.test('maint: not checked, old sessions closed; ready brings it back after its first check', async (t) => {
  const { begin, one, walk, closes, probes, clock, say, log } = fakeService(serviceConfig(THREE))
  await begin()
  t.match(one.order('a', { kind: 'state', state: 'maint' }), { status: 'MAINT' })
  t.strictSame(closes(), ['down', '', ''])
  t.equal(log.said('server is in maintenance').length, 1)
  say(false, A)
  await clock.advance(10_000)
  t.equal(one.snapshot(undefined).servers[0]?.status, 'MAINT')
  t.equal(probes.length, 0)
  say(true, A)
  t.match(one.order('a', { kind: 'state', state: 'ready' }), { status: 'UP' })
  t.equal(walk(), 'abc')
})

t.test('a server that comes out of maintenance is no alarm while its first check is under way', async (t) => {
  const { begin, one, log, clock } = fakeService(serviceConfig(`${THREE}, { name: d, address: 10.0.0.4:1 }`))
  await begin()
  one.order('d', { kind: 'state', state: 'maint' })
  t.strictSame(one.order('d', { kind: 'state', state: 'ready' }), {
    status: 'DOWN',
    detail: 'not checked yet: it gets connections when its first check has passed'
  })
  await clock.advance(100)
  t.strictSame(log.said('server is DOWN'), [])
  t.match(log.said('server is checked first')[0], { level: 'info', facts: { server: 'd', status: 'DOWN' } })
})

t.test('weight: the share changes, the order of the others does not', async (t) => {
  const { begin, one, walk } = fakeService(serviceConfig(THREE))
  await begin()
  t.strictSame(one.order('b', { kind: 'weight', weight: 2 }), { status: 'UP', detail: 'weight 2; 1 is configured' })
  t.equal(walk(), 'bacb')
  t.match(one.snapshot(undefined).servers[1], { weight: 2, effective_weight: 2 })
  t.match(one.order('b', { kind: 'weight', weight: 0 }), { status: 'DRAIN' })
  t.equal(walk(), 'ac')
  t.match(one.order('b', { kind: 'weight', weight: 256 }), { status: 'UP' })
})

t.test('a server that is disabled waits for the order; one that nobody knows has none', async (t) => {
  const { begin, one, walk, probes, answer } = fakeService(
    serviceConfig(`${THREE}, { name: d, address: 10.0.0.4:1, disabled: true }`)
  )
  await begin()
  t.equal(walk(), 'abc')
  t.equal(one.snapshot(undefined).servers[3]?.status, 'MAINT')
  t.equal(probes.length, 0)
  t.match(one.order('d', { kind: 'state', state: 'ready' }), { status: 'DOWN', detail: 'not checked yet' })
  answer('10.0.0.4', true)
  t.equal(one.snapshot(undefined).servers[3]?.status, 'UP')
  t.equal(one.order('x', { kind: 'state', state: 'ready' }), undefined)
})

t.test('all servers ordered away leave nobody: no server fails open against an order', async (t) => {
  const { begin, one, walk, log } = fakeService(serviceConfig(THREE))
  await begin()
  for (const name of ['a', 'b', 'c']) one.order(name, { kind: 'state', state: 'drain' })
  t.equal(walk(), '')
  t.equal(log.said('no server is available: clients are reset at once').length, 1)
})
