import t from 'tap'
import { Services } from '../../../src/daemon/services.js'
import type { DataPlaneCounters, ServiceCounters } from '../../../src/os/plane.js'
import { configOf } from '../../fakes/fake-node.js'
import { errno } from '../../fakes/fake-plane.js'
import { countersOf, servicePorts } from '../../fakes/fake-service.js'

const SERVER = 'servers: [ { name: s1, address: 10.0.0.1:6443 }, { name: s2, address: 10.0.0.2:6443 } ]'
const service = (name: string, port: number, more = SERVER): string =>
  `  - { name: ${name}, bind: [ 10.32.255.99:${port} ], ${more} }\n`
const config = (...services: readonly string[]) => configOf(`proxy:\n${services.join('')}`)
const plane = (...services: readonly ServiceCounters[]): DataPlaneCounters => ({
  services,
  heartbeats: [],
  eventsDropped: 0,
  recordsDropped: 0,
  bytesSpliced: 0
})

async function run(first: ReturnType<typeof configOf>, fits = 1000) {
  const world = servicePorts()
  world.say(true, '10.0.0.1', '10.0.0.2', '10.0.0.3')
  const services = new Services(fits, world.ports)
  services.configure(first)
  const before = world.plane.told.length
  services.start()
  await world.clock.advance(0)
  const reload = async (...all: readonly string[]): Promise<string[]> => {
    const at = world.plane.told.length
    services.configure(config(...all))
    await world.clock.advance(0)
    return world.plane.told.slice(at)
  }
  const idOf = (name: string): number => services.idsOf(name)?.service ?? -1
  return { ...world, services, before, reload, idOf }
}

t.test('nothing is published before the start, then every service, each with an identity of its own', async (t) => {
  const { before, plane: fake, services } = await run(config(service('one', 1001), service('two', 1002)))
  t.equal(before, 0)
  t.strictSame(fake.told.slice(0, 2), ['publish 0', 'publish 1'])
  t.strictSame(
    services.list.map(({ name, id }) => [name, id]),
    [
      ['one', 0],
      ['two', 1]
    ]
  )
})

t.test('a reload touches the services that it changes and no others', async (t) => {
  const { reload, plane: fake } = await run(config(service('one', 1001), service('two', 1002)))
  t.strictSame(await reload(service('one', 1001), service('two', 1002)), [])
  t.strictSame(await reload(service('one', 1001, `retries: 9, ${SERVER}`), service('two', 1002)), ['publish 0'])
  t.equal(fake.of(0)?.retries, 9)
})

t.test(
  'a service that is added listens and is checked; one that is removed closes its listener and keeps its sessions',
  async (t) => {
    const { reload, plane: fake, services } = await run(config(service('one', 1001)))
    await reload(service('one', 1001), service('two', 1002))
    t.strictSame(fake.of(1)?.rotation, [0, 1])
    t.strictSame(await reload(service('two', 1002)), ['withdraw 0'])
    t.strictSame(fake.withdrawn, [{ service: 0, closeSessions: false }])
    t.strictSame(services.names(0, 1), { service: 'one', server: 's2' }, 'records of its sessions may still come')
    t.equal(services.idsOf('one'), undefined)
    await reload(service('one', 1001), service('two', 1002))
    t.equal(services.idsOf('one')?.service, 2, 'and its identity is not given to another')
  }
)

t.test('another name on the same listener is the same service', async (t) => {
  const { reload, idOf, services } = await run(config(service('one', 1001), service('two', 1002)))
  t.strictSame(await reload(service('api', 1001), service('two', 1002)), [])
  t.equal(idOf('api'), 0)
  t.equal(services.names(0, -1).service, 'api')
})

t.test('routes name services by identity, and the services that are routed to come first', async (t) => {
  const pool = `  - { name: pool, ${SERVER} }\n`
  const sni = 'sni: [ { servername: [ A.example.com, "*.b.example.com" ], service: pool } ]'
  const { plane: fake, idOf, reload } = await run(config(service('one', 1001, `${sni}, ${SERVER}`), pool))
  t.strictSame(fake.told.slice(0, 2), ['publish 1', 'publish 0'])
  t.strictSame(fake.of(idOf('one'))?.routes, [
    { servername: 'a.example.com', service: 1 },
    { servername: '*.b.example.com', service: 1 }
  ])
  t.strictSame(fake.of(idOf('pool'))?.listeners, [])
  const next = `  - { name: next, ${SERVER} }\n`
  const told = await reload(service('one', 1001, `${sni.replace('service: pool', 'service: next')}, ${SERVER}`), next)
  t.strictSame(told.slice(0, 2), ['publish 2', 'publish 0'])
  t.ok(told.indexOf('withdraw 1') > 1, 'nobody is routed to a service that is no more')
  t.strictSame(fake.of(0)?.routes[0]?.service, 2)
})

