import fc from 'fast-check'
import t from 'tap'
import { cluster } from '../../fakes/fake-node.js'
import { runs } from '../../runs.js'

// Whatever happens to up to four nodes, once it is over exactly one has the addresses.

const deed = fc.record({
  afterMs: fc.integer({ min: 0, max: 4000 }),
  node: fc.nat(3),
  other: fc.nat(3),
  what: fc.constantFrom(...(['freeze', 'thaw', 'down', 'up', 'fail', 'heal', 'cut', 'deaf', 'tier', 'take'] as const))
})

const nodes = fc.array(fc.record({ priority: fc.constantFrom(1, 50, 100, 100, 254), preempt: fc.boolean() }), {
  minLength: 1,
  maxLength: 4
})

t.test('after any faults, freezes and splits exactly one node is master and holds the addresses', async (t) => {
  await fc.assert(
    fc.asyncProperty(nodes, fc.array(deed, { maxLength: 12 }), async (configs, deeds) => {
      const { time, lan, nodes } = cluster(configs)
      for (const node of nodes) node.start()
      for (const { afterMs, node: i, other, what } of deeds) {
        await time.advance(afterMs)
        const one = nodes[i % nodes.length]
        const peer = nodes[other % nodes.length]
        if (one === undefined || peer === undefined) continue
        if (what === 'freeze') one.clock.freeze()
        else if (what === 'thaw') one.clock.thaw()
        else if (what === 'down') one.setLink({ isRunning: false })
        else if (what === 'up') one.setLink({})
        else if (what === 'cut') lan.cut(one.name, peer.name)
        else if (what === 'deaf') lan.cut(one.name, peer.name, 'one')
        else if (what === 'take') one.kernel.take(2, { address: '10.32.255.99', family: 4, length: 32 })
        else {
          if (what === 'tier') one.tier = one.tier === 'serving' ? 'nothing' : 'serving'
          else one.outside = what === 'fail' ? ['x'] : []
          // A frozen one notices nothing.
          one.clock.input('netlink events', () => one.look())
        }
      }
      lan.mend()
      for (const node of nodes) {
        node.clock.thaw()
        node.outside = []
        node.setLink({})
      }
      await time.advance(15_000)
      const masters = nodes.filter(({ role }) => role === 'MASTER').map(({ name }) => name)
      const holders = nodes.filter(({ holds }) => holds).map(({ name }) => name)
      return masters.length === 1 && holders.join() === masters.join()
    }),
    runs(40)
  )
  t.pass()
})
