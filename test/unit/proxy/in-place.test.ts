import t from 'tap'
import { Roster } from '../../../src/proxy/roster.js'
import { countersOf, fakeService, HOSTS, serviceConfig, servicePorts, THREE } from '../../fakes/fake-service.js'

const [A, B] = HOSTS
const entriesOf = (
  table: { readonly servers: readonly { readonly id: number; readonly address: string }[] } | undefined
) => table?.servers.map(({ id, address }) => `${id} ${address}`)

t.test('the same configuration again publishes nothing and checks nothing anew', async (t) => {
  const { begin, reload, plane, clock } = fakeService(serviceConfig(THREE))
  await begin()
  const published = plane.tables.length
  reload(serviceConfig(THREE))
  await clock.advance(500)
  t.equal(plane.tables.length, published)
})

t.test('another timeout is published at once; servers, their health and their identities stay', async (t) => {
  const { begin, reload, plane, say, clock, walk, one } = fakeService(serviceConfig(THREE))
  await begin()
  say(false, A)
  await clock.advance(3000)
  reload(serviceConfig(THREE, '    timeout: { connect: 3s }\n'))
  t.equal(plane.table?.connectTimeoutMs, 3000)
  t.equal(walk(), 'bc')
  t.strictSame(entriesOf(plane.table), ['0 10.0.0.1', '1 10.0.0.2', '2 10.0.0.3'])
  t.equal(one.snapshot(undefined).servers[0]?.since, '2026-01-01T00:00:03.000Z')
})

t.test('a server that is added is checked first; one that is removed keeps its sessions until they end', async (t) => {
  const { begin, reload, plane, answer, clock, walk, one, log } = fakeService(serviceConfig(THREE))
  await begin()
  reload(
    serviceConfig(
      '{ name: b, address: 10.0.0.2:6443 }, { name: c, address: 10.0.0.3:6443 }, { name: d, address: 10.0.0.4:6443 }'
    )
  )
  t.equal(walk(), 'bc')
  t.strictSame(entriesOf(plane.table), ['1 10.0.0.2', '2 10.0.0.3', '3 10.0.0.4', '0 10.0.0.1'])
  t.equal(plane.table?.servers.at(-1)?.closeSessions, '')
  answer('10.0.0.4', true)
  await clock.advance(0)
  t.equal(walk(), 'bcd')
  const busy = countersOf([{ current: 5 }, {}, {}, {}])
  await clock.advance(5000)
  one.look(busy)
  await clock.advance(0)
  t.equal(plane.table?.servers.length, 4)
  t.strictSame(one.snapshot(busy).leaving, [{ name: 'a', since_s: 5, sessions: 5 }])
  one.look(countersOf([{ current: 0 }, {}, {}, {}]))
  await clock.advance(0)
  t.equal(plane.table?.servers.length, 3)
  t.strictSame(one.snapshot(undefined).leaving, [])
  t.match(log.said('server has no session left').at(-1)?.facts, { server: 'a' })
  t.equal(one.serverName(0), 'a', 'records of its sessions may still come')
})

t.test('one that is removed is not let go before workers can have heard of it', async (t) => {
  const { begin, reload, plane, one, clock } = fakeService(serviceConfig(THREE))
  await begin()
  reload(serviceConfig('{ name: b, address: 10.0.0.2:6443 }'))
  one.look(countersOf([]))
  await clock.advance(999)
  one.look(countersOf([]))
  await clock.advance(0)
  t.equal(plane.table?.servers.length, 3)
  await clock.advance(1)
  one.look(countersOf([]))
  await clock.advance(0)
  t.equal(plane.table?.servers.length, 1)
})

t.test(
  'another address is another server: the old one drains under its identity, the new one is checked',
  async (t) => {
    const { begin, reload, plane, walk } = fakeService(serviceConfig(THREE))
    await begin()
    reload(serviceConfig(THREE.replace('10.0.0.1', '10.0.0.9')))
    t.equal(walk(), 'bc')
    t.strictSame(entriesOf(plane.table), ['3 10.0.0.9', '1 10.0.0.2', '2 10.0.0.3', '0 10.0.0.1'])
  }
)

