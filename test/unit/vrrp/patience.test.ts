import fc from 'fast-check'
import t from 'tap'
import { takeoverNotBefore } from '../../../src/vrrp/patience.js'
import { electionYaml, type FakeElection, instanceYaml } from '../../fakes/fake-election.js'
import { link } from '../../fakes/fake-kernel.js'
import { packet, world } from './fixtures.js'

const one = (lines = '', rest = '') => `${rest}${electionYaml(instanceYaml(100, lines))}`
const DOWN = 3000 + (156 * 1000) / 256

t.test('nobody takes over before the latest of the three, whichever it is', async (t) => {
  const ms = fc.nat(100_000)
  const delays = { startupDelayMs: ms, linkStableMs: ms, listenFirstMs: ms }
  fc.assert(
    fc.property(fc.record({ startedAt: ms, linkUpAt: ms, isHeard: fc.boolean(), ...delays }), (one) => {
      const at = takeoverNotBefore(one)
      const all = [one.startedAt + one.startupDelayMs, one.linkUpAt + one.linkStableMs]
      if (!one.isHeard) all.push(one.linkUpAt + one.listenFirstMs)
      return all.every((each) => at >= each) && all.includes(at)
    })
  )
  t.pass()
})

/** As daemon/build.ts does it every quarter of a second. */
function pulse(node: FakeElection): void {
  node.clock.every(250, () => {
    if (node.election.needsLook) node.election.refresh()
  })
}

async function node(yaml: string, rxPackets = 1) {
  const { time, lan, add } = world()
  const a = add()
  a.setLink({ rxPackets })
  await a.run(yaml)
  pulse(a)
  return { time, lan, a }
}

const masterAt = (a: FakeElection) => a.transitions.find(({ to }) => to === 'MASTER')?.at

t.test('startup_delay counts from the start; the instance’s own comes before that of global_defs', async (t) => {
  const own = await node(one('startup_delay: 10s', 'global_defs: { vrrp_startup_delay: 20s }\n'))
  await own.time.advance(30_000)
  t.ok((masterAt(own.a) ?? 0) >= 10_000 && (masterAt(own.a) ?? 0) < 10_300, `${masterAt(own.a)}`)
  const global = await node(one('', 'global_defs: { vrrp_startup_delay: 20s }\n'))
  await global.time.advance(30_000)
  t.ok((masterAt(global.a) ?? 0) >= 20_000 && (masterAt(global.a) ?? 0) < 20_300, `${masterAt(global.a)}`)
})

t.test('a master that is heard while a delay lasts is not disturbed after it', async (t) => {
  const { time, lan, a } = await node(one('startup_delay: 10s'))
  await time.advance(9000)
  lan.inject(packet({ priority: 200 }))
  await time.advance(2000)
  t.equal(a.role(), 'BACKUP')
  await time.advance(3000)
  t.equal(masterAt(a), 9000 + DOWN + (time.now - 14_000))
})

t.test('link_stable counts anew each time that the link comes up', async (t) => {
  const { time, a } = await node(one('link_stable: 20s\nlisten_first: 0s'))
  await time.advance(15_000)
  a.setLink({ isRunning: false })
  await time.advance(1000)
  t.equal(a.role(), 'FAULT')
  a.setLink({ rxPackets: 50 })
  await time.settle()
  const upAt = time.now
  await time.advance(19_900)
  t.equal(a.role(), 'BACKUP')
  await time.advance(600)
  t.ok((masterAt(a) ?? 0) >= upAt + 20_000)
})

t.test('on a link where nothing has been heard nobody takes over before listen_first is over', async (t) => {
  const { time, a } = await node(one('listen_first: 12s'), 0)
  await time.advance(11_900)
  t.equal(a.role(), 'BACKUP')
  await time.advance(600)
  t.equal(a.role(), 'MASTER')
})

t.test('what was received before the link went down does not count as heard after it', async (t) => {
  const { time, a } = await node(one('listen_first: 12s'), 1000)
  await time.advance(5000)
  t.equal(a.role(), 'MASTER')
  a.setLink({ isRunning: false, rxPackets: 1000 })
  await time.advance(100)
  a.setLink({ rxPackets: 1000 })
  await time.advance(11_000)
  t.equal(a.role(), 'BACKUP')
  await time.advance(2000)
  t.equal(a.role(), 'MASTER')
})

t.test('the first packet ends the wait, although no event of the kernel tells of it', async (t) => {
  const { time, a } = await node(one('listen_first: 30s'), 0)
  await time.advance(5000)
  t.equal(a.role(), 'BACKUP')
  // The kernel's counter moves; what it last told of the link stays as it was.
  Object.assign(a.kernel, { readLink: () => Promise.resolve(link({ rxPackets: 1 })) })
  await time.advance(1000)
  t.equal(a.role(), 'MASTER')
  t.notOk(a.election.needsLook, 'and then nobody asks any more')
})

t.test('a socket that cannot be opened is a fault, and is tried again until it can', async (t) => {
  const { time, add } = world()
  const a = add()
  a.socketRefusal = 'EPERM'
  await a.run(one())
  pulse(a)
  t.equal(a.role(), 'FAULT')
  t.match(a.instance().snapshot().fault, ['no VRRP socket on bond0: EPERM'])
  await time.advance(1000)
  a.socketRefusal = undefined
  await time.advance(300)
  t.equal(a.role(), 'BACKUP')
  t.notOk(a.election.needsLook)
})
