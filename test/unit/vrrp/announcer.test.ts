import t from 'tap'
import { Addresses } from '../../../src/vrrp/addresses.js'
import { Announcer } from '../../../src/vrrp/announcer.js'
import { earliestTakeoverMs, leaseSeconds, worstOverlapMs } from '../../../src/vrrp/timing.js'
import { type Fitness, faultsOf } from '../../../src/vrrp/tracking.js'
import { FakeKernel, link } from '../../fakes/fake-kernel.js'
import { ManualClock } from '../../fakes/manual-clock.js'
import { MemoryLog } from '../../fakes/memory-log.js'

const where = { interfaceIndex: 2, mac: new Uint8Array(6).fill(2), addresses: ['10.0.0.1', '10.0.0.2'] }
const seed = { repeat: 5, delayMs: 5000, refreshMs: 60_000, refreshRepeat: 1 }

function announcer(settings: Partial<typeof seed> = {}) {
  const clock = new ManualClock()
  const log = new MemoryLog()
  const at: number[] = []
  const may = { announce: true, send: true }
  const one = new Announcer(
    { ...seed, ...settings },
    {
      clock,
      log,
      sendFrame: () => {
        if (!may.send) throw new Error('ENETDOWN')
        at.push(clock.now())
      },
      mayAnnounce: () => may.announce
    }
  )
  return { clock, log, at, one, may }
}

t.test('each address is announced so many times: at once, after the delay, at each refresh', async (t) => {
  const { clock, at, one } = announcer()
  one.start(where)
  t.equal(at.length, 10)
  await clock.advance(4999)
  t.equal(at.length, 10)
  await clock.advance(1)
  t.equal(at.length, 20)
  await clock.advance(55_000)
  t.equal(at.length, 22)
  await clock.advance(120_000)
  t.equal(at.length, 26)
  t.equal(one.sent, 26)
})

t.test('a delay of 0 is no second burst, a refresh of 0 is none ever', async (t) => {
  const { clock, at, one } = announcer({ delayMs: 0, refreshMs: 0 })
  one.start(where)
  await clock.advance(600_000)
  t.equal(at.length, 10)
  t.equal(clock.pending, 0)
})

t.test('started again it does not refresh twice as often', async (t) => {
  const { clock, at, one } = announcer()
  for (let i = 0; i < 4; i++) one.start(where)
  await clock.advance(10_000)
  const before = at.length
  await clock.advance(60_000)
  t.equal(at.length - before, 2)
})

t.test('stopped it is silent', async (t) => {
  const { clock, at, one } = announcer()
  one.start(where)
  one.stop()
  one.again()
  await clock.advance(600_000)
  t.equal(at.length, 10)
  t.equal(clock.pending, 0)
})

t.test('who may not announce any more does not, and is not asked for ever', async (t) => {
  const { clock, at, one, may } = announcer()
  one.start(where)
  may.announce = false
  await clock.advance(5000)
  one.again()
  t.equal(at.length, 10)
})

t.test(
  'again: at once unless that was less than a second ago, 250 ms later in any case, and after the delay',
  async (t) => {
    const { clock, at, one } = announcer()
    one.start(where)
    await clock.advance(999)
    one.again()
    t.equal(at.length, 10)
    await clock.advance(1)
    one.again()
    one.again()
    t.equal(at.length, 20)
    await clock.advance(249)
    t.equal(at.length, 30, 'the follow-up of the first')
    await clock.advance(5000)
    t.equal(at.length, 40, 'the second burst')
  }
)

t.test('a rival that announced itself a moment after our own burst does not have the last word', async (t) => {
  const { clock, at, one } = announcer()
  one.start(where)
  await clock.advance(2)
  one.again()
  await clock.advance(300)
  t.equal(at.length, 20)
  t.equal(at.at(-1), 252)
})

