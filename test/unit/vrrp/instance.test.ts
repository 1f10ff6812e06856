import t, { type Test } from 'tap'
import { type Advert, encodeAdvert, passwordBytes } from '../../../src/vrrp/advert.js'
import { HANDING_OVER_MS } from '../../../src/vrrp/timing.js'
import { cluster, configOf, type FakeNode, VIP } from '../../fakes/fake-node.js'

const GROUP = '224.0.0.18'
const STRANGER = '10.32.0.77'

const advert = (overrides: Partial<Advert> = {}, source = STRANGER) => {
  const full: Advert = {
    version: 2,
    vrid: 88,
    priority: 50,
    advertIntMs: 1000,
    addresses: ['10.32.255.99'],
    auth: { type: 1, data: passwordBytes('1111') },
    checksum: 'message',
    ...overrides
  }
  return { payload: encodeAdvert(full, { source, destination: GROUP }), source, destination: GROUP, ttl: 255 }
}

/** A single master that has just become one, at 3609.375 ms. */
async function aMaster(...configs: Parameters<typeof cluster>[0]) {
  const one = cluster(configs.length === 0 ? [{}] : configs)
  const a = one.node(0).start()
  await one.time.advance(3700)
  if (a.role !== 'MASTER' || !a.holds) throw new Error('it should be master by now')
  return { ...one, a }
}

const masters = (nodes: readonly FakeNode[]): string =>
  nodes
    .filter((node) => node.role === 'MASTER')
    .map((node) => node.name)
    .join()
const holders = (nodes: readonly FakeNode[]): string =>
  nodes
    .filter((node) => node.holds)
    .map((node) => node.name)
    .join()

t.test('of three that start together the highest priority is master, alone', async (t) => {
  const { time, nodes, lan } = cluster([{}, {}, {}])
  for (const node of nodes) node.start()
  await time.advance(3600)
  t.equal(masters(nodes), '', 'nobody before its master-down time')
  await time.advance(1400)
  t.equal(masters(nodes), 'a')
  t.equal(holders(nodes), 'a')
  t.strictSame(lan.adverts('b'), [])
  t.equal(nodes[1]?.instance.snapshot().master?.address, '10.32.137.20')
})

t.test('of two masters of equal priority the higher address stays, and the other yields without a word', async (t) => {
  const { time, nodes, lan } = cluster([{ priority: 100 }, { priority: 100 }])
  lan.cut('a', 'b')
  for (const node of nodes) node.start()
  await time.advance(5000)
  t.equal(masters(nodes), 'a,b')
  lan.mend()
  await time.advance(1100)
  t.equal(masters(nodes), 'b')
  t.equal(holders(nodes), 'b')
  t.ok(lan.adverts('a').every((one) => one.priority !== 0))
  t.equal(nodes[0]?.instance.snapshot().reason, 'same priority, higher address heard')
})

t.test(
  'a dead master is followed within its master-down time, and its address goes by itself before that',
  async (t) => {
    const { time, node, nodes } = cluster([{}, {}])
    for (const one of nodes) one.start()
    const [a, b] = [node(0), node(1)]
    await time.advance(10_000)
    const lastAdvert = 3609.375 + 6000
    a.clock.freeze()
    let takenAfter = 0
    while (b.role !== 'MASTER') {
      await time.advance(10)
      takenAfter = time.now - lastAdvert
    }
    t.ok(takenAfter >= 2600 && takenAfter <= 3666.3, `${takenAfter} ms`)
    t.notOk(a.holds, 'the kernel has dropped it before anybody took over')
    await time.advance(10)
    t.equal(holders(nodes), 'b')
  }
)

t.test('a master that stops says so, and is followed after the skew', async (t) => {
  const { time, node, nodes, lan } = cluster([{}, {}])
  for (const one of nodes) one.start()
  await time.advance(5000)
  const stopped = node(0).instance.stop()
  await time.advance(656)
  t.equal(masters(nodes), '')
  await time.advance(5)
  await stopped
  t.equal(masters(nodes), 'b')
  t.equal(holders(nodes), 'b')
  t.strictSame(
    lan.adverts('a').filter((one) => one.priority === 0),
    [{ at: 5000, priority: 0 }],
    'exactly once'
  )
})

