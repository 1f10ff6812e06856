import t from 'tap'
import { formatAddress } from '../../../src/base/ip.js'
import { Announcer, type AnnouncerSettings } from '../../../src/vrrp/announcer.js'
import { earliestTakeoverMs, leaseSeconds, worstOverlapMs } from '../../../src/vrrp/timing.js'
import { type Fitness, faultsOf } from '../../../src/vrrp/tracking.js'
import { link } from '../../fakes/fake-kernel.js'
import { ManualClock } from '../../fakes/manual-clock.js'
import { MemoryLog } from '../../fakes/memory-log.js'

const at2 = { interfaceIndex: 2, mac: new Uint8Array(6).fill(2) }
const where = [
  { ...at2, address: '10.0.0.1' },
  { ...at2, address: '10.0.0.2' }
]
const seed: AnnouncerSettings = {
  repeat: 5,
  delayMs: 5000,
  refreshMs: 60_000,
  refreshRepeat: 1,
  lowerPrioRepeat: 5,
  lowerPrioDelayMs: 5000,
  intervalMs: 0,
  gnaIntervalMs: 0
}

/** The address that a frame speaks for: the sender's of an ARP, the source of an advertisement. */
const toldBy = (frame: Uint8Array): string =>
  formatAddress(frame[12] === 0x86 ? frame.subarray(22, 38) : frame.subarray(28, 32))

function announcer(settings: Partial<AnnouncerSettings> = {}, isRouter?: (index: number) => boolean) {
  const clock = new ManualClock()
  const log = new MemoryLog()
  const at: number[] = []
  const frames: { at: number; index: number; told: string; frame: Uint8Array }[] = []
  const may = { announce: true, send: true }
  const one = new Announcer(
    { ...seed, ...settings },
    {
      clock,
      log,
      sendFrame: (index, frame) => {
        if (!may.send) throw new Error('ENETDOWN')
        at.push(clock.now())
        frames.push({ at: clock.now(), index, told: toldBy(frame), frame })
      },
      mayAnnounce: () => may.announce,
      ...(isRouter === undefined ? {} : { isRouter })
    }
  )
  return { clock, log, at, frames, one, may }
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
  'again: at once, or 30 ms later if that was less than a second ago, 250 ms later in any case, and after the delay',
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
    await clock.advance(29)
    t.equal(at.length, 30, 'soon after the first')
    await clock.advance(220)
    t.equal(at.length, 40, 'its follow-up')
    await clock.advance(5000)
    t.equal(at.length, 50, 'the second burst')
  }
)

t.test('a rival that announced itself a moment after our own burst does not have the last word', async (t) => {
  const { clock, at, one } = announcer()
  one.start(where)
  await clock.advance(2)
  one.again()
  await clock.advance(3)
  one.again()
  await clock.advance(300)
  t.strictSame([...new Set(at)], [0, 32, 252])
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
  one.start(where.map((row) => ({ ...row, mac: new Uint8Array() })))
  t.equal(at.length, 0)
})

const six = { ...at2, address: '2001:db8::100' }

t.test('IPv6 is announced by neighbour advertisements from the address itself, counted apart', async (t) => {
  const { frames, one } = announcer({ repeat: 2 }, (index) => index === 3)
  one.start([...where, six, { ...six, interfaceIndex: 3, address: '2001:db8::200' }])
  t.equal(one.sent, 4)
  t.equal(one.naSent, 4)
  const advertisements = frames.filter(({ frame }) => frame.length === 86)
  t.strictSame(
    advertisements.map(({ index, told, frame }) => [index, told, frame[58]]),
    [
      [2, '2001:db8::100', 0x20],
      [2, '2001:db8::100', 0x20],
      [3, '2001:db8::200', 0xa0],
      [3, '2001:db8::200', 0xa0]
    ],
    'a router says so, and a host does not'
  )
})

t.test('every address is told of once before any is told of twice', async (t) => {
  const { frames, one } = announcer({ repeat: 2 })
  one.start(where)
  t.strictSame(
    frames.map(({ told }) => told),
    ['10.0.0.1', '10.0.0.2', '10.0.0.1', '10.0.0.2']
  )
})

