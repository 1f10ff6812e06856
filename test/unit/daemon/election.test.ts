import t from 'tap'
import { decodeAdvert } from '../../../src/vrrp/advert.js'
import { electionYaml, type FakeElection, instanceYaml } from '../../fakes/fake-election.js'
import { packet, world } from '../vrrp/fixtures.js'

const one = (priority: number, lines = '', vip?: string) => electionYaml(instanceYaml(priority, lines, 'VI_1', 88, vip))

const rejected = (node: FakeElection) =>
  Object.entries(node.instance().snapshot().counters.rejected).flatMap(([why, count]) =>
    count > 0 ? [`${why} ${count}`] : []
  )

t.test('nobody takes part before it is begun, however often it is told to look', async (t) => {
  const { time, lan, add } = world()
  const a = add()
  await time.settle()
  await a.reload(one(100))
  a.look()
  await time.advance(10_000)
  t.equal(a.role(), 'INIT')
  t.equal(lan.sent.length, 0)
  t.strictSame(a.sockets, [])
  a.election.begin()
  t.equal(a.role(), 'BACKUP')
})

t.test('two by unicast elect one master, and each datagram goes to each peer', async (t) => {
  const { time, lan, add } = world()
  const a = await add().run(one(100, 'unicast_peer: [ 10.32.137.21, 10.32.137.22 ]'))
  const b = await add().run(one(90, 'unicast_peer: [ 10.32.137.20 ]'))
  await time.advance(5000)
  t.equal(a.role(), 'MASTER')
  t.equal(b.role(), 'BACKUP')
  const moments = lan.adverts('a').map(({ at }) => at)
  t.equal(moments.length, 2 * new Set(moments).size)
  void a.election.stop()
  await time.advance(700)
  t.equal(b.role(), 'MASTER')
})

t.test(
  'a unicast instance takes adverts of its peers alone, with a TTL in their range, and none by multicast',
  async (t) => {
    const { time, lan, add } = world()
    const peers = 'unicast_peer: [ { address: 10.32.137.21, min_ttl: 100, max_ttl: 200 } ]'
    const a = await add().run(one(100, peers))
    const send = async (source: string, ttl: number, destination = '10.32.137.20'): Promise<void> => {
      lan.inject(packet({ priority: 50 }, { source, destination, ttl }))
      await time.settle()
    }
    await send('10.32.137.21', 99)
    await send('10.32.137.21', 201)
    t.strictSame(rejected(a), ['ttl 2'])
    await send('10.32.137.99', 150)
    t.strictSame(rejected(a), ['ttl 2', 'peer 1'])
    await send('10.32.137.21', 150, '224.0.0.18')
    t.strictSame(rejected(a), ['ttl 2', 'transport 1', 'peer 1'])
    t.equal(a.instance().snapshot().counters.advert_rcvd, 0)
    await send('10.32.137.21', 100)
    await send('10.32.137.21', 200)
    t.equal(a.instance().snapshot().counters.advert_rcvd, 2)
  }
)

t.test('without check_unicast_src anybody’s unicast is taken, with any TTL', async (t) => {
  const { time, lan, add } = world()
  const a = await add().run(one(100, 'unicast_peer: [ 10.32.137.21 ]\ncheck_unicast_src: false'))
  lan.inject(packet({}, { source: '10.9.9.9', destination: '10.32.137.20', ttl: 3 }))
  await time.settle()
  t.equal(a.instance().snapshot().counters.advert_rcvd, 1)
})

t.test('a multicast instance takes no unicast', async (t) => {
  const { time, lan, add } = world()
  const a = await add().run(one(100))
  lan.inject(packet({}, { destination: '10.32.137.20' }))
  await time.settle()
  t.strictSame(rejected(a), ['transport 1'])
})

t.test(
  'a configured source is used where the interface has it, and is a fault where not, until it comes',
  async (t) => {
    const { time, lan, add } = world()
    const a = await add(null, ['10.32.137.200']).run(one(100, 'mcast_src_ip: 10.32.137.200'))
    await time.advance(4000)
    const [sent] = lan.sent
    t.equal(a.instance().snapshot().source, '10.32.137.200')
    t.match(a.instance().snapshot().master, { address: '10.32.137.200' })
    t.ok(decodeAdvert(sent?.payload ?? new Uint8Array(), { source: '10.32.137.200', destination: '224.0.0.18' }).ok)
    const b = await add().run(one(90, 'mcast_src_ip: 10.32.137.201'))
    t.strictSame(b.instance().snapshot().fault, ['bond0 does not have the address 10.32.137.201'])
    b.kernel.setAddress(2, { address: '10.32.137.201', family: 4, length: 24 })
    await time.settle()
    t.equal(b.role(), 'BACKUP')
  }
)