t.test('a listener that moves from one service to another is left by the first one first, in silence', async (t) => {
  const {
    reload,
    plane: fake,
    idOf,
    services,
    log,
    clock
  } = await run(config(service('one', 1001), service('two', 1002)))
  const told = await reload(service('two', 1001), service('one', 1003))
  t.strictSame(told, ['publish 0', 'publish 1'])
  t.match(fake.of(idOf('two'))?.listeners, [{ port: 1001 }])
  fake.taken.add(1003)
  // The workers have not closed 1003 yet.
  await reload(service('two', 1003), service('one', 1004))
  t.equal(services.faults.length, 0)
  t.equal(log.said('cannot listen').length, 0)
  await clock.advance(100)
  fake.taken.clear()
  await clock.advance(50)
  t.match(fake.of(idOf('two'))?.listeners, [{ port: 1003 }])
  t.equal(log.said('cannot listen').length, 0)
})

t.test('a service that takes the place of a removed one comes after it', async (t) => {
  const { reload } = await run(config(service('one', 1001), service('two', 1002)))
  t.strictSame((await reload(service('two', 1001))).slice(0, 2), ['withdraw 0', 'publish 1'])
})

t.test('a handover that does not come about is a fault after half a second', async (t) => {
  const { reload, plane: fake, services, clock } = await run(config(service('one', 1001), service('two', 1002)))
  fake.taken.add(1001)
  await reload(service('two', 1001), service('one', 1003))
  await clock.advance(450)
  t.match(services.faults, [/^proxy two: cannot listen on 10\.32\.255\.99:1001: .*; tried again every second$/])
})

t.test('a new listener that cannot be bound is told; the old one stays', async (t) => {
  const { reload, plane: fake, services } = await run(config(service('one', 1001)))
  fake.taken.add(2002)
  await reload(service('one', 2002))
  t.match(services.faults, [/^proxy one: cannot listen on 10\.32\.255\.99:2002/])
  t.match(fake.of(0)?.listeners, [{ port: 1001 }])
  t.match(services.snapshots(plane())[0], { listening: true, fault: /2002/ })
})

t.test('a service has no more sessions than the data plane was made for', async (t) => {
  const { plane: fake } = await run(config(service('one', 1001), service('two', 1002, `maxconn: 40, ${SERVER}`)), 100)
  t.equal(fake.of(0)?.maxconn, 100)
  t.equal(fake.of(1)?.maxconn, 40)
})

t.test('orders go by names, and a wrong name is answered by the nearest one', async (t) => {
  const { services, plane: fake } = await run(config(service('https-apiserver', 1001), service('two', 1002)))
  t.match(services.order('two', 's1', { kind: 'state', state: 'drain' }), { ok: true, status: 'DRAIN' })
  t.strictSame(fake.of(1)?.rotation, [1])
  const order = { kind: 'weight', weight: 3 } as const
  t.strictSame(services.order('https-apiserve', 's1', order), {
    ok: false,
    error: 'there is no service https-apiserve: did you mean https-apiserver?'
  })
  t.strictSame(services.order('two', 's9', order), { ok: false, error: 'two has no server s9: did you mean s1?' })
  t.match(services.order('two', 'apiserver01', order), { ok: false, error: /known there: s1, s2$/ })
})

t.test('names and identities, both ways', async (t) => {
  const { services } = await run(config(service('one', 1001), service('two', 1002)))
  t.strictSame(services.idsOf(), { service: -1, server: -1 })
  t.strictSame(services.idsOf('two'), { service: 1, server: -1 })
  t.strictSame(services.idsOf('two', 's2'), { service: 1, server: 1 })
  t.equal(services.idsOf('two', 's3'), undefined)
  t.equal(services.idsOf('three'), undefined)
  t.strictSame(services.names(1, 0), { service: 'two', server: 's1' })
  t.strictSame(services.names(1, -1), { service: 'two', server: null })
  t.strictSame(services.names(9, 8), { service: '#9', server: '#8' })
})

t.test('events and counters find their service by identity', async (t) => {
  const { services, log, reload } = await run(config(service('one', 1001), service('two', 1002)))
  await reload(service('two', 1002))
  services.onEvent({ type: 'connect-failed', service: 1, server: 1, error: 'ECONNREFUSED' })
  services.onEvent({ type: 'connect-failed', service: 0, server: 0, error: 'ECONNREFUSED' })
  t.match(log.said('connection to server failed'), [{ facts: { service: 'two', server: 's2' } }])
  const counters = plane(countersOf([{ current: 4 }, {}], 1))
  services.look(counters)
  t.match(services.snapshots(counters), [{ name: 'two', servers: [{ sessions: { current: 4 } }, {}] }])
})

t.test('stop: services on a VIP reset their sessions, others let them end', async (t) => {
  const wildcard = `  - { name: all, bind: [ "0.0.0.0:1003" ], ${SERVER} }\n`
  const { services, plane: fake } = await run(config(service('one', 1001), wildcard))
  services.stop(new Set(['10.32.255.99']))
  t.strictSame(fake.withdrawn, [
    { service: 0, closeSessions: true },
    { service: 1, closeSessions: false }
  ])
})

t.test('whatever the data plane throws, a reload comes to its end', async (t) => {
  const { reload, plane: fake, services } = await run(config(service('one', 1001)))
  fake.refusal = errno('ENOMEM', 'ENOMEM: cannot allocate memory')
  await reload(service('one', 1001, `retries: 1, ${SERVER}`), service('two', 1002))
  t.equal(services.list.length, 2)
  t.equal(services.faults.length, 2)
})