t.test('a lower priority is answered as often, and again after as long, as its own settings say', async (t) => {
  const { clock, at, one } = announcer({ delayMs: 0, refreshMs: 0, lowerPrioRepeat: 2, lowerPrioDelayMs: 3000 })
  one.start(where)
  await clock.advance(2000)
  one.again()
  t.equal(at.length, 14)
  await clock.advance(250)
  t.equal(at.length, 18, 'the follow-up')
  await clock.advance(2749)
  t.equal(at.length, 18)
  await clock.advance(1)
  t.equal(at.length, 22, 'the second burst')
  await clock.advance(60_000)
  t.equal(at.length, 22)
})

t.test('a lower priority that is not to be answered is not', async (t) => {
  const { clock, at, one } = announcer({ delayMs: 0, refreshMs: 0, lowerPrioRepeat: 0 })
  one.start(where)
  await clock.advance(2000)
  one.again()
  await clock.advance(60_000)
  t.equal(at.length, 10)
})

t.test('a lower priority that is not to be answered does not put off the second burst either', async (t) => {
  const { clock, at, one } = announcer({ refreshMs: 0, lowerPrioRepeat: 0 })
  one.start(where)
  await clock.advance(2000)
  one.again()
  await clock.advance(3000)
  t.equal(at.length, 20)
})

t.test('a lower priority does not make the second burst of the takeover smaller', async (t) => {
  const { clock, at, one } = announcer({ refreshMs: 0, lowerPrioRepeat: 1 })
  one.start(where)
  one.again()
  await clock.advance(250)
  t.equal(at.length, 14)
  await clock.advance(4750)
  t.equal(at.length, 24)
})

t.test('a pause is kept between two frames of a kind on an interface, and on each by itself', async (t) => {
  const { clock, frames, one } = announcer({
    repeat: 2,
    delayMs: 0,
    refreshMs: 0,
    intervalMs: 100,
    gnaIntervalMs: 30
  })
  one.start([...where, { ...at2, interfaceIndex: 3, address: '10.0.0.3' }, six])
  await clock.advance(1000)
  const times = (index: number, bytes: number): number[] =>
    frames.filter((row) => row.index === index && row.frame.length === bytes).map(({ at }) => at)
  t.strictSame(times(2, 42), [0, 100, 200, 300])
  t.strictSame(times(3, 42), [0, 100])
  t.strictSame(times(2, 86), [0, 30])
  t.equal(clock.pending, 0)
})

t.test('the pause is kept between two bursts too, and a new burst replaces what waits', async (t) => {
  const { clock, at, one } = announcer({ delayMs: 0, lowerPrioDelayMs: 0, refreshMs: 0, intervalMs: 400 })
  one.start(where.slice(0, 1))
  await clock.advance(1000)
  t.strictSame(at, [0, 400, 800])
  one.again()
  await clock.advance(10_000)
  t.strictSame(
    at.slice(3),
    [1200, 1600, 2000, 2400, 2800, 3200],
    'five from the follow-up at 1250 on: it replaced the rest'
  )
})

t.test('what waits is not sent by who may not announce any more, or was stopped', async (t) => {
  for (const end of ['forbidden', 'stopped']) {
    const { clock, at, one, may } = announcer({ delayMs: 0, refreshMs: 0, intervalMs: 100 })
    one.start(where)
    await clock.advance(100)
    t.equal(at.length, 2)
    if (end === 'stopped') one.stop()
    else may.announce = false
    await clock.advance(5000)
    may.announce = true
    await clock.advance(5000)
    t.equal(at.length, 2, end)
    t.equal(clock.pending, 0, end)
  }
})

t.test('one that is new is told of alone and at once, and belongs to the rest from then on', async (t) => {
  const { clock, frames, one } = announcer({ repeat: 1, delayMs: 5000, refreshMs: 60_000 })
  const told = (): string[] => frames.splice(0).map((row) => row.told)
  one.start(where)
  await clock.advance(10_000)
  told()
  one.announce([{ ...at2, address: '10.0.0.3' }])
  t.strictSame(told(), ['10.0.0.3'])
  await clock.advance(5000)
  t.strictSame(told(), ['10.0.0.1', '10.0.0.2', '10.0.0.3'], 'the second burst')
  await clock.advance(45_000)
  t.strictSame(told(), ['10.0.0.1', '10.0.0.2', '10.0.0.3'], 'the refresh')
})

