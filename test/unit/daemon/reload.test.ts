import t from 'tap'
import { mergeForReload } from '../../../src/daemon/reload.js'
import { electionYaml, instanceYaml } from '../../fakes/fake-election.js'
import { configOf } from '../../fakes/fake-node.js'
import { packet, world } from '../vrrp/fixtures.js'

/** A master by this configuration, at 5 s. */
async function aMaster(yaml: string) {
  const { time, lan, add } = world()
  const a = await add().run(yaml)
  await time.advance(4990)
  if (a.election.instances.some(({ role }) => role !== 'MASTER')) throw new Error('it should be master by now')
  return { time, lan, add, a }
}

const adverts = (lan: Awaited<ReturnType<typeof aMaster>>['lan'], since: number) =>
  lan
    .adverts('a')
    .filter(({ at }) => at >= since)
    .map(({ at, priority }) => `${at - since} ${priority}`)

t.test('another priority is advertised at once, the mastership stays, and it is told', async (t) => {
  const { time, lan, a } = await aMaster(electionYaml(instanceYaml(100)))
  await time.advance(300)
  const since = time.now
  await a.reload(electionYaml(instanceYaml(120)))
  await time.advance(1990)
  t.strictSame(adverts(lan, since), ['0 120', '1000 120', '2000 120'])
  t.equal(a.role(), 'MASTER')
  t.equal(a.transitions.length, 2, 'start, and master: nothing since')
  t.strictSame(a.priorities, [{ name: 'VI_1', priority: 120 }])
  t.equal(a.instance().snapshot().effective_priority, 120)
})

t.test('a master that was on time by its old interval keeps its mastership with a far shorter one', async (t) => {
  const { time, a, lan } = await aMaster(electionYaml(instanceYaml(100, 'advert_int: 1s')))
  await a.reload(electionYaml(instanceYaml(100, 'advert_int: 60s')))
  await time.advance(20_000)
  t.equal(a.instance().snapshot().counters.stalled, 0)
  const since = time.now
  await a.reload(electionYaml(instanceYaml(100, 'advert_int: 1s')))
  t.equal(a.role(), 'MASTER')
  t.equal(a.instance().snapshot().counters.stalled, 0)
  await time.advance(2000)
  t.strictSame(adverts(lan, since), ['0 100', '1000 100', '2000 100'])
})

t.test('a master that was away for too long by its old interval is not made good by a longer one', async (t) => {
  const { time, a } = await aMaster(electionYaml(instanceYaml(100)))
  a.clock.freeze()
  await time.advance(8000)
  a.clock.thaw()
  a.instance().configure({
    config: { ...a.config(), advertIntMs: 60_000 },
    startupDelayMs: 0,
    signature: null
  })
  t.equal(a.role(), 'BACKUP')
  t.equal(a.instance().snapshot().counters.stalled, 1)
})

t.test('a backup waits for a new priority’s time, without a master being made or unmade', async (t) => {
  const { time, lan, add } = world()
  const a = await add().run(electionYaml(instanceYaml(100)))
  const b = await add().run(electionYaml(instanceYaml(50)))
  await time.advance(6000)
  await b.reload(electionYaml(instanceYaml(90)))
  t.equal(b.role(), 'BACKUP')
  await time.advance(2000)
  const last = lan.adverts('a').at(-1)?.at ?? 0
  a.clock.freeze()
  await time.advance(6000)
  t.equal(b.transitions.at(-1)?.at, last + 3000 + ((256 - 90) * 1000) / 256)
  t.equal(b.transitions.at(-1)?.priority, 90)
})

t.test(
  'an address that is added to a master is put on the interface and announced, one that is removed goes',
  async (t) => {
    const two = '10.32.255.99, 10.32.255.98'
    const { time, a } = await aMaster(electionYaml(instanceYaml(100)))
    a.frames.splice(0)
    await a.reload(electionYaml(instanceYaml(100, '', 'VI_1', 88, two)))
    await time.advance(20)
    t.strictSame(a.kernel.held, ['10.32.255.99/32', '10.32.255.98/32'])
    t.equal(a.frames.filter(({ frame }) => frame.at(-1) === 98).length > 0, true, 'the new one is announced')
    await a.reload(electionYaml(instanceYaml(100, '', 'VI_1', 88, '10.32.255.98')))
    await time.advance(20)
    t.strictSame(a.kernel.held, ['10.32.255.98/32'])
    t.equal(a.role(), 'MASTER')
    t.strictSame(
      a.kernel.operations.filter(({ op }) => op !== 'renew').map(({ op, address }) => `${op} ${address}`),
      ['add 10.32.255.99/32', 'add 10.32.255.98/32', 'remove 10.32.255.99/32']
    )
  }
)

