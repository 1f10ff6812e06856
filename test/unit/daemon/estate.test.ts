import t from 'tap'
import { Services } from '../../../src/daemon/services.js'
import type { ServiceEstate } from '../../../src/proxy/estate.js'
import { RESUMED } from '../../../src/vrrp/machine.js'
import { electionYaml, instanceYaml } from '../../fakes/fake-election.js'
import { configOf } from '../../fakes/fake-node.js'
import { servicePorts } from '../../fakes/fake-service.js'
import { world } from '../vrrp/fixtures.js'

/** What a process that takes over knows of the one before it. */

const plane = { services: [], heartbeats: [], eventsDropped: 0, recordsDropped: 0, bytesSpliced: 0 }
const service = (name: string, port: number, servers: string): string =>
  `  - { name: ${name}, bind: [ 10.32.255.99:${port} ], servers: [ ${servers} ] }\n`
const server = (name: string, last: number, more = ''): string =>
  `{ name: ${name}, address: 10.0.0.${last}:6443${more} }`
const config = (...services: readonly string[]) => configOf(`proxy:\n${services.join('')}`)

/** Services of one process, and what it leaves. */
async function before() {
  const one = servicePorts()
  one.say(true, '10.0.0.1')
  one.say(false, '10.0.0.2')
  const services = new Services(1000, one.ports)
  services.configure(
    config(service('first', 1001, server('x', 9)), service('api', 1002, `${server('a', 1)}, ${server('b', 2)}`))
  )
  services.start()
  await one.clock.advance(0)
  services.order('api', 'a', { kind: 'weight', weight: 7 })
  const estate = JSON.parse(JSON.stringify(services.estate)) as ServiceEstate[]
  return { one, services, estate }
}

t.test('servers are known as they were, under the same numbers, before their first check', async (t) => {
  const { services: old, estate } = await before()
  const two = servicePorts()
  const services = new Services(1000, two.ports)
  services.inherit(estate)
  // Another order, a server more, one that has moved: only those that are the same are known.
  services.configure(
    config(
      service('api', 1002, `${server('new', 3)}, ${server('b', 2)}, ${server('a', 1)}`),
      service('other', 1003, server('y', 8)),
      service('first', 1001, server('x', 5))
    )
  )
  for (const name of ['api', 'first'])
    t.strictSame(
      services.idsOf(name)?.service,
      old.idsOf(name)?.service,
      `${name} has the number that its sessions have`
    )
  for (const name of ['a', 'b']) t.strictSame(services.idsOf('api', name), old.idsOf('api', name))
  const ids = ['api', 'other', 'first'].map((name) => services.idsOf(name)?.service)
  t.equal(new Set(ids).size, 3)
  t.not(services.idsOf('api', 'new')?.server, services.idsOf('api', 'a')?.server)
  services.start()
  const [api, , first] = services.snapshots(plane)
  t.match(api?.servers, [
    { name: 'new', status: 'DOWN', check: { result: 'INI' } },
    { name: 'b', status: 'DOWN', check: { result: 'L4CON' } },
    { name: 'a', status: 'UP', weight: 7, check: { result: 'L4OK' } }
  ])
  t.match(
    first?.servers,
    [{ name: 'x', status: 'DOWN', check: { result: 'INI' } }],
    'another address is another server'
  )
  t.ok(two.plane.told.length > 0)
})

t.test('who leaves stops its checks and touches nothing that is the other’s now', async (t) => {
  const { one, services } = await before()
  const told = one.plane.told.length
  services.leave()
  await one.clock.advance(60_000)
  t.equal(one.plane.told.length, told, 'nothing is published or withdrawn')
  t.strictSame(one.probes, [], 'nobody is asked any more')
})

t.test('a mastership goes on: an advert at once, and nobody hears of an end', async (t) => {
  const { time, lan, add } = world()
  const yaml = electionYaml(instanceYaml(100))
  const a = await add().run(yaml)
  await time.advance(5000)
  t.equal(a.role(), 'MASTER')
  const masters = a.election.masters
  t.strictSame(masters, [{ interface: 'bond0', family: 4, virtualRouterId: 88 }])
  await time.advance(400)
  const sent = lan.sent.length
  a.election.leave()
  await time.advance(1500)
  t.equal(lan.sent.length, sent + 1, 'it says once more that it lives, and nothing after it')
  t.match(lan.adverts('a').at(-1), { priority: 100 })
  t.ok(
    a.kernel.held.some((one) => one.includes('10.32.255.99')),
    'and leaves the address'
  )
  const b = add()
  // A script that was not run yet would be a fault.
  b.trackedOf = () => [{ label: 'script ok', state: 'init', weight: 0, value: 0, detail: '' }]
  b.election.resume(masters)
  await b.run(yaml)
  t.equal(b.role(), 'MASTER')
  t.match(b.transitions, [{ from: 'INIT', to: 'MASTER', reason: RESUMED }])
  t.equal(lan.adverts('b').length, 1)
  t.notOk(lan.adverts('a').some(({ priority }) => priority === 0))
  await time.advance(11_000)
  b.look()
  t.equal(b.role(), 'FAULT', 'but not for ever')
})

t.test('one that was no master says nothing when it leaves', async (t) => {
  const { time, lan, add } = world()
  const b = await add().run(electionYaml(instanceYaml(90)))
  await time.advance(100)
  b.election.leave()
  await time.advance(10_000)
  t.equal(lan.sent.length, 0)
})

t.test('one that was backup is backup, and one that cannot be master is none', async (t) => {
  const { time, add } = world()
  const a = add()
  a.election.resume([{ interface: 'bond0', family: 4, virtualRouterId: 89 }])
  await a.run(electionYaml(instanceYaml(100)))
  t.equal(a.role(), 'BACKUP')
  const b = add()
  b.faults = ['cannot listen on 10.32.255.99:8443']
  b.election.resume([{ interface: 'bond0', family: 4, virtualRouterId: 88 }])
  await b.run(electionYaml(instanceYaml(90)))
  await time.advance(100)
  t.equal(b.role(), 'FAULT')
})