t.test('one that is gone is not told of any more, not even where it waits', async (t) => {
  const { clock, frames, one } = announcer({ repeat: 2, refreshMs: 0, intervalMs: 100 })
  one.start(where)
  one.keep(where.slice(0, 1))
  await clock.advance(10_000)
  t.strictSame(new Set(frames.map(({ told }) => told)), new Set(['10.0.0.1']))
  t.equal(frames.length, 4)
})

t.test('one that has another MAC is told of with that from then on', async (t) => {
  const { clock, frames, one } = announcer({ repeat: 1, delayMs: 0 })
  one.start(where.slice(0, 1))
  one.announce([{ ...at2, address: '10.0.0.1', mac: new Uint8Array(6).fill(4) }])
  await clock.advance(60_000)
  t.strictSame(
    frames.map(({ frame }) => frame[6]),
    [2, 4, 4]
  )
})

t.test('other settings are in force at once', async (t) => {
  const { clock, at, one } = announcer({ delayMs: 0, refreshMs: 0, repeat: 1 })
  one.start(where.slice(0, 1))
  one.configure({ ...seed, refreshMs: 10_000, refreshRepeat: 3 })
  await clock.advance(10_000)
  t.equal(at.length, 4)
  one.configure({ ...seed, refreshMs: 0 })
  await clock.advance(60_000)
  t.equal(at.length, 4)
  t.equal(clock.pending, 0)
})

t.test('an advertisement that the kernel does not take is logged by its name and not counted', async (t) => {
  const { one, may, log } = announcer()
  may.send = false
  one.start([six])
  t.equal(one.naSent, 0)
  t.equal(log.said('neighbour advertisement not sent').length, 1)
})

t.test('a lease ends before a peer takes over, where adverts are slow enough for that', async (t) => {
  const pace = (advertIntMs: number, downTimerAdverts = 3) => ({ advertIntMs, downTimerAdverts })
  t.strictSame(
    [10, 500, 1000, 2000, 3000, 10_000].map((intervalMs) => leaseSeconds(pace(intervalMs))),
    [2, 2, 2, 4, 7, 26]
  )
  for (const interval of [2000, 3000, 10_000, 255_000]) {
    const one = pace(interval)
    t.ok(leaseSeconds(one) * 1000 + 1250 + interval / 4 <= earliestTakeoverMs(one), String(interval))
    t.equal(worstOverlapMs(one), 0)
  }
  t.equal(worstOverlapMs(pace(1000)), 500, 'whole seconds only: the bound of two owners with adverts of 1 s')
  t.equal(leaseSeconds(pace(1000, 5)), 3, 'who waits for more adverts lets the lease be longer')
  t.equal(worstOverlapMs(pace(1000, 2)), 1500, 'and who waits for fewer pays by the overlap')
})

t.test('what an instance hangs on, in words', async (t) => {
  const well: Fitness = {
    interface: 'bond0',
    link: link(),
    source: '10.0.0.1',
    sourceFault: 'bond0 has no IPv4 address to send adverts from',
    wireFault: undefined,
    addressFault: undefined,
    outside: [],
    tracked: [],
    tier: 'serving'
  }
  t.strictSame(faultsOf(well), [])
  t.strictSame(faultsOf({ ...well, link: undefined }), ['interface bond0 does not exist'])
  t.strictSame(faultsOf({ ...well, link: link({ isUp: false }) }), ['link down: bond0 is switched off'])
  t.strictSame(faultsOf({ ...well, link: link({ isRunning: false }) }), ['link down: bond0 has no carrier'])
  t.strictSame(faultsOf({ ...well, source: undefined }), ['bond0 has no IPv4 address to send adverts from'])
  t.strictSame(faultsOf({ ...well, wireFault: 'w', addressFault: 'a', outside: ['x', 'y'] }), ['w', 'a', 'x', 'y'])
})
