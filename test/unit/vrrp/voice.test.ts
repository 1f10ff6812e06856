import t from 'tap'
import { decodeAdvert } from '../../../src/vrrp/advert.js'
import { electionYaml, instanceYaml } from '../../fakes/fake-election.js'
import { FakeSender } from '../../fakes/fake-sender.js'
import { packet, world } from './fixtures.js'

const one = (priority: number, lines = '') => electionYaml(instanceYaml(priority, lines))

async function withThread(lines = '') {
  const { time, lan, add } = world()
  const sender = new FakeSender()
  const a = await add(sender).run(one(100, lines))
  await time.advance(3700)
  if (a.role() !== 'MASTER') throw new Error('a is to be master')
  return { time, lan, sender, a }
}

t.test('the first advert leaves by the main loop at once, all others by the thread', async (t) => {
  const { time, lan, sender, a } = await withThread()
  const [first] = lan.adverts('a')
  t.equal(sender.plans.length, 1)
  t.equal(sender.plans[0]?.firstAtMs, (first?.at ?? 0) + 1000)
  t.equal(sender.plans[0]?.silenceMs, 3000)
  sender.sends(0, 4619)
  await time.advance(1500)
  t.equal(lan.adverts('a').length, 1)
  t.match(a.instance().snapshot(), {
    sender: 'thread',
    sender_worst_lateness_ms: 0,
    counters: { advert_sent: 2, priority_zero_sent: 0, send_err: 0 }
  })
})

t.test('the thread is silenced before priority 0 leaves: it would call the mastership back', async (t) => {
  const { time, lan, sender, a } = await withThread()
  const order: string[] = []
  const { clear } = sender
  sender.clear = (id) => {
    order.push(`clear, ${lan.adverts('a').filter(({ priority }) => priority === 0).length} said`)
    clear.call(sender, id)
  }
  a.faults = ['x']
  a.look()
  await time.settle()
  t.equal(order[0], 'clear, 0 said')
  t.equal(lan.adverts('a').at(-1)?.priority, 0)
  t.ok('clear' in (sender.told.at(-1) ?? {}), 'and stays so')
  t.equal(a.instance().snapshot().counters.priority_zero_sent, 1)
})

t.test('a master that steps back says nothing more by the thread', async (t) => {
  const { time, lan, sender } = await withThread()
  lan.inject(packet({ priority: 200 }))
  await time.settle()
  t.ok('clear' in (sender.told.at(-1) ?? {}))
})

t.test('a socket that was opened anew is the thread’s too, with the same schedule', async (t) => {
  const { time, sender, a } = await withThread()
  const [before] = sender.plans
  // Another interface of the same name, as when a bond is made anew.
  a.kernel.setAddress(9, { address: '10.32.137.20', family: 4, length: 24 })
  a.setLink({ index: 9 })
  await time.advance(100)
  t.equal(a.role(), 'MASTER')
  t.equal(a.places.length, 2)
  const after = sender.plans.at(-1)
  t.equal(sender.plans.length, 2)
  t.not(after?.socket, before?.socket)
  t.equal(after?.firstAtMs, before?.firstAtMs)
})

t.test('a master that the thread did not let speak for longer than a peer waits steps back', async (t) => {
  const { time, a } = await withThread()
  await time.advance(2000)
  a.look()
  t.equal(a.role(), 'MASTER')
  await time.advance(1500)
  a.look()
  t.equal(a.role(), 'BACKUP')
  t.equal(a.instance().snapshot().counters.stalled, 1)
})

t.test('a new priority is said at once, and planned', async (t) => {
  const { time, lan, sender, a } = await withThread()
  a.trackedOf = () => [{ label: 'script x', state: 'up', weight: 10, value: 0, detail: '' }]
  a.look()
  await time.settle()
  t.equal(lan.adverts('a').at(-1)?.priority, 110)
  const payload = sender.plans.at(-1)?.adverts[0]?.[0]?.payload ?? new Uint8Array()
  t.equal(payload[2], 110)
})

t.test('unicast adverts go to each peer, with its own checksum and the configured TTL', async (t) => {
  const peers = 'unicast_peer: [ 10.32.137.21, 10.32.137.22 ]\nunicast_ttl: 64\nversion: 3'
  const { sender, a } = await withThread(peers)
  const [advert] = sender.plans.at(-1)?.adverts ?? []
  t.strictSame(
    advert?.map(({ destination, source, ttl }) => [destination, source, ttl]),
    [
      ['10.32.137.21', '10.32.137.20', 64],
      ['10.32.137.22', '10.32.137.20', 64]
    ]
  )
  for (const { payload, destination, source } of advert ?? [])
    t.match(decodeAdvert(payload, { source, destination }), { ok: true, advert: { checksum: 'pseudo-header' } })
  t.strictSame(a.places.at(-1)?.groups, [], 'no multicast group is joined')
  t.strictSame(a.instance().snapshot().unicast_peer, ['10.32.137.21', '10.32.137.22'])
})
