import t from 'tap'
import { type Prefix, parsePrefix } from '../../../src/base/ip.js'
import type { VirtualAddress } from '../../../src/config/vip-schema.js'
import { Addresses } from '../../../src/vrrp/addresses.js'
import { FakeKernel } from '../../fakes/fake-kernel.js'
import { ManualClock } from '../../fakes/manual-clock.js'
import { MemoryLog } from '../../fakes/memory-log.js'

const prefixOf = (text: string): Prefix => {
  const prefix = parsePrefix(text)
  if (prefix === undefined) throw new Error(text)
  return prefix
}
const vip = (text: string, overrides: Partial<VirtualAddress> = {}): VirtualAddress => ({
  ...prefixOf(text),
  dev: null,
  label: null,
  scope: 0,
  broadcast: null,
  noDad: true,
  ...overrides
})

const TWO = [vip('10.0.0.1'), vip('10.0.0.2')]
const PUT_BACK = 'address was removed by something else, put back'

/** Instance on interface 2; eth3 is interface 3. */
function setUp(vips: readonly VirtualAddress[] = TWO) {
  const clock = new ManualClock()
  const kernel = new FakeKernel(clock)
  const heldAt: number[] = []
  const held: string[][] = []
  const refused: string[] = []
  const leavings: string[][] = []
  /** What is asked before addresses go; it is answered at once unless a test takes its time. */
  let gate: Promise<void> = Promise.resolve()
  /** @returns gives the answer */
  const takeTime = (): (() => void) => {
    let answer = (): void => undefined
    gate = new Promise((resolve) => {
      answer = resolve
    })
    return () => answer()
  }
  const log = new MemoryLog(clock.now)
  const addresses = new Addresses(2, {
    kernel,
    log,
    clock,
    beforeGone: async (leaving) => {
      leavings.push(leaving.map(({ address }) => address))
      await gate
    },
    onHeld: (fresh) => {
      heldAt.push(clock.now())
      held.push(fresh.map(({ address }) => address))
    },
    onRefused: (reason) => refused.push(reason)
  })
  kernel.onChange = () => addresses.kernelChanged()
  addresses.set(vips)
  addresses.place((dev) => (dev === null ? 2 : dev === 'eth3' ? 3 : null))
  /** Renewed each second, as a living master does. */
  const live = async (seconds: number): Promise<void> => {
    for (let i = 0; i < seconds; i++) {
      addresses.renew()
      await clock.advance(1000)
    }
  }
  const did = (): string[] => kernel.operations.splice(0).map(({ op, address, index }) => `${op} ${address} ${index}`)
  return { clock, kernel, held, heldAt, refused, addresses, log, live, did, leavings, takeTime }
}

t.test('what is to linger is there for so long yet, then clients are told, then it goes', async (t) => {
  const { clock, addresses, did, leavings } = setUp()
  addresses.want(true)
  await clock.advance(10)
  did()
  addresses.want(false, 50)
  await clock.advance(49)
  t.strictSame([did(), leavings], [[], []])
  await clock.advance(10)
  t.strictSame([did().length, leavings.length], [TWO.length, 1])
})

t.test('what is wanted again while it lingers stays', async (t) => {
  const { clock, addresses, did, leavings } = setUp()
  addresses.want(true)
  await clock.advance(10)
  did()
  addresses.want(false, 50)
  await clock.advance(20)
  addresses.want(true)
  await clock.advance(100)
  t.notOk(did().some((one) => one.startsWith('remove')))
  t.strictSame(leavings, [])
  t.ok(addresses.isHeld)
})

t.test('clients are told before their addresses go, and the addresses wait for it', async (t) => {
  const { clock, addresses, did, leavings, takeTime } = setUp()
  addresses.want(true)
  await clock.advance(100)
  t.same(leavings, [], 'nothing goes when they come')
  did()
  const told = takeTime()
  addresses.want(false)
  await clock.advance(100)
  t.same(leavings, [['10.0.0.1', '10.0.0.2']])
  t.same(did(), [], 'still there')
  told()
  await clock.advance(100)
  t.same(did(), ['remove 10.0.0.2/32 2', 'remove 10.0.0.1/32 2'])
})

