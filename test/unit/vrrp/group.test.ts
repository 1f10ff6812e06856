import t from 'tap'
import { type Member, SyncGroup } from '../../../src/vrrp/group.js'
import type { Role } from '../../../src/vrrp/machine.js'
import { electionYaml, instanceYaml } from '../../fakes/fake-election.js'
import { packet, world } from './fixtures.js'

class FakeMember implements Member {
  readonly name: string
  readonly group: SyncGroup
  role: Role = 'BACKUP'
  takeovers = 0
  changes = 0
  readonly yields: string[] = []

  constructor(name: string, group: SyncGroup) {
    this.name = name
    this.group = group
    group.add(this)
  }

  takeOver(): void {
    this.takeovers++
    this.become('MASTER', 'master down')
  }

  yieldTo(reason: string): void {
    this.yields.push(reason)
    if (this.role === 'MASTER') this.become('BACKUP', reason)
  }

  groupChanged(): void {
    this.changes++
  }

  become(to: Role, reason: string): void {
    const from = this.role
    this.role = to
    this.group.moved(this, from, reason)
  }
}

function three() {
  const roles: string[] = []
  const group = new SyncGroup('G', (from, to) => roles.push(`${from} ${to}`))
  const [a, b, c] = [new FakeMember('a', group), new FakeMember('b', group), new FakeMember('c', group)] as const
  return { group, a, b, c, roles }
}

t.test('all claim before any takes over, and then each does once', async (t) => {
  const { group, a, b, c, roles } = three()
  t.strictSame(group.members, ['a', 'b', 'c'])
  group.claim(a)
  group.claim(b)
  group.claim(b)
  t.strictSame([a.takeovers, b.takeovers, c.takeovers], [0, 0, 0])
  group.claim(c)
  t.strictSame([a.takeovers, b.takeovers, c.takeovers], [1, 1, 1])
  t.strictSame(roles.at(-1), 'BACKUP MASTER')
  t.equal(group.role, 'MASTER')
})

t.test('a claim that is taken back, because a master was heard, counts no more until it is made again', async (t) => {
  const { group, a, b, c } = three()
  group.claim(a)
  group.unclaim(a)
  group.claim(b)
  group.claim(c)
  t.strictSame([a.takeovers, b.takeovers, c.takeovers], [0, 0, 0])
  group.claim(a)
  t.strictSame([a.takeovers, b.takeovers, c.takeovers], [1, 1, 1])
})

t.test('a claim of one who has left for FAULT counts no more', async (t) => {
  const { group, a, b, c } = three()
  group.claim(a)
  a.become('FAULT', 'link down')
  a.become('BACKUP', 'healthy again')
  group.claim(b)
  group.claim(c)
  t.equal(b.takeovers, 0)
})

t.test('who joins masters claims with them alone', async (t) => {
  const { group, a, b, c } = three()
  for (const one of [a, b, c]) group.claim(one)
  const late = new FakeMember('d', group)
  group.claim(late)
  t.strictSame([a.takeovers, late.takeovers], [1, 1])
})

t.test('a master that steps down takes the others along, in words that name it', async (t) => {
  const { group, a, b, c, roles } = three()
  for (const one of [a, b, c]) group.claim(one)
  b.become('BACKUP', 'higher priority heard')
  t.strictSame([a.role, b.role, c.role], ['BACKUP', 'BACKUP', 'BACKUP'])
  t.equal(a.yields[0], 'sync group G: b: higher priority heard')
  t.strictSame(roles.slice(-2), ['BACKUP MASTER', 'MASTER BACKUP'])
})

t.test('a fault of one is told to the others, once for each change, and not back to itself', async (t) => {
  const { group, a, b, c } = three()
  group.setFaults(a, ['link down'])
  group.setFaults(a, ['link down'])
  t.strictSame([a.changes, b.changes, c.changes], [0, 1, 1])
  t.strictSame(group.faultsFor(b), ['sync group G: a: link down'])
  t.strictSame(group.faultsFor(a), [])
  group.setFaults(a, [])
  t.strictSame([b.changes, group.faultsFor(b)], [2, []])
  a.become('FAULT', 'x')
  t.equal(group.role, 'FAULT')
})

t.test('who is removed leaves no fault and no claim behind, and the role is that of those who stay', async (t) => {
  const { group, a, b, c, roles } = three()
  for (const one of [a, b, c]) group.claim(one)
  group.setFaults(c, ['x'])
  c.become('INIT', 'shutdown')
  t.equal(group.role, 'INIT')
  group.remove(c)
  t.strictSame(group.faultsFor(a), [])
  t.equal(group.role, 'MASTER')
  t.equal(roles.at(-1), 'INIT MASTER')
  group.remove(a)
  group.remove(b)
  t.equal(group.role, 'MASTER', 'an empty one has nothing to say')
})

// With real instances, put together as the daemon does.

const two = (priority: number, lines = '') => `${electionYaml(
  instanceYaml(priority, lines),
  instanceYaml(priority, lines, 'VI_2', 89, '10.32.255.98')
)}vrrp_sync_group: [ { name: G, group: [ VI_1, VI_2 ] } ]
`