t.test('after stop nothing starts it again', async (t) => {
  const { time, a, lan } = await aMaster()
  void a.instance.stop()
  void a.instance.stop()
  await time.advance(10)
  const sent = lan.sent.length
  a.look()
  lan.inject(advert({ priority: 0 }))
  a.setLink({ isUp: false, isRunning: false })
  a.setLink({})
  await time.advance(60_000)
  t.equal(a.role, 'INIT')
  t.equal(lan.sent.length, sent)
  t.equal(lan.adverts('a').filter((one) => one.priority === 0).length, 1)
  t.notOk(a.holds)
  t.equal(a.clock.pending, 0, 'no timer is left')
})

t.test('a higher priority that comes back takes over, and the other yields without a word', async (t) => {
  const { time, node, nodes } = cluster([{}, {}])
  const [a, b] = [node(0), node(1)]
  b.start()
  await time.advance(5000)
  t.equal(masters(nodes), 'b')
  a.start()
  await time.advance(3700)
  t.equal(masters(nodes), 'a')
  t.equal(holders(nodes), 'a')
  t.equal(b.instance.snapshot().reason, 'higher priority heard')
})

t.test('who does not preempt leaves a living master of lower priority alone', async (t) => {
  const { time, node, nodes } = cluster([{ preempt: false }, {}])
  node(1).start()
  await time.advance(5000)
  node(0).start()
  await time.advance(20_000)
  t.equal(masters(nodes), 'b')
})

t.test('a link that was cut and is mended ends in one master', async (t) => {
  const { time, nodes, lan } = cluster([{}, {}, {}])
  for (const node of nodes) node.start()
  await time.advance(5000)
  lan.cut('a', 'b')
  lan.cut('a', 'c')
  await time.advance(5000)
  t.equal(masters(nodes), 'a,b', 'two halves have a master each')
  lan.mend()
  await time.advance(1100)
  t.equal(masters(nodes), 'a')
  t.equal(holders(nodes), 'a')
})

t.test('up to two adverts in a row may be lost', async (t) => {
  const { time, node, nodes, lan } = cluster([{}, {}])
  for (const one of nodes) one.start()
  await time.advance(5000)
  let nth = 0
  lan.loses = () => nth++ % 3 !== 2
  await time.advance(60_000)
  t.equal(node(1).instance.snapshot().counters.become_master, 0)
})

t.test('a master is silent for nobody: a stranger with another password moves no timer', async (t) => {
  const { time, a, lan } = await aMaster()
  const before = lan.adverts('a').length
  for (let i = 0; i < 100; i++) {
    lan.inject(advert({ priority: 200, auth: { type: 1, data: passwordBytes('wrong') } }))
    lan.inject({ ...advert({ priority: 200 }), ttl: 64 })
    await time.advance(100)
  }
  t.equal(a.role, 'MASTER')
  t.equal(lan.adverts('a').length - before, 10, 'ten seconds, ten adverts')
  t.match(a.instance.snapshot().counters.rejected, { auth: 100, ttl: 100, checksum: 0 })
})

t.test('a backup that hears refused adverts alone takes over on time', async (t) => {
  const { time, node, lan } = cluster([{}])
  const a = node(0).start()
  for (let i = 0; i < 36; i++) {
    lan.inject(advert({ priority: 200, auth: { type: 0, data: new Uint8Array(8) } }))
    await time.advance(100)
  }
  t.equal(a.role, 'BACKUP')
  await time.advance(10)
  t.equal(a.role, 'MASTER')
})

