import t from 'tap'
import { farewellMs } from '../../../src/vrrp/timing.js'
import { electionYaml, type FakeElection, instanceYaml } from '../../fakes/fake-election.js'
import { packet, world } from './fixtures.js'

/** What a master does for who comes after it, when its daemon ends. */

async function lan(...nodes: readonly (readonly [priority: number, lines?: string])[]) {
  const { time, lan: link, add } = world()
  const [a, b] = await Promise.all(
    nodes.map(([priority, lines]) => add().run(electionYaml(instanceYaml(priority, lines))))
  )
  await time.advance(60_000)
  if (a === undefined || a.role() !== 'MASTER') throw new Error('a is to be master')
  const since = time.now
  return { time, link, a, b, since, ...ending(a) }
}

function ending(node: FakeElection) {
  let goneAt: number | undefined
  const stop = (): void => {
    void node.election.stop().then(() => {
      goneAt = node.clock.now()
    })
  }
  return { stop, goneAt: () => goneAt }
}

/** Who holds the address at each change of that, within a second. */
async function ownersFrom(nodes: readonly (FakeElection | undefined)[]): Promise<string[]> {
  const seen: string[] = []
  for (let i = 0; i < 1000; i++) {
    const now = nodes.flatMap((node) => (node !== undefined && node.kernel.held.length > 0 ? [node.name] : [])).join()
    if (seen.at(-1) !== now) seen.push(now)
    await nodes[0]?.clock.time.advance(1)
  }
  return seen
}

t.test('a master that ends keeps the address until another node has it, and is not heard again', async (t) => {
  const { link, a, b, since, stop, goneAt } = await lan([100], [90])
  stop()
  t.strictSame(await ownersFrom([a, b]), ['a', 'a,b', 'b'], 'there is no moment without an owner')
  const taken = b?.transitions.findLast(({ to }) => to === 'MASTER')?.at ?? 0
  t.equal(taken, since + (166 * 1000) / 256, 'after its skew')
  t.equal(goneAt(), taken + 51, 'for 50 ms both have it')
  const said = link.adverts('a').filter(({ at }) => at >= since)
  t.strictSame(
    said.map(({ priority }) => priority),
    [0]
  )
  t.strictSame(a.told, ['10.32.255.99'], 'its clients are told before it goes')
})

t.test('one that does not preempt takes over all the same', async (t) => {
  const { a, b, stop } = await lan([100], [90, 'preempt: false'])
  stop()
  t.strictSame(await ownersFrom([a, b]), ['a', 'a,b', 'b'])
})

t.test('where nobody takes over the address goes when everybody had the time to', async (t) => {
  const { time, a, since, stop, goneAt } = await lan([100])
  stop()
  await time.advance(939)
  t.equal(a.kernel.held.length, 1)
  await time.advance(2)
  t.equal(goneAt(), since + 941)
  t.strictSame(a.kernel.held, [])
})

t.test('the lease is renewed once more: it does not end before that', async (t) => {
  // A lease of 2 s that was renewed 1.1 s ago, and 1.41 s to go.
  const { time, a, stop } = await lan([100, 'version: 3\nadvert_int: 1.5'])
  a.kernel.latenessMs = 0
  const ageMs = (): number => time.now - (a.kernel.operations.at(-1)?.at ?? 0)
  while (ageMs() < 1100) await time.advance(1)
  stop()
  await time.advance(1400)
  t.equal(a.kernel.held.length, 1)
  await time.advance(20)
  t.strictSame(a.kernel.held, [])
  t.notOk(a.kernel.operations.some(({ op }) => op === 'expire'))
})

t.test(
  'one that dies meanwhile leaves the address for no longer than it would have kept it, in whole seconds',
  async (t) => {
    const { time, a, since, stop } = await lan([100], [90])
    a.kernel.latenessMs = 0
    stop()
    await time.advance(100)
    a.clock.freeze()
    await time.advance(2000)
    t.match(a.kernel.operations.at(-1), { op: 'expire' })
    t.ok((a.kernel.operations.at(-1)?.at ?? 0) <= since + 1010)
  }
)

t.test('another one’s priority 0 is no sign of a new master', async (t) => {
  const { time, link, a, b, stop } = await lan([100], [90])
  b?.setLink({ isUp: false, isRunning: false })
  stop()
  link.inject(packet({ priority: 0 }))
  await time.advance(500)
  t.equal(a.kernel.held.length, 1)
})

t.test(
  'what is heard meanwhile is no matter of one that has ended: nothing is counted, no timer is left',
  async (t) => {
    const { time, link, a, b, stop } = await lan([100], [90])
    b?.setLink({ isUp: false, isRunning: false })
    await time.advance(100)
    stop()
    const before = a.instance().snapshot().counters
    for (const priority of [0, 50, 100, 120]) link.inject(packet({ priority }))
    link.inject(packet({ vrid: 88, priority: 50 }, { ttl: 1 }))
    await time.advance(100)
    t.strictSame(a.kernel.held, [], 'somebody else is master')
    t.strictSame(a.instance().snapshot().counters, before)
    t.equal(a.clock.pending, 0)
  }
)

t.test('who will not wait for another node is not kept waiting', async (t) => {
  const { time, a, since, stop, goneAt } = await lan([100], [90])
  t.notOk(a.election.hasten(), 'nothing waits')
  stop()
  await time.advance(100)
  t.ok(a.election.hasten())
  await time.advance(2)
  t.equal(goneAt(), since + 101)
  t.notOk(a.election.hasten(), 'nothing waits any more')
})

t.test('a backup does not wait', async (t) => {
  const { time, b } = await lan([100], [90])
  if (b === undefined) throw new Error('no b')
  const { stop, goneAt } = ending(b)
  stop()
  await time.settle()
  t.equal(goneAt(), b.clock.now())
})

t.test('it is as long as the longest skew, within bounds', async (t) => {
  t.equal(farewellMs(2, 10_000), 940)
  t.equal(farewellMs(3, 1000), 940)
  t.equal(farewellMs(3, 10), 200)
  t.equal(farewellMs(3, 40_000), 3000)
})

t.test('an instance that a reload removes goes at once', async (t) => {
  const { a } = await lan([100], [90])
  await a.reload(electionYaml(instanceYaml(100, '', 'VI_2', 89, '10.32.255.98')))
  t.strictSame(a.kernel.held, [])
})