t.test(
  'nobody is told of an address that comes back at once under another label or on another interface',
  async (t) => {
    const { clock, addresses, did, leavings } = setUp([vip('10.0.0.1'), vip('10.0.0.2')])
    addresses.want(true)
    await clock.advance(100)
    did()
    addresses.set([vip('10.0.0.1', { label: 'bond0:1' }), vip('10.0.0.2', { dev: 'eth3' })])
    await clock.advance(100)
    t.equal(did().filter((line) => line.startsWith('remove')).length, 2, 'the old ones went')
    t.same(leavings, [])
  }
)

t.test('who is wanted again while clients are told keeps the addresses', async (t) => {
  const { clock, addresses, did, takeTime, leavings } = setUp()
  addresses.want(true)
  await clock.advance(100)
  did()
  const told = takeTime()
  addresses.want(false)
  await clock.advance(100)
  addresses.want(true)
  told()
  await clock.advance(100)
  t.notOk(did().some((line) => line.startsWith('remove')))
  t.equal(leavings.length, 1)
})

t.test('wanted and not wanted in one moment ends as it was last said', async (t) => {
  const { clock, kernel, addresses } = setUp()
  for (let i = 0; i < 9; i++) addresses.want(i % 2 === 0)
  await clock.advance(100)
  t.strictSame(kernel.held, ['10.0.0.1/32', '10.0.0.2/32'])
  for (let i = 0; i < 10; i++) addresses.want(i % 2 === 0)
  await clock.advance(100)
  t.strictSame(kernel.held, [])
})

t.test('one operation is in flight, however often it is asked for', async (t) => {
  const { clock, kernel, addresses } = setUp()
  kernel.latencyMs = 50
  addresses.want(true)
  for (let i = 0; i < 20; i++) addresses.renew()
  await clock.advance(1000)
  t.ok(kernel.operations.length <= 4, `${kernel.operations.length} operations`)
})

t.test('given up half-way no further one is added, and the first is removed', async (t) => {
  const { clock, kernel, addresses, held } = setUp()
  kernel.latencyMs = 10
  addresses.want(true)
  await clock.advance(5)
  addresses.want(false)
  await clock.advance(100)
  t.strictSame(
    kernel.operations.map(({ op }) => op),
    ['add', 'remove']
  )
  t.strictSame(held, [])
  t.strictSame(kernel.held, [])
})

t.test('is settled when the kernel has been told', async (t) => {
  const { clock, kernel, addresses } = setUp()
  addresses.want(true)
  await clock.advance(10)
  kernel.latencyMs = 500
  addresses.want(false)
  let isSettled = false
  void addresses.settled().then(() => {
    isSettled = true
  })
  await clock.advance(900)
  t.notOk(isSettled)
  await clock.advance(200)
  t.ok(isSettled)
  t.strictSame(kernel.held, [])
})

t.test('held is said once both are there, and in status only then', async (t) => {
  const { clock, held, heldAt, addresses, kernel } = setUp()
  kernel.latencyMs = 10
  addresses.want(true)
  await clock.advance(15)
  t.strictSame(held, [])
  t.ok(addresses.snapshot().every((one) => !one.held))
  await clock.advance(5)
  t.strictSame(heldAt, [20])
  t.ok(addresses.snapshot().every((one) => one.held))
  t.equal(addresses.isHeld, true)
})

t.test('without an interface nothing is held', async (t) => {
  const { clock, kernel, addresses } = setUp()
  addresses.place(() => null)
  addresses.want(true)
  await clock.advance(100)
  t.strictSame(kernel.operations, [])
  addresses.place(() => 3)
  await clock.advance(100)
  t.equal(kernel.held.length, 2)
  addresses.place(() => null)
  await clock.advance(100)
  t.equal(kernel.held.length, 0)
})

t.test('each goes on the interface that it names, and status says which', async (t) => {
  const { clock, addresses, held, did } = setUp([vip('10.0.0.1'), vip('10.1.0.1/24', { dev: 'eth3' })])
  addresses.want(true)
  await clock.advance(10)
  t.strictSame(did(), ['add 10.0.0.1/32 2', 'add 10.1.0.1/24 3'])
  t.strictSame(held, [['10.0.0.1', '10.1.0.1']])
  t.strictSame(addresses.snapshot(), [
    { address: '10.0.0.1/32', held: true },
    { address: '10.1.0.1/24', dev: 'eth3', held: true }
  ])
})