t.test('a master that was stopped (SIGSTOP)', async (t) => {
  const stalled = async () => {
    const one = cluster([{}, {}])
    for (const node of one.nodes) node.start()
    await one.time.advance(20_000)
    const [a, b] = [one.node(0), one.node(1)]
    a.clock.freeze()
    await one.time.advance(10_000)
    const seen = { sent: one.lan.adverts('a').length, frames: a.frames.length, operations: a.kernel.operations.length }
    return { ...one, a, b, seen }
  }
  const stepsBack = async (t: Test, { a, b, time, lan, seen }: Awaited<ReturnType<typeof stalled>>) => {
    t.equal(b.role, 'MASTER', 'the other has taken over meanwhile')
    a.clock.thaw()
    await time.settle()
    t.equal(lan.adverts('a').length, seen.sent, 'nothing is sent')
    t.equal(a.frames.length, seen.frames, 'nothing is announced')
    t.equal(a.role, 'BACKUP')
    await time.advance(5)
    t.ok(
      a.kernel.operations.slice(seen.operations).every(({ op }) => op === 'remove' || op === 'expire'),
      'no address is put back'
    )
    t.equal(a.instance.snapshot().counters.stalled, 1)
    t.equal(a.log.said('no advert sent for longer than a peer waits: stepping back').length, 1)
    t.equal(b.role, 'MASTER')
  }

  t.test('steps back before it sends anything, when its timers come first', async (t) => {
    await stepsBack(t, await stalled())
  })
  t.test('steps back when the first thing it sees is a change of the kernel', async (t) => {
    const one = await stalled()
    one.a.look()
    t.equal(one.a.role, 'BACKUP')
    await stepsBack(t, one)
  })
  t.test('steps back when the first thing it hears is an advert of lower priority', async (t) => {
    const one = await stalled()
    const packet = advert({ priority: 88 }, '10.32.137.21')
    one.a.instance.onAdvert(decoded(88), { ...packet, receivedAtMs: one.a.clock.now() })
    t.equal(one.a.role, 'BACKUP')
    await stepsBack(t, one)
  })
  t.test('steps back in silence when the first thing is the order to stop', async (t) => {
    const one = await stalled()
    void one.a.instance.stop()
    t.equal(one.lan.adverts('a').length, one.seen.sent, 'no priority 0: another is master')
  })
  t.test('announces nothing when a burst fell due before its next advert', async (t) => {
    const one = cluster([{}])
    const a = one.node(0).start()
    // Master at 3609.375, held at 3610.4: the second burst falls due at 8610.4, just after an advert; held up by a
    // slower kernel, just before one.
    a.kernel.latencyMs = 900
    await one.time.advance(9400)
    const frames = a.frames.length
    t.equal(frames, 5)
    a.clock.freeze()
    await one.time.advance(10_000)
    a.clock.thaw()
    await one.time.settle()
    t.equal(a.role, 'BACKUP')
    t.equal(a.frames.length, frames)
  })
  t.test('for a moment only goes on', async (t) => {
    const { time, a } = await aMaster()
    await a.clock.stall(1500)
    await time.advance(100)
    t.equal(a.role, 'MASTER')
    t.equal(a.instance.snapshot().counters.stalled, 0)
  })
})

t.test(
  'a master that a better one deposes keeps the addresses until the other one has them, for a moment',
  async (t) => {
    const { time, a, lan } = await aMaster()
    lan.inject(advert({ priority: 254 }))
    await time.settle()
    t.equal(a.role, 'BACKUP')
    await time.advance(HANDING_OVER_MS - 1)
    t.ok(a.holds)
    await time.advance(3)
    t.notOk(a.holds)
  }
)

t.test('one that leaves, or was stopped for too long, does not keep them', async (t) => {
  const left = await aMaster()
  const leaving = left.a.instance.stop()
  await left.time.advance(3)
  t.notOk(left.a.holds)
  await leaving
  const { time, a } = await aMaster()
  a.clock.freeze()
  await time.advance(3500)
  a.clock.thaw()
  await time.advance(3)
  t.equal(a.role, 'BACKUP')
  t.notOk(a.holds)
})

t.test('a master that was stopped for a moment, and has not read yet that a better one is there,', async (t) => {
  for (const [what, afterMs] of [
    ['does not renew the lease when that is due', 100],
    ['does not renew the lease when an advert is due', 900]
  ] as const)
    t.test(what, async (t) => {
      const { time, a, lan } = await aMaster()
      const sent = lan.adverts('a').length
      while (lan.adverts('a').length === sent) await time.advance(1)
      await time.advance(afterMs)
      a.clock.freeze()
      lan.inject(advert({ priority: 254 }))
      await time.advance(400)
      const operations = a.kernel.operations.length
      a.clock.thaw()
      await time.advance(HANDING_OVER_MS + 3)
      t.equal(a.role, 'BACKUP')
      t.same(
        a.kernel.operations.slice(operations).map(({ op }) => op),
        ['remove']
      )
    })
})