t.test('an instance that is removed says priority 0 and is gone, the other goes on untouched', async (t) => {
  const both = electionYaml(instanceYaml(100), instanceYaml(100, '', 'VI_2', 89, '10.32.255.98'))
  const { time, lan, a } = await aMaster(both)
  await time.advance(200)
  const since = time.now
  await a.reload(electionYaml(instanceYaml(100)))
  await time.advance(100)
  t.strictSame(
    lan.sent.filter(({ at }) => at >= since).map(({ payload }) => `${payload[1]} ${payload[2]}`),
    ['89 0']
  )
  t.strictSame(a.kernel.held, ['10.32.255.99/32'])
  t.strictSame(
    a.election.instances.map(({ name }) => name),
    ['VI_1']
  )
  const before = lan.adverts('a').length
  await time.advance(10_000)
  t.ok(lan.sent.slice(before).every(({ payload }) => payload[1] === 88))
  t.equal(a.transitions.filter(({ name }) => name === 'VI_1').length, 2)
})

t.test('an address that moves from a removed instance to a new one is let go before it is claimed', async (t) => {
  const { time, a } = await aMaster(electionYaml(instanceYaml(100)))
  await a.reload(electionYaml(instanceYaml(100, '', 'VI_1', 90)))
  await time.advance(5000)
  t.strictSame(
    a.kernel.operations.filter(({ op }) => op !== 'renew').map(({ op, address }) => `${op} ${address}`),
    ['add 10.32.255.99/32', 'remove 10.32.255.99/32', 'add 10.32.255.99/32']
  )
})

t.test(
  'interface, family and VRID make an instance the same one: another name keeps the mastership and is told from then on',
  async (t) => {
    const { time, a, lan } = await aMaster(electionYaml(instanceYaml(100)))
    const instance = a.instance()
    await a.reload(electionYaml(instanceYaml(100, '', 'API')))
    t.equal(a.instance('API'), instance)
    t.equal(a.role('API'), 'MASTER')
    a.clock.freeze()
    await time.advance(10_000)
    a.clock.thaw()
    await time.settle()
    t.equal(a.transitions.at(-1)?.name, 'API')
    lan.inject(packet({ vrid: 99 }))
    await time.settle()
    t.match(a.conditions.at(-1), { name: 'API', what: 'raised', condition: { name: 'foreign-vrid' } })
    await a.reload(electionYaml(instanceYaml(100, '', 'API', 91)))
    t.not(a.instance('API'), instance, 'another VRID is another virtual router')
    t.equal(a.role('API'), 'BACKUP')
  }
)

const server = 'servers: [ { name: a, address: "127.0.0.1:7443" } ]'
const proxy = (...services: readonly string[]) => `proxy: [ ${services.join(', ')} ]\n`
const service = (name: string, port: number, more = '') =>
  `{ name: ${name}, bind: [ "127.0.0.1:${port}" ], maxconn: 100, ${more}${server} }`

t.test('what a reload changes of VRRP and of the proxy is applied', async (t) => {
  const text = (priority: number, retries: number) =>
    `${electionYaml(instanceYaml(priority))}${proxy(service('api', 6443, `retries: ${retries}, `))}`
  const merged = mergeForReload(configOf(text(100, 3)), configOf(text(120, 5)), 100)
  t.equal(merged.config.vrrp[0]?.priority, 120)
  t.equal(merged.config.proxy[0]?.retries, 5)
  t.equal(merged.applied.length, 2)
  t.match(merged.applied, [/priority/, /proxy api\.retries: 3 → 5/])
  t.strictSame(merged.changes, [])
  const same = mergeForReload(configOf(text(100, 3)), configOf(text(100, 3)), 100)
  t.strictSame([same.applied, same.changes], [[], []])
})