t.test('one whose interface is missing is held when it appears, and announced alone', async (t) => {
  const { clock, addresses, held, kernel } = setUp([vip('10.0.0.1'), vip('10.1.0.1', { dev: 'eth9' })])
  addresses.want(true)
  await clock.advance(10)
  t.strictSame(kernel.held, ['10.0.0.1/32'])
  t.ok(addresses.isHeld)
  addresses.place((dev) => (dev === null ? 2 : 9))
  t.notOk(addresses.isHeld)
  await clock.advance(10)
  t.strictSame(held, [['10.0.0.1'], ['10.1.0.1']])
  t.ok(addresses.isHeld)
})

t.test('an interface that comes back under another index gets them anew', async (t) => {
  const { clock, addresses, held, did } = setUp([vip('10.0.0.1')])
  addresses.want(true)
  await clock.advance(10)
  addresses.place(() => 7)
  await clock.advance(10)
  t.strictSame(did(), ['add 10.0.0.1/32 2', 'remove 10.0.0.1/32 2', 'add 10.0.0.1/32 7'])
  t.equal(held.length, 2)
})

t.test('the same place told again asks nothing of the kernel', async (t) => {
  const { clock, addresses, did } = setUp()
  addresses.want(true)
  await clock.advance(10)
  did()
  for (let i = 0; i < 5; i++) addresses.place(() => 2)
  addresses.set(TWO.map((one) => ({ ...one })))
  await clock.advance(10)
  t.strictSame(did(), [])
})

t.test('a reload removes what is gone, adds and announces what is new, and leaves the rest alone', async (t) => {
  const { clock, addresses, held, did, live, kernel } = setUp()
  addresses.want(true)
  await clock.advance(10)
  did()
  addresses.set([vip('10.0.0.2'), vip('10.0.0.3')], 5)
  await clock.advance(10)
  const after = kernel.operations.at(-1)
  t.strictSame(did(), ['remove 10.0.0.1/32 2', 'renew 10.0.0.2/32 2', 'add 10.0.0.3/32 2'])
  t.equal(after?.leaseS, 5)
  t.strictSame(held, [['10.0.0.1', '10.0.0.2'], ['10.0.0.3']])
  await live(3)
  t.strictSame(kernel.held, ['10.0.0.2/32', '10.0.0.3/32'])
  t.equal(addresses.readded, 0)
})

t.test('a reload of who is no master touches nothing', async (t) => {
  const { clock, addresses, did } = setUp()
  addresses.set([vip('10.0.0.3')])
  await clock.advance(10)
  t.strictSame(did(), [])
  t.strictSame(addresses.snapshot(), [{ address: '10.0.0.3/32', held: false }])
})

t.test('another label, scope, broadcast or length is another address: the old one goes first', async (t) => {
  const { clock, addresses, did, held } = setUp([vip('10.0.0.1')])
  addresses.want(true)
  await clock.advance(10)
  for (const other of [
    vip('10.0.0.1', { label: 'bond0:vip' }),
    vip('10.0.0.1', { scope: 253 }),
    vip('10.0.0.1', { broadcast: '10.0.0.255' })
  ]) {
    addresses.set([vip('10.0.0.1')])
    await clock.advance(10)
    did()
    addresses.set([other])
    await clock.advance(10)
    t.strictSame(did(), ['remove 10.0.0.1/32 2', 'add 10.0.0.1/32 2'])
  }
  did()
  addresses.set([vip('10.0.0.1/24')])
  await clock.advance(10)
  t.strictSame(did(), ['remove 10.0.0.1/32 2', 'add 10.0.0.1/24 2'])
  t.equal(held.length, 7, 'each is announced')
})

t.test('what something else removes is put back at once, announced and counted', async (t) => {
  const { clock, addresses, kernel, held, log } = setUp()
  addresses.want(true)
  await clock.advance(100)
  kernel.take(2, prefixOf('10.0.0.2'))
  await clock.advance(10)
  t.equal(kernel.held.length, 2)
  t.strictSame(held.at(-1), ['10.0.0.2'])
  t.equal(addresses.readded, 1)
  t.match(log.said(PUT_BACK), [
    {
      level: 'warn',
      facts: { addresses: ['10.0.0.2/32'], suppressed: 0, hint: /KeepConfiguration.*unmanaged-devices/ }
    }
  ])
})