t.test('another name for an address is the same server', async (t) => {
  const { begin, reload, plane, walk, one } = fakeService(serviceConfig(THREE))
  await begin()
  reload(serviceConfig(THREE.replace('name: a', 'name: master01')))
  t.equal(walk(), 'master01bc')
  t.strictSame(entriesOf(plane.table), ['0 10.0.0.1', '1 10.0.0.2', '2 10.0.0.3'])
  t.equal(one.serverId('master01'), 0)
  t.equal(one.serverId('a'), undefined)
})

t.test('two servers that change their addresses are both new', async (t) => {
  const { begin, reload, plane } = fakeService(serviceConfig(THREE))
  await begin()
  reload(
    serviceConfig(
      `{ name: a, address: ${B}:6443 }, { name: b, address: ${A}:6443 }, { name: c, address: 10.0.0.3:6443 }`
    )
  )
  t.strictSame(entriesOf(plane.table)?.slice(0, 3), ['3 10.0.0.2', '4 10.0.0.1', '2 10.0.0.3'])
})

t.test('an order stands over a reload, until the file says something new of the same', async (t) => {
  const { begin, reload, one, walk } = fakeService(serviceConfig(THREE))
  await begin()
  one.order('a', { kind: 'weight', weight: 2 })
  one.order('b', { kind: 'state', state: 'drain' })
  reload(serviceConfig(THREE, '    retries: 1\n'))
  t.equal(walk(), 'aca')
  reload(serviceConfig(THREE.replace('10.0.0.1:6443 }', '10.0.0.1:6443, weight: 3 }')))
  t.equal(walk(), 'aaca')
  t.match(one.snapshot(undefined).servers[1], { status: 'DRAIN', admin: 'drain' })
})

t.test('another check takes over where the old one stood', async (t) => {
  const { begin, reload, probes, clock, walk, say } = fakeService(serviceConfig(THREE))
  await begin()
  reload(serviceConfig(THREE.replaceAll('6443 }', '6443, check: { addr: 10.9.9.9, fall: 2 } }')))
  t.equal(walk(), 'abc')
  t.equal(probes.length, 3, 'each is asked at once')
  t.ok(probes.every(({ host }) => host === '10.9.9.9'))
  say(false, '10.9.9.9')
  for (const { done } of probes.splice(0)) done({ isOk: false, code: 'L4CON', detail: '', tookMs: 1 })
  await clock.advance(1000)
  t.equal(walk(), '')
})

t.test('identities come round again, past those that are in use', async (t) => {
  const { ports, clock } = servicePorts()
  const [first, config] = serviceConfig(THREE).servers
  if (first === undefined || config === undefined) throw new Error('no servers')
  const probe = () => () => undefined
  const roster = new Roster({ ...ports, probe }, () => undefined)
  const last: number[] = []
  for (let i = 0; i < 65_540; i++) {
    const address = { ...config.address, host: `10.${i >> 14}.${(i >> 7) & 127}.${i & 127}` }
    roster.configure([first, { ...config, address }])
    clock.time.skip(1000)
    roster.release([])
    if (i >= 65_530) last.push(...roster.servers.map(({ id }) => id).slice(1))
  }
  t.strictSame(last, [65_531, 65_532, 65_533, 65_534, 65_535, 1, 2, 3, 4, 5])
})

t.test('identities are not given twice while their owner is here or leaves', async (t) => {
  const { begin, reload, plane } = fakeService(serviceConfig(THREE))
  await begin()
  for (let i = 0; i < 50; i++)
    reload(serviceConfig(`{ name: a, address: 10.0.1.${i}:1 }, { name: b, address: 10.0.0.2:6443 }`))
  const ids = plane.table?.servers.map(({ id }) => id) ?? []
  t.equal(new Set(ids).size, ids.length)
  t.equal(ids.length, 53)
})