t.test('a backup that was stopped', async (t) => {
  const two = async () => {
    const one = cluster([{}, {}])
    for (const node of one.nodes) node.start()
    await one.time.advance(10_000)
    return { ...one, a: one.node(0), b: one.node(1) }
  }
  t.test('does not take over when adverts lie unread', async (t) => {
    const { time, b, lan } = await two()
    await b.clock.stall(10_000)
    await time.advance(3000)
    t.equal(b.role, 'BACKUP')
    t.strictSame(lan.adverts('b'), [])
  })
  t.test('does not take over when the adverts lie behind those of others', async (t) => {
    const { time, b, lan } = await two()
    b.clock.freeze()
    for (let i = 0; i < 50; i++) lan.inject(advert({ vrid: 7 }))
    await time.advance(10_000)
    for (let i = 0; i < 50; i++) lan.inject(advert({ vrid: 7 }))
    b.clock.thaw()
    await time.advance(3000)
    t.equal(b.role, 'BACKUP')
    t.strictSame(lan.adverts('b'), [])
  })
  t.test('takes over when nothing lies there', async (t) => {
    const { time, a, b } = await two()
    a.clock.freeze()
    b.clock.freeze()
    await time.advance(10_000)
    b.clock.thaw()
    await time.settle()
    // The adverts that a had sent before b was stopped are read; there are none.
    t.equal(b.role, 'MASTER')
  })
  t.test('takes over in the end although somebody floods it', async (t) => {
    const { time, a, b, lan } = await two()
    a.clock.freeze()
    b.clock.freeze()
    await time.advance(5000)
    for (let i = 0; i < 1200; i++) lan.inject(advert({ vrid: 7 }))
    b.clock.thaw()
    await time.settle()
    t.equal(b.role, 'MASTER')
  })
})

t.test('the address is leased, and renewed at each advert and a quarter later', async (t) => {
  const { time, a } = await aMaster()
  await time.advance(2000)
  const [added, ...renewals] = a.kernel.operations
  t.match(added, { op: 'add', address: '10.32.255.99/32', leaseS: 2 })
  t.strictSame(
    renewals.map(({ at, op, leaseS }) => [Math.round(at - 3610.375), op, leaseS]),
    [
      [250, 'renew', 2],
      [1000, 'renew', 2],
      [1250, 'renew', 2],
      [2000, 'renew', 2]
    ]
  )
  t.equal(a.instance.snapshot().lease_s, 2)
})

t.test('however fast the adverts, the kernel is not asked more often than every 200 ms', async (t) => {
  const { time, node } = cluster([{ version: 3, advertIntMs: 10, authentication: null }])
  const a = node(0).start()
  await time.advance(4000)
  t.equal(a.role, 'MASTER')
  const at = a.kernel.operations.map((one) => one.at)
  t.ok(at.every((moment, i) => i < 2 || moment - (at[i - 1] ?? 0) >= 200))
  t.ok(a.kernel.held.length === 1 && at.length >= 9)
})

t.test('a slow advert interval has a long lease', async (t) => {
  const { time, node } = cluster([{ advertIntMs: 10_000 }])
  const a = node(0).start()
  await time.advance(35_000)
  t.equal(a.kernel.operations[0]?.leaseS, 26)
  await time.advance(60_000)
  t.ok(a.holds)
  t.ok(a.kernel.operations.every(({ op }) => op === 'add' || op === 'renew'))
})

t.test(
  'a renewal that the kernel does not answer is tried again while the lease lasts; two in a row are a fault',
  async (t) => {
    const { time, a } = await aMaster()
    a.kernel.unanswered = 1
    await time.advance(3000)
    t.equal(a.role, 'MASTER')
    t.ok(a.holds)
    t.equal(a.log.said('address not renewed, tried again').length, 1)
    a.kernel.unanswered = 2
    await time.advance(2000)
    t.equal(a.role, 'FAULT')
  }
)