t.test('however many adverts of strangers there are, bursts come no faster than one in 200 ms', async (t) => {
  const { clock, at, one } = announcer()
  one.start(where)
  for (let i = 0; i < 1000; i++) {
    one.again()
    await clock.advance(10)
  }
  t.ok(at.length <= 10 * (10 * 5 + 2), String(at.length))
})

t.test('a frame that the kernel does not take is logged, not counted, and stops nothing', async (t) => {
  const { clock, at, one, may, log } = announcer()
  may.send = false
  one.start(where)
  t.equal(log.lines.length, 1)
  t.equal(one.sent, 0)
  may.send = true
  await clock.advance(5000)
  t.equal(at.length, 10)
})

t.test('on a link without a MAC of six bytes nothing is announced', async (t) => {
  const { at, one } = announcer()
  one.start({ ...where, mac: new Uint8Array() })
  t.equal(at.length, 0)
})

t.test('addresses are a level', async (t) => {
  const prefix = { address: '10.0.0.1', family: 4, length: 32 } as const
  const setUp = () => {
    const clock = new ManualClock()
    const kernel = new FakeKernel(clock)
    const held: number[] = []
    const refused: string[] = []
    const log = new MemoryLog()
    const addresses = new Addresses([prefix, { ...prefix, address: '10.0.0.2' }], 2, {
      kernel,
      log,
      now: clock.now,
      onHeld: () => held.push(clock.now()),
      onRefused: (reason) => refused.push(reason)
    })
    kernel.onChange = () => addresses.kernelChanged()
    addresses.place(2)
    return { clock, kernel, held, refused, addresses, log }
  }

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
    const { clock, held, addresses, kernel } = setUp()
    kernel.latencyMs = 10
    addresses.want(true)
    await clock.advance(15)
    t.strictSame(held, [])
    t.ok(addresses.snapshot().every((one) => !one.held))
    await clock.advance(5)
    t.strictSame(held, [20])
    t.ok(addresses.snapshot().every((one) => one.held))
    t.equal(addresses.isHeld, true)
  })

  t.test('without an interface nothing is held', async (t) => {
    const { clock, kernel, addresses } = setUp()
    addresses.place(null)
    addresses.want(true)
    await clock.advance(100)
    t.strictSame(kernel.operations, [])
    addresses.place(3)
    await clock.advance(100)
    t.equal(kernel.held.length, 2)
    addresses.place(null)
    await clock.advance(100)
    t.equal(kernel.held.length, 0)
  })
})

t.test('a lease ends before a peer takes over, where adverts are slow enough for that', async (t) => {
  t.strictSame([10, 500, 1000, 2000, 3000, 10_000].map(leaseSeconds), [2, 2, 2, 4, 7, 26])
  for (const interval of [2000, 3000, 10_000, 255_000]) {
    t.ok(leaseSeconds(interval) * 1000 + 1250 + interval / 4 <= earliestTakeoverMs(interval), String(interval))
    t.equal(worstOverlapMs(interval), 0)
  }
  t.equal(worstOverlapMs(1000), 500, 'whole seconds only: the bound of two owners with adverts of 1 s')
})

t.test('what an instance hangs on, in words', async (t) => {
  const well: Fitness = {
    interface: 'bond0',
    link: link(),
    source: '10.0.0.1',
    wireFault: undefined,
    addressFault: undefined,
    outside: []
  }
  t.strictSame(faultsOf(well), [])
  t.strictSame(faultsOf({ ...well, link: undefined }), ['interface bond0 does not exist'])
  t.strictSame(faultsOf({ ...well, link: link({ isUp: false }) }), ['link down: bond0 is switched off'])
  t.strictSame(faultsOf({ ...well, link: link({ isRunning: false }) }), ['link down: bond0 has no carrier'])
  t.strictSame(faultsOf({ ...well, source: undefined }), ['bond0 has no IPv4 address to send adverts from'])
  t.strictSame(faultsOf({ ...well, wireFault: 'w', addressFault: 'a', outside: ['x', 'y'] }), ['w', 'a', 'x', 'y'])
})