async function pair() {
  const { time, lan, add } = world()
  const a = await add().run(two(100))
  const b = await add().run(two(90))
  await time.advance(8000)
  return { time, lan, add, a, b }
}

const rolesOf = (node: { role(name?: string): string }) => [node.role('VI_1'), node.role('VI_2')]

t.test('both instances of a group become master together, and the peer’s stay backup together', async (t) => {
  const { a, b } = await pair()
  t.strictSame(rolesOf(a), ['MASTER', 'MASTER'])
  t.strictSame(rolesOf(b), ['BACKUP', 'BACKUP'])
  const at = a.transitions.filter(({ to }) => to === 'MASTER').map((one) => one.at)
  t.equal(at.length, 2)
  t.equal(at[0], at[1], 'at the same moment')
  t.strictSame(a.groups, ['G INIT BACKUP', 'G BACKUP MASTER'])
  t.equal(a.instance().snapshot().sync_group, 'G')
})

for (const [vrid, other] of [
  [88, 'VI_2'],
  [89, 'VI_1']
] as const) {
  t.test(`a higher master of VRID ${vrid} alone takes the other instance along, which says priority 0`, async (t) => {
    const { time, lan, a, b } = await pair()
    const before = lan.sent.length
    lan.inject(packet({ vrid, priority: 200, addresses: [vrid === 88 ? '10.32.255.99' : '10.32.255.98'] }))
    await time.settle()
    t.strictSame(rolesOf(a), ['BACKUP', 'BACKUP'])
    t.match(a.transitions.at(-1), { name: other, reason: /^sync group G: VI_\d: higher priority heard/ })
    const zero = lan.sent.slice(before).filter(({ payload }) => payload[2] === 0)
    t.strictSame(
      zero.map(({ from, payload }) => [from, payload[1]]),
      [['a', vrid === 88 ? 89 : 88]]
    )
    t.strictSame(a.kernel.held.length > 0, true, 'removal takes its time')
    await time.advance(100)
    t.strictSame(a.kernel.held, [])
    t.strictSame(rolesOf(b), ['BACKUP', 'BACKUP'])
  })
}

t.test('a fault of one instance is a fault of the other, and both are back when it is over', async (t) => {
  const { time, a, b } = await pair()
  const fitness = a.instance('VI_2')
  // Something that VI_2 alone hangs on.
  const tracked = { label: 'script chk', state: 'down', weight: 0, value: 0, detail: '' } as const
  a.trackedOf = (config) => (config === fitness.config ? [tracked] : [])
  a.look()
  t.strictSame(rolesOf(a), ['FAULT', 'FAULT'])
  t.strictSame(a.instance('VI_1').snapshot().fault, ['sync group G: VI_2: script chk is down'])
  t.strictSame(fitness.snapshot().fault, ['script chk is down'])
  t.equal(a.groups.at(-1), 'G MASTER FAULT')
  await time.advance(1500)
  t.strictSame(rolesOf(b), ['MASTER', 'MASTER'])
  a.trackedOf = () => []
  a.look()
  t.strictSame(rolesOf(a), ['BACKUP', 'BACKUP'])
  await time.advance(8000)
  t.strictSame(rolesOf(a), ['MASTER', 'MASTER'])
  t.strictSame(rolesOf(b), ['BACKUP', 'BACKUP'])
})

t.test(
  'while one instance has a living master the other does not become master alone; once it dies both do',
  async (t) => {
    const { time, lan, add } = world()
    const a = await add().run(two(100))
    const foreign = () => lan.inject(packet({ vrid: 89, priority: 200, addresses: ['10.32.255.98'] }))
    const timer = a.clock.time.clock().every(1000, foreign)
    foreign()
    await time.advance(20_000)
    t.strictSame(rolesOf(a), ['BACKUP', 'BACKUP'])
    t.equal(lan.adverts('a').length, 0)
    t.strictSame(a.kernel.operations, [])
    timer.cancel()
    await time.advance(5000)
    t.strictSame(rolesOf(a), ['MASTER', 'MASTER'], 'the claim that did not find agreement is made again')
  }
)

t.test(
  'a group that a reload makes of two masters moves together from then on, and one that it dissolves does not',
  async (t) => {
    const { time, lan, add } = world()
    const alone = electionYaml(instanceYaml(100), instanceYaml(100, '', 'VI_2', 89, '10.32.255.98'))
    const a = await add().run(alone)
    await time.advance(5000)
    t.strictSame(rolesOf(a), ['MASTER', 'MASTER'])
    await a.reload(two(100))
    t.strictSame(rolesOf(a), ['MASTER', 'MASTER'])
    lan.inject(packet({ priority: 200 }))
    await time.settle()
    t.strictSame(rolesOf(a), ['BACKUP', 'BACKUP'])
    await a.reload(alone)
    await time.advance(6000)
    t.strictSame(rolesOf(a), ['MASTER', 'MASTER'])
    lan.inject(packet({ priority: 200 }))
    await time.settle()
    t.strictSame(rolesOf(a), ['BACKUP', 'MASTER'])
    t.strictSame(a.election.groups, [])
  }
)