t.test('what is removed while others are being put back is not overlooked', async (t) => {
  const { clock, addresses, kernel } = setUp()
  addresses.want(true)
  await clock.advance(100)
  kernel.latencyMs = 50
  kernel.take(2, prefixOf('10.0.0.1'))
  await clock.advance(75)
  // The first is back, the second is being renewed: now the first goes once more.
  kernel.take(2, prefixOf('10.0.0.1'))
  await clock.advance(300)
  t.equal(kernel.held.length, 2)
  t.equal(addresses.readded, 2)
})

t.test('in a fight it is put back five times in ten seconds, then by renewals; told once a minute', async (t) => {
  const { clock, addresses, kernel, log, live } = setUp([vip('10.0.0.1')])
  addresses.want(true)
  await clock.advance(100)
  for (let i = 0; i < 8; i++) {
    kernel.take(2, prefixOf('10.0.0.1'))
    await clock.advance(10)
  }
  t.strictSame(kernel.held, [])
  t.equal(addresses.readded, 5)
  await live(1)
  t.strictSame(kernel.held, ['10.0.0.1/32'], 'the renewal')
  t.equal(addresses.readded, 6)
  t.equal(log.said(PUT_BACK).length, 1)
  await live(60)
  kernel.take(2, prefixOf('10.0.0.1'))
  await clock.advance(10)
  t.match(log.said(PUT_BACK)[1], { facts: { suppressed: 5 } })
})

t.test('IPv6 addresses that the kernel flushed when the link went down are put back', async (t) => {
  const { clock, addresses, kernel, held } = setUp([vip('10.0.0.1'), vip('fd00::99'), vip('fe80::99/64')])
  addresses.want(true)
  await clock.advance(100)
  kernel.take(2, prefixOf('fd00::99'))
  kernel.take(2, prefixOf('fe80::99/64'))
  await clock.advance(50)
  t.equal(kernel.held.length, 3)
  t.strictSame(held.slice(1).flat().sort(), ['fd00::99', 'fe80::99'])
  t.equal(addresses.readded, 2)
})

t.test('of several in one subnet', async (t) => {
  const SUBNET = ['10.0.0.1/24', '10.0.0.2/24', '10.0.0.3/24'].map((text) => vip(text))

  t.test('the last is removed first, and none is lost on the way', async (t) => {
    const { clock, addresses, did } = setUp(SUBNET)
    addresses.want(true)
    await clock.advance(10)
    did()
    addresses.want(false)
    await clock.advance(10)
    t.strictSame(did(), ['remove 10.0.0.3/24 2', 'remove 10.0.0.2/24 2', 'remove 10.0.0.1/24 2'])
  })

  t.test('those that went with the first, which we removed, are put back without a word', async (t) => {
    const { clock, addresses, kernel, held, log, did } = setUp(SUBNET)
    addresses.want(true)
    await clock.advance(10)
    did()
    addresses.set(SUBNET.slice(1))
    await clock.advance(10)
    t.strictSame(kernel.held.sort(), ['10.0.0.2/24', '10.0.0.3/24'])
    t.match(did(), [
      'remove 10.0.0.1/24 2',
      'taken 10.0.0.2/24 2',
      'taken 10.0.0.3/24 2',
      'add 10.0.0.2/24 2',
      'add 10.0.0.3/24 2'
    ])
    t.strictSame(held.at(-1), ['10.0.0.2', '10.0.0.3'])
    t.equal(addresses.readded, 0)
    t.strictSame(log.lines, [])
    t.ok(addresses.isHeld)
  })

  t.test('those of another instance are put back too, also without a word, however often', async (t) => {
    const { clock, addresses, kernel, log, did } = setUp([vip('10.0.0.2/24')])
    for (let i = 0; i < 8; i++) {
      await kernelHolds(clock, kernel)
      addresses.want(true)
      await clock.advance(10)
      void kernel.removeAddress(2, prefixOf('10.0.0.1/24'))
      await clock.advance(10)
      t.strictSame(kernel.held, ['10.0.0.2/24'])
      addresses.want(false)
      await clock.advance(10)
    }
    t.ok(did().includes('taken 10.0.0.2/24 2'))
    t.equal(addresses.readded, 0)
    t.strictSame(log.lines, [])
  })
})