t.test('an address that the kernel refuses is a fault, tried again after 5 s', async (t) => {
  const { time, node, lan } = cluster([{}])
  const a = node(0).start()
  a.kernel.refusal = 'cannot add 10.32.255.99/32: EPERM: CAP_NET_ADMIN is missing'
  await time.advance(3700)
  t.equal(a.role, 'FAULT')
  t.strictSame(a.instance.snapshot().fault, ['cannot add 10.32.255.99/32: EPERM: CAP_NET_ADMIN is missing'])
  t.equal(a.instance.snapshot().effective_priority, 0)
  t.strictSame(
    lan.adverts('a').map((one) => one.priority),
    [100, 0],
    'the others hear at once'
  )
  await time.advance(4800)
  t.equal(a.role, 'FAULT')
  a.kernel.refusal = undefined
  await time.advance(200)
  t.equal(a.role, 'BACKUP')
  await time.advance(3700)
  t.equal(a.role, 'MASTER')
  t.ok(a.holds)
  t.strictSame(a.instance.snapshot().fault, [])
})

t.test('an address that something else removes is put back at once and announced', async (t) => {
  const { time, a } = await aMaster()
  await time.advance(100)
  const frames = a.frames.length
  a.kernel.take(2, VIP)
  await time.advance(2)
  t.ok(a.holds)
  t.equal(a.frames.length - frames, 5)
  t.equal(a.instance.snapshot().counters.address_readded, 1)
  t.equal(a.role, 'MASTER')
  t.equal(a.log.said('address was removed by something else, put back').length, 1)
})

const PAIR = [VIP, { ...VIP, address: '10.32.255.98' }].map((prefix) => ({
  ...prefix,
  dev: null,
  label: null,
  scope: 0,
  broadcast: null,
  noDad: false
}))
/** The addresses that frames tell of. */
const told = (node: FakeNode, from: number): string[] =>
  node.frames.slice(from).map(({ frame }) => [...frame.subarray(28, 32)].join('.'))

t.test('of two addresses the one that is put back is announced at once, both after the delay', async (t) => {
  const { time, a } = await aMaster({ virtualIpaddress: PAIR })
  await time.advance(6000)
  const from = a.frames.length
  a.kernel.take(2, VIP)
  await time.advance(10)
  t.strictSame(new Set(told(a, from)), new Set([VIP.address]))
  await time.advance(5000)
  t.strictSame(new Set(told(a, from)), new Set(PAIR.map(({ address }) => address)))
})

t.test('an address that a reload takes away is announced no more', async (t) => {
  const { time, a } = await aMaster({ virtualIpaddress: PAIR })
  const from = a.frames.length
  t.equal(new Set(told(a, 0)).size, 2)
  const config = { ...a.instance.config, virtualIpaddress: PAIR.slice(0, 1) }
  a.instance.configure({ config, startupDelayMs: 0, signature: null })
  await time.advance(120_000)
  t.equal(a.role, 'MASTER')
  t.strictSame(a.kernel.held, ['10.32.255.99/32'])
  t.strictSame(new Set(told(a, from)), new Set([VIP.address]))
})

t.test('two who fight over an address do not spin: at most five times at once in 10 s', async (t) => {
  const { time, a } = await aMaster()
  let removals = 0
  for (let i = 0; i < 50; i++) {
    if (a.holds) {
      a.kernel.take(2, VIP)
      removals++
    }
    await time.advance(20)
  }
  t.ok(removals >= 5 && removals <= 8, `${removals} removals in a second`)
  await time.advance(600)
  t.ok(a.holds, 'a renewal puts it back all the same')
  await time.advance(10_000)
  a.kernel.take(2, VIP)
  await time.advance(2)
  t.ok(a.holds, 'and later it is at once again')
})