t.test('no virtual address is ever a source, not even that of another instance', async (t) => {
  const { time, add } = world()
  const a = add(null, ['10.32.255.98'])
  const both = electionYaml(instanceYaml(100), instanceYaml(100, '', 'VI_2', 89, '10.32.255.98'))
  await a.run(both)
  await time.advance(5000)
  t.equal(a.instance('VI_1').snapshot().source, '10.32.137.20')
  t.equal(a.instance('VI_2').snapshot().source, '10.32.137.20')
})

t.test(
  'the interface may go and come back with another index: FAULT, and then an election over a new socket',
  async (t) => {
    const { time, lan, add } = world()
    const a = await add().run(one(100, 'listen_first: 0s'))
    await time.advance(5000)
    a.kernel.setLink('bond0', undefined)
    await time.advance(10)
    t.equal(a.role(), 'FAULT')
    t.strictSame(a.instance().snapshot().fault, ['interface bond0 does not exist'])
    t.equal(lan.adverts('a').at(-1)?.priority, 0, 'a renamed one still carries the goodbye')
    t.equal(a.instance().snapshot().socket, null, 'and then it is closed')
    a.kernel.setAddress(7, { address: '10.32.137.20', family: 4, length: 24 })
    a.setLink({ index: 7 })
    await time.advance(5000)
    t.equal(a.role(), 'MASTER')
    t.equal(a.places.length, 2)
    t.ok(a.kernel.operations.some(({ op, index }) => op === 'add' && index === 7))
  }
)

t.test('an IPv6 instance speaks from its link-local address, beside an IPv4 one of the same VRID', async (t) => {
  const { time, add } = world()
  const yaml = electionYaml(instanceYaml(100), instanceYaml(100, '', 'VI_6', 88, '"fe80::99", "fd00::99"'))
  const a = await add().run(yaml)
  await add().run(yaml.replaceAll('priority: 100', 'priority: 90'))
  await time.advance(6000)
  t.equal(a.role('VI_1'), 'MASTER')
  t.equal(a.role('VI_6'), 'MASTER')
  t.equal(a.instance('VI_6').snapshot().source, 'fe80::20')
  t.ok(a.kernel.held.includes('fd00::99/128'))
})

t.test('a fault of the proxy takes an instance out, its end brings it back; each is told with its words', async (t) => {
  const { time, add } = world()
  const a = await add().run(one(100))
  await time.advance(5000)
  a.faults = ['proxy api: 10.32.255.99:6443 is not bound']
  a.look()
  t.match(a.transitions.at(-1), { from: 'MASTER', to: 'FAULT', reason: 'proxy api: 10.32.255.99:6443 is not bound' })
  t.equal(a.instance().snapshot().effective_priority, 0)
  a.faults = []
  a.look()
  t.match(a.transitions.at(-1), { from: 'FAULT', to: 'BACKUP', reason: 'healthy again' })
})

t.test('stopping says priority 0 for every instance, and leaves no address, no timer and no listener', async (t) => {
  const { time, lan, add } = world()
  const a = await add().run(electionYaml(instanceYaml(100), instanceYaml(100, '', 'VI_2', 89, '10.32.255.98')))
  await time.advance(5000)
  const since = lan.sent.length
  const stopped = a.election.stop()
  await time.advance(1000)
  await stopped
  t.strictSame(
    lan.sent.slice(since).map(({ payload }) => `${payload[1]} ${payload[2]}`),
    ['88 0', '89 0']
  )
  t.strictSame(a.kernel.held, [])
  t.equal(a.clock.pending, 0)
  t.equal(a.ears.size, 0)
  a.election.close()
  await time.advance(10_000)
  t.strictSame(
    a.election.instances.map(({ role }) => role),
    ['INIT', 'INIT']
  )
})

t.test('a kernel that refuses the address is a fault, tried again after a while', async (t) => {
  const { time, add } = world()
  const a = add()
  a.kernel.refusal = 'EACCES'
  await a.run(one(100))
  await time.advance(4000)
  t.equal(a.role(), 'FAULT')
  t.strictSame(a.instance().snapshot().fault, ['EACCES'])
  a.kernel.refusal = undefined
  await time.advance(10_000)
  t.equal(a.role(), 'MASTER')
})

t.test(
  'who hands its addresses to another master tells its clients before; who has a fault tells nobody',
  async (t) => {
    const { time, add } = world()
    const b = await add().run(one(90))
    await time.advance(5000)
    t.equal(b.role(), 'MASTER')
    const a = await add().run(one(100))
    await time.advance(5000)
    t.equal(a.role(), 'MASTER')
    t.equal(b.role(), 'BACKUP')
    t.same(b.told, [a.announced[0]])
    a.faults = ['no server']
    a.look()
    await time.advance(5000)
    t.equal(a.role(), 'FAULT')
    t.same(a.told, [])
  }
)