t.test('IPv6 with duplicate address detection', async (t) => {
  const asked = vip('fd00::99', { noDad: false })

  t.test('is told when it is over, not before', async (t) => {
    const { clock, addresses, kernel, held } = setUp([vip('10.0.0.1'), asked])
    addresses.want(true)
    await clock.advance(500)
    t.strictSame(held, [['10.0.0.1']])
    t.match(addresses.snapshot(), [{ held: true }, { held: false }])
    t.notOk(addresses.isHeld)
    kernel.endDad(2, asked, 'free')
    await clock.advance(10)
    t.strictSame(held, [['10.0.0.1'], ['fd00::99']])
    t.match(addresses.snapshot(), [{ held: true }, { held: true }])
    t.ok(addresses.isHeld)
  })

  t.test('is added again where somebody else has it, and counted as that', async (t) => {
    const { clock, addresses, kernel, held, log } = setUp([asked])
    addresses.want(true)
    await clock.advance(500)
    kernel.endDad(2, asked, 'dropped')
    await clock.advance(10)
    t.strictSame(kernel.held, ['fd00::99/128'])
    t.equal(addresses.dadMended, 1)
    t.equal(addresses.readded, 0)
    t.strictSame(held, [])
    t.equal(log.said('somebody else has the address (IPv6 DAD), added again').length, 1)
    kernel.endDad(2, asked, 'free')
    await clock.advance(10)
    t.strictSame(held, [['fd00::99']])
  })

  t.test('is removed first where the kernel left it there', async (t) => {
    const { clock, addresses, kernel, did } = setUp([asked])
    addresses.want(true)
    await clock.advance(500)
    did()
    kernel.endDad(2, asked, 'left')
    await clock.advance(10)
    t.strictSame(did(), ['remove fd00::99/128 2', 'add fd00::99/128 2'])
    t.equal(addresses.dadMended, 1)
  })

  t.test('that fails on and on is not added without a bound', async (t) => {
    const { clock, addresses, kernel, log } = setUp([asked])
    addresses.want(true)
    await clock.advance(10)
    for (let i = 0; i < 20; i++) {
      kernel.endDad(2, asked, 'dropped')
      await clock.advance(10)
    }
    t.equal(addresses.dadMended, 5)
    t.equal(log.lines.length, 1)
  })
})

t.test('a refusal is told with its reason; one request without an answer is not, two are', async (t) => {
  const { clock, addresses, kernel, refused, log } = setUp()
  kernel.unanswered = 1
  addresses.want(true)
  await clock.advance(10)
  t.strictSame(refused, [])
  t.equal(log.said('address not renewed, tried again').length, 1)
  addresses.renew()
  await clock.advance(10)
  kernel.unanswered = 2
  for (let i = 0; i < 2; i++) {
    addresses.renew()
    await clock.advance(10)
  }
  t.strictSame(refused, ['timeout'])
  kernel.refusal = 'EPERM'
  addresses.renew()
  await clock.advance(10)
  t.strictSame(refused, ['timeout', 'EPERM'])
})

async function kernelHolds(clock: ManualClock, kernel: FakeKernel): Promise<void> {
  void kernel.holdAddress(2, vip('10.0.0.1/24'), 600)
  await clock.advance(10)
}

t.test(
  'one that was taken away and is renewed before that is heard of counts as put back, and is announced',
  async (t) => {
    const { clock, kernel, addresses, held, log, live } = setUp()
    addresses.want(true)
    await clock.advance(100)
    await live(1)
    held.splice(0)
    kernel.take(2, prefixOf('10.0.0.2'))
    // The kernel has told, and nobody has read it yet.
    addresses.renew()
    await clock.advance(500)
    t.strictSame(kernel.held.sort(), ['10.0.0.1/32', '10.0.0.2/32'])
    t.strictSame(held, [['10.0.0.2']])
    t.equal(addresses.readded, 1)
    t.equal(log.said(PUT_BACK).length, 1)
    await live(3)
    t.strictSame(held, [['10.0.0.2']], 'once')
  }
)