t.test('a link that goes down is a fault; up again it waits its whole time', async (t) => {
  const { time, a, lan } = await aMaster()
  a.setLink({ isRunning: false })
  await time.advance(10)
  t.equal(a.role, 'FAULT')
  t.strictSame(a.instance.snapshot().fault, ['link down: bond0 has no carrier'])
  t.notOk(a.holds)
  t.equal(lan.adverts('a').at(-1)?.priority, 0)
  a.setLink({ isUp: false, isRunning: false })
  await time.advance(1)
  t.strictSame(a.instance.snapshot().fault, ['link down: bond0 is switched off'])
  const sent = lan.sent.length
  await time.advance(10_000)
  t.equal(lan.sent.length, sent, 'in FAULT nothing is sent')
  a.setLink({})
  await time.advance(3600)
  t.equal(a.role, 'BACKUP')
  await time.advance(20)
  t.equal(a.role, 'MASTER')
  t.ok(a.holds)
})

t.test('an interface that is lost and comes back under another index', async (t) => {
  const { time, a } = await aMaster()
  a.setLink(undefined)
  await time.advance(10)
  t.equal(a.role, 'FAULT')
  t.strictSame(a.instance.snapshot().fault, ['interface bond0 does not exist'])
  t.equal(a.instance.snapshot().socket, null)
  a.setLink({ index: 7 })
  await time.advance(3700)
  t.equal(a.role, 'MASTER')
  t.equal(a.kernel.operations.filter(({ op }) => op === 'add').at(-1)?.index, 7)
  t.equal(a.frames.at(-1)?.index, 7)
})

t.test('an interface whose index changes under a master keeps the address, on the new one', async (t) => {
  const { time, a } = await aMaster()
  a.setLink({ index: 9 })
  await time.advance(10)
  t.equal(a.role, 'MASTER')
  t.strictSame(
    a.kernel.operations.slice(-2).map(({ op, index }) => [op, index]),
    [
      ['remove', 2],
      ['add', 9]
    ]
  )
  t.equal(a.frames.at(-1)?.index, 9)
})

t.test('a MAC that changes under a master is announced at once', async (t) => {
  const { time, a } = await aMaster()
  const frames = a.frames.length
  a.setLink({ mac: Uint8Array.from([0x52, 0x54, 0, 0xaa, 0xbb, 9]) })
  await time.advance(1)
  t.equal(a.frames.length - frames, 5)
  t.equal(a.frames.at(-1)?.frame[11], 9, 'from the new one')
  await time.advance(70_000)
  t.ok(a.frames.slice(frames).every(({ frame }) => frame[11] === 9))
  t.equal(a.role, 'MASTER')
})

t.test('what the rest of the daemon reports is a fault, and clears', async (t) => {
  const { time, a } = await aMaster()
  a.outside = ['cannot listen on 10.32.255.99:8443']
  a.look()
  await time.advance(5)
  t.equal(a.role, 'FAULT')
  t.notOk(a.holds)
  a.outside = []
  a.look()
  await time.advance(3700)
  t.equal(a.role, 'MASTER')
})

t.test(
  'gratuitous ARP: 5 at once, 5 after 5 s, one each 60 s, and no more for having been master before',
  async (t) => {
    const { time, a, lan } = await aMaster()
    const since = (from: number): number => a.frames.filter(({ at }) => at >= from).length
    t.equal(a.frames.length, 5)
    t.ok(
      a.frames.every(({ at }) => at === 3610.375),
      'when the kernel has the address, not before'
    )
    await time.advance(5000)
    t.equal(a.frames.length, 10)
    // Master and backup and master, a few times.
    for (let i = 0; i < 3; i++) {
      lan.inject(advert({ priority: 200 }))
      await time.advance(3700)
      t.equal(a.role, 'MASTER')
    }
    await time.advance(10_000)
    const from = time.now
    await time.advance(600_000)
    t.equal(since(from), 10, 'ten minutes, ten frames')
    t.equal(a.instance.snapshot().counters.garp_sent, a.frames.length)
  }
)

t.test('a foreign advert heard as master is answered at once and announced, at most twice a second', async (t) => {
  const { time, a, lan } = await aMaster()
  await time.advance(10_500)
  const [frames, sent] = [a.frames.length, lan.sent.length]
  for (let i = 0; i < 10; i++) lan.inject(advert({ priority: 50 }))
  await time.settle()
  t.equal(a.frames.length - frames, 5)
  t.equal(lan.sent.length - sent, 1, 'a flood is not mirrored')
  lan.inject(advert({ priority: 0 }))
  await time.advance(1000)
  lan.inject(advert({ priority: 0 }))
  await time.settle()
  t.equal(a.frames.length - frames, 15, 'with the follow-up of the first')
})

