import fc from 'fast-check'
import t from 'tap'
import { effectivePriority, type Fitness, faultsOf, type Tracked } from '../../../src/vrrp/tracking.js'
import { link } from '../../fakes/fake-kernel.js'

const tracked = (overrides: Partial<Tracked> = {}): Tracked => ({
  label: 'script chk',
  state: 'up',
  weight: 0,
  value: 0,
  detail: '',
  ...overrides
})

const fitness = (overrides: Partial<Fitness> = {}): Fitness => ({
  interface: 'bond0',
  link: link(),
  source: '10.0.0.1',
  sourceFault: 'bond0 has no IPv4 address to send adverts from',
  wireFault: undefined,
  addressFault: undefined,
  outside: [],
  tracked: [],
  tier: 'serving',
  ...overrides
})

t.test('each thing that keeps an instance from being master is a fault in words', async (t) => {
  const cases: [string, Partial<Fitness>, string[]][] = [
    ['healthy', {}, []],
    ['no link', { link: undefined, source: undefined }, ['interface bond0 does not exist']],
    ['off', { link: link({ isUp: false, isRunning: false }) }, ['link down: bond0 is switched off']],
    ['no carrier', { link: link({ isRunning: false }) }, ['link down: bond0 has no carrier']],
    ['no source', { source: undefined }, ['bond0 has no IPv4 address to send adverts from']],
    ['no socket', { wireFault: 'no VRRP socket on bond0: EPERM' }, ['no VRRP socket on bond0: EPERM']],
    ['address', { addressFault: 'refused' }, ['refused']],
    ['outside', { outside: ['a', 'b'] }, ['a', 'b']],
    ['tier', { tier: 'nothing' }, []],
    ['down', { tracked: [tracked({ state: 'down', detail: 'exit code 1' })] }, ['script chk is down: exit code 1']],
    ['down, no words', { tracked: [tracked({ state: 'down' })] }, ['script chk is down']],
    ['init', { tracked: [tracked({ state: 'init' })] }, ['script chk has no result yet']],
    ['init with weight', { tracked: [tracked({ state: 'init', weight: 5 })] }, []],
    ['down with weight', { tracked: [tracked({ state: 'down', weight: -5 })] }, []],
    [
      'file',
      { tracked: [tracked({ label: 'file f', value: -254, detail: '-127 × 2' })] },
      ['file f is -254: -127 × 2']
    ],
    ['file above', { tracked: [tracked({ label: 'file f', value: -253 })] }, []]
  ]
  for (const [what, overrides, faults] of cases) t.strictSame(faultsOf(fitness(overrides)), faults, what)
})

t.test('several faults are all named, the link first', async (t) => {
  const all = { link: link({ isRunning: false }), wireFault: 'w', addressFault: 'a', outside: ['o'] }
  t.strictSame(faultsOf(fitness({ ...all, tracked: [tracked({ state: 'down' })] })), [
    'link down: bond0 has no carrier',
    'w',
    'a',
    'o',
    'script chk is down'
  ])
})

t.test('positive weights count while up, negative ones while down, a file by its number', async (t) => {
  const of = (...all: Partial<Tracked>[]) => effectivePriority(100, { tracked: all.map(tracked), tier: 'serving' })
  t.equal(of(), 100)
  t.equal(of({ weight: 10 }), 110)
  t.equal(of({ weight: 10, state: 'down' }), 100)
  t.equal(of({ weight: 10, state: 'init' }), 100)
  t.equal(of({ weight: -10 }), 100)
  t.equal(of({ weight: -10, state: 'down' }), 90)
  t.equal(of({ weight: -10, state: 'init' }), 100)
  t.equal(of({ value: 42 }), 142)
  t.equal(of({ value: -42 }), 58)
  t.equal(of({ value: -254 }), 100, 'that is a fault, no sum')
  t.equal(of({ weight: 10 }, { weight: -30, state: 'down' }, { value: 5 }), 85)
})

const anyTracked: fc.Arbitrary<Tracked> = fc.record({
  label: fc.constant('script x'),
  state: fc.constantFrom<Tracked['state'][]>('init', 'up', 'down'),
  weight: fc.integer({ min: -253, max: 253 }),
  value: fc.integer({ min: -70_000, max: 70_000 }),
  detail: fc.string()
})

t.test('an effective priority is 1 to 254 whatever is tracked, and the owner’s always 255', async (t) => {
  const tier = fc.constantFrom<Fitness['tier'][]>('serving', 'local', 'nothing')
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 255 }), fc.array(anyTracked), tier, (base, all, tier) => {
      const priority = effectivePriority(base, { tracked: all, tier })
      if (base === 255) return priority === 255
      if (tier !== 'serving') return priority === (tier === 'local' ? 2 : 1)
      return Number.isInteger(priority) && priority >= 1 && priority <= 254
    })
  )
  t.equal(effectivePriority(254, { tracked: [tracked({ weight: 253 })], tier: 'serving' }), 254)
  t.equal(effectivePriority(1, { tracked: [tracked({ weight: -253, state: 'down' })], tier: 'serving' }), 1)
})
