import t from 'tap'
import { electionYaml, type FakeElection, instanceYaml } from '../../fakes/fake-election.js'
import { world } from './fixtures.js'

const one = (priority: number, lines = '') => electionYaml(instanceYaml(priority, lines))

async function pair(linesA = '', linesB = '') {
  const { time, lan, add } = world()
  const a = await add().run(one(100, linesA))
  const b = await add().run(one(90, linesB))
  await time.advance(6000)
  if (a.role() !== 'MASTER' || b.role() !== 'BACKUP') throw new Error('a is to be master')
  return { time, lan, a, b }
}

function tier(node: FakeElection, value: FakeElection['tier']): void {
  node.tier = value
  node.look()
}

const held = (...nodes: readonly FakeElection[]) =>
  nodes.filter((node) => node.kernel.held.length > 0).map((x) => x.name)

t.test(
  'a master whose proxy has no server says priority 0 once, and a better node takes over after its skew',
  async (t) => {
    const { time, lan, a, b } = await pair()
    const since = time.now
    tier(a, 'nothing')
    t.equal(a.role(), 'MASTER', 'it holds on meanwhile')
    await time.advance(700)
    t.equal(b.role(), 'MASTER')
    t.equal(b.transitions.at(-1)?.at, since + (166 * 1000) / 256)
    t.equal(a.role(), 'BACKUP')
    await time.advance(100)
    t.strictSame(held(a, b), ['b'])
    const said = lan.adverts('a').filter(({ at }) => at >= since)
    t.equal(said.filter(({ priority }) => priority === 0).length, 1)
    t.equal(a.instance().snapshot().effective_priority, 1)
    t.equal(a.instance().snapshot().tier, 'nothing')
  }
)

t.test('a better node that does not preempt takes over all the same', async (t) => {
  const { time, a, b } = await pair('', 'preempt: false')
  tier(a, 'nothing')
  await time.advance(800)
  t.equal(b.role(), 'MASTER')
  t.equal(a.role(), 'BACKUP')
})

t.test('one that does not preempt and missed the priority 0 takes over for hearing priority 1 or 2', async (t) => {
  for (const low of ['nothing', 'local'] as const) {
    const { time, lan, a, b } = await pair('', 'preempt: false')
    lan.cut('a', 'b')
    tier(a, low)
    await time.advance(1200)
    lan.mend()
    await time.advance(5000)
    t.equal(b.role(), 'MASTER', low)
    t.equal(a.role(), 'BACKUP', low)
  }
})

t.test('where no node is better the addresses stay, advertised with priority 1 or 2', async (t) => {
  for (const [low, priority] of [
    ['nothing', 1],
    ['local', 2]
  ] as const) {
    const { time, lan, a, b } = await pair()
    tier(b, low)
    const since = time.now
    tier(a, low)
    await time.advance(10_000)
    t.equal(a.role(), 'MASTER', low)
    t.equal(b.role(), 'BACKUP', low)
    t.strictSame(held(a, b), ['a'])
    t.notOk(a.kernel.operations.some(({ op }) => op === 'remove'))
    const said = lan.adverts('a').filter(({ at }) => at >= since)
    t.strictSame([...new Set(said.map((one) => one.priority))], [0, priority])
    t.strictSame(said.filter((one) => one.priority === 0).length, 1)
    // No gap that another node would take for a death.
    t.ok(said.every(({ at }, i) => i === 0 || at - (said[i - 1]?.at ?? 0) <= 1000))
  }
})

t.test('a node that is alone keeps the addresses and goes on', async (t) => {
  const { time, add } = world()
  const a = await add().run(one(100))
  await time.advance(5000)
  tier(a, 'nothing')
  await time.advance(10_000)
  t.equal(a.role(), 'MASTER')
  tier(a, 'serving')
  t.equal(a.instance().snapshot().effective_priority, 100)
  await time.advance(1000)
  t.equal(a.role(), 'MASTER')
  t.equal(a.transitions.length, 2)
})

t.test('between two that are bad the one whose own apiserver answers has the addresses', async (t) => {
  const { time, a, b } = await pair()
  tier(b, 'local')
  tier(a, 'nothing')
  await time.advance(1500)
  t.equal(b.role(), 'MASTER')
  t.equal(b.instance().snapshot().effective_priority, 2)
  await time.advance(10_000)
  t.strictSame(held(a, b), ['b'])
})

t.test('from local to nothing there is no second goodbye: it has asked to be relieved already', async (t) => {
  const { time, lan, a, b } = await pair()
  tier(b, 'nothing')
  tier(a, 'local')
  await time.advance(3000)
  const since = time.now
  tier(a, 'nothing')
  await time.advance(3000)
  const said = lan.adverts('a').filter(({ at }) => at >= since)
  t.notOk(said.some(({ priority }) => priority === 0))
  t.equal(a.role(), 'MASTER')
  t.equal(b.role(), 'BACKUP')
})

t.test('who serves again takes the addresses back by its priority', async (t) => {
  const { time, a, b } = await pair()
  tier(a, 'nothing')
  await time.advance(3000)
  t.equal(b.role(), 'MASTER')
  tier(a, 'serving')
  await time.advance(5000)
  t.equal(a.role(), 'MASTER')
  t.equal(b.role(), 'BACKUP')
  t.strictSame(held(a, b), ['a'])
})