t.test('a master of lower priority that goes on is told once a minute; one that steps back is not', async (t) => {
  const { time, a, lan } = await aMaster()
  await time.advance(5500)
  lan.inject(advert({ priority: 50 }))
  await time.advance(5000)
  t.equal(a.log.said('another master of lower priority goes on: it does not hear us').length, 0)
  for (let i = 0; i < 10; i++) {
    lan.inject(advert({ priority: 50 }))
    await time.advance(1000)
  }
  t.equal(a.log.said('another master of lower priority goes on: it does not hear us').length, 1)
  t.equal(a.role, 'MASTER')
})

t.test('a rival heard a moment before our addresses are held gets no last word on the link', async (t) => {
  const { time, node, lan } = cluster([{}])
  const a = node(0).start()
  await time.advance(3500)
  lan.inject(advert({ priority: 88 }))
  await time.advance(120)
  t.equal(a.role, 'MASTER')
  t.equal(a.frames.length, 5)
  await time.advance(80)
  t.equal(a.frames.length, 10, 'announced once more, after whatever the rival still sent')
  await time.advance(250)
  t.equal(a.frames.length, 15, 'and once again')
})

t.test(
  'a takeover from a master that is silent or has resigned announces at once and after the delay alone',
  async (t) => {
    const { time, node, lan } = cluster([{}])
    const a = node(0).start()
    await time.advance(3500)
    lan.inject(advert({ priority: 0 }))
    await time.advance(1000)
    t.equal(a.role, 'MASTER')
    await time.advance(3000)
    t.equal(a.frames.length, 5)
    await time.advance(2000)
    t.equal(a.frames.length, 10)
  }
)

t.test('an address of our own that another has is told once a minute', async (t) => {
  const { time, a, lan } = await aMaster()
  for (let i = 0; i < 3; i++) lan.inject(advert({ priority: 100 }, '10.32.137.20'))
  await time.settle()
  t.equal(a.log.said('adverts come from our own address: another node has it too').length, 1)
  t.equal(a.role, 'MASTER')
})

t.test('a fault of the kernel while the master steps down does not hold it up', async (t) => {
  const { time, a, lan } = await aMaster()
  a.kernel.latencyMs = 300
  await time.advance(450)
  lan.inject(advert({ priority: 200 }))
  await time.advance(1000)
  t.equal(a.role, 'BACKUP')
  t.notOk(a.holds, 'a renewal under way does not bring it back')
  await time.advance(2000)
  t.notOk(a.holds)
})