t.test('services, servers and hard_stop_after come and go in place', async (t) => {
  const before = configOf(proxy(service('api', 6443)))
  const after = configOf(`hard_stop_after: 9s\n${proxy(service('web', 8443))}`)
  const merged = mergeForReload(before, after, 100)
  t.strictSame(merged.config.proxy, after.proxy)
  t.equal(merged.config.hardStopAfterMs, 9000)
  t.strictSame(merged.changes, [])
  t.match(merged.applied, [/hardStopAfterMs/, /proxy api is removed/, /proxy web is new/])
})

t.test('what the data plane was made for takes a restart: threads, sessions over all services', async (t) => {
  const before = configOf(`nbthread: 2\nmaxconn: 300\n${proxy(service('api', 6443))}`)
  const after = configOf(
    `nbthread: 4\nmaxconn: 500\nadmin: { socket: /run/x.sock }\nlog: { level: debug }\n${proxy(service('api', 6444))}`
  )
  const { config, applied, changes } = mergeForReload(before, after, 300)
  t.match(config, { threads: 2, maxconn: 300, admin: before.admin, logLevel: 'info' })
  t.match(applied, [/bind/])
  t.equal(changes.length, 4)
  for (const what of [/threads: 2 → 4/, /maxconn: 300 → 500/, /admin\.socket/, /logLevel/])
    t.ok(
      changes.some((change) => what.test(change)),
      String(what)
    )
})

t.test(
  'services may ask for more sessions together than were planned: they share what there is, and it is said',
  async (t) => {
    const before = configOf(proxy(service('api', 6443)))
    const after = configOf(proxy(service('api', 6443), service('web', 8443)))
    const merged = mergeForReload(before, after, 100)
    t.equal(merged.config.proxy.length, 2)
    t.strictSame(merged.changes, ['sessions at once over all services: 100 → 200'])
    t.strictSame(mergeForReload(merged.config, after, 100).changes, merged.changes, 'and again, until the restart')
    t.strictSame(mergeForReload(before, after, 200).changes, [])
  }
)

t.test(
  'a daemon that was started without a service takes none by a reload: it has no descriptors for sessions',
  async (t) => {
    const before = configOf(electionYaml(instanceYaml(100)))
    const merged = mergeForReload(
      before,
      configOf(`${electionYaml(instanceYaml(120))}${proxy(service('api', 6443))}`),
      0
    )
    t.strictSame(merged.config.proxy, [])
    t.equal(merged.config.vrrp[0]?.priority, 120)
    t.match(merged.changes, [/proxy api is new/])
  }
)

t.test('a daemon whose services were all taken out takes new ones', async (t) => {
  const election = electionYaml(instanceYaml(100))
  const merged = mergeForReload(configOf(election), configOf(`${election}${proxy(service('api', 6443))}`), 100)
  t.equal(merged.config.proxy.length, 1)
  t.strictSame(merged.changes, [])
})

t.test('a daemon that was started without VRRP takes none by a reload: it says that it takes a restart', async (t) => {
  const before = configOf(proxy(service('api', 6443)))
  const after = configOf(`${electionYaml(instanceYaml(100))}${proxy(service('api', 6443))}`)
  const merged = mergeForReload(before, after, 100)
  t.strictSame(merged.config, before)
  t.strictSame(merged.applied, [])
  t.ok(merged.changes.length > 0)
})

t.test('the real-time priority of the sending thread takes a restart, the rest of global_defs does not', async (t) => {
  const text = (defs: string) => `global_defs: { ${defs} }\n${electionYaml(instanceYaml(100))}`
  const merged = mergeForReload(
    configOf(text('router_id: A, vrrp_rt_priority: 50')),
    configOf(text('router_id: B, vrrp_rt_priority: 20')),
    0
  )
  t.equal(merged.config.global.routerId, 'B')
  t.equal(merged.config.global.realTimePriority, 50)
  t.match(merged.applied, [/routerId/])
  t.match(merged.changes, [/realTimePriority/])
})