t.test('every counter of an instance counts', async (t) => {
  const moved = new Set<string>()
  const countersOf = (node: FakeNode) => {
    const { counters } = node.instance.snapshot()
    for (const [name, count] of Object.entries(counters)) if (count !== 0) moved.add(name)
    return counters
  }
  t.test('of a mastership', async (t) => {
    const { time, a, lan } = await aMaster()
    lan.inject(advert({ priority: 0 }))
    lan.inject(advert({ priority: 50 }))
    a.kernel.take(2, VIP)
    await time.advance(10)
    await a.clock.stall(4000)
    await time.advance(4000)
    void a.instance.stop()
    await time.advance(10)
    const { rejected, ...counters } = countersOf(a)
    t.match(counters, {
      advert_rcvd: 2,
      priority_zero_rcvd: 1,
      priority_zero_sent: 1,
      become_master: 2,
      release_master: 2,
      lower_priority_rcvd: 2,
      address_readded: 1,
      stalled: 1,
      addr_list_err: 0,
      authtype_mismatch: 0,
      send_err: 0
    })
    t.equal(counters.advert_sent, lan.adverts('a').length)
    t.equal(counters.garp_sent, a.frames.length)
    t.ok(Object.values(rejected).every((count) => count === 0))
  })
  t.test('of adverts that are taken although they differ, and of those that are not', async (t) => {
    const { a, time, lan } = await aMaster()
    lan.inject(advert({ priority: 200, addresses: ['10.32.255.98'] }))
    lan.inject(advert({ auth: { type: 0, data: new Uint8Array(8) } }))
    lan.inject(advert({ auth: { type: 1, data: passwordBytes('2222') } }))
    await time.advance(10)
    const counters = countersOf(a)
    t.match(counters, { advert_rcvd: 1, addr_list_err: 1, authtype_mismatch: 1, rejected: { auth: 2 } })
    t.match(counters, { other_interval_rcvd: 0, other_checksum_rcvd: 0 }, 'which are of version 3')
  })
  t.test('of version 3, where interval and checksum of the master may be others', async (t) => {
    const { a, time, lan } = await aMaster({ version: 3, authentication: null, checksum: 'pseudo-header' })
    const theirs: Partial<Advert> = { version: 3, priority: 200, checksum: 'pseudo-header' }
    lan.inject(advert(theirs))
    await time.advance(10)
    t.match(countersOf(a), { advert_rcvd: 1, other_interval_rcvd: 0, other_checksum_rcvd: 0 })
    lan.inject(advert({ ...theirs, checksum: 'message' }))
    lan.inject(advert({ ...theirs, advertIntMs: 2000 }))
    await time.advance(10)
    t.match(countersOf(a), { advert_rcvd: 3, other_interval_rcvd: 1, other_checksum_rcvd: 1 })
  })
  t.test('of IPv6, and of a socket that takes nothing', async (t) => {
    const six = { address: 'fe80::99', family: 6, length: 64 } as const
    const [vip] = configOf(`vrrp:
  - { name: VI_6, interface: bond0, virtual_router_id: 6, version: 3, virtual_ipaddress: [ "fe80::99/64" ] }
`).vrrp
    const { time, node, lan } = cluster([{ ...vip }])
    const a = node(0).start()
    await time.advance(3700)
    a.kernel.endDad(2, six, 'free')
    await time.advance(10)
    t.match(countersOf(a), { gna_sent: a.frames.length, garp_sent: 0, dad_failed_mended: 0, send_err: 0 })
    t.ok(a.frames.length > 0)
    a.kernel.endDad(2, six, 'dropped')
    lan.refusal = 'ENETDOWN'
    await time.advance(1000)
    t.match(countersOf(a), { dad_failed_mended: 1, send_err: 1 })
  })
  t.test('and none was left out', async (t) => {
    const { a } = await aMaster()
    t.strictSame(
      Object.keys(a.instance.snapshot().counters).filter((name) => !moved.has(name)),
      []
    )
  })
})

t.test('status tells all of it in the words of the contract', async (t) => {
  const { a } = await aMaster()
  t.match(a.instance.snapshot(), {
    name: 'VI_1',
    interface: 'bond0',
    virtual_router_id: 88,
    version: 2,
    state: 'MASTER',
    since: '2026-01-01T00:00:03.609Z',
    reason: 'master down',
    fault: [],
    priority: 100,
    effective_priority: 100,
    advert_int_ms: 1000,
    preempt: true,
    master: { address: '10.32.137.20', priority: 100 },
    virtual_ipaddress: [{ address: '10.32.255.99/32', held: true }],
    lease_s: 2,
    socket: 'addon'
  })
})

t.test('a state change is one line with from, to and the reason; FAULT is an error', async (t) => {
  const { time, a } = await aMaster()
  a.setLink({ isRunning: false })
  await time.advance(1)
  t.strictSame(
    a.log.said('state changed').map(({ level, facts }) => [level, facts['from'], facts['to'], facts['reason']]),
    [
      ['warn', 'INIT', 'BACKUP', 'start'],
      ['warn', 'BACKUP', 'MASTER', 'master down'],
      ['error', 'MASTER', 'FAULT', 'link down: bond0 has no carrier']
    ]
  )
  t.match(a.log.lines[0]?.facts, { instance: 'VI_1', vrid: 88, interface: 'bond0' })
  t.notMatch(JSON.stringify(a.log.lines), /"1111"/)
})

function decoded(priority: number): Advert {
  return {
    version: 2,
    vrid: 88,
    priority,
    advertIntMs: 1000,
    addresses: ['10.32.255.99'],
    auth: { type: 1, data: passwordBytes('1111') },
    checksum: 'message'
  }
}
