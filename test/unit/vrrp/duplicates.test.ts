import t from 'tap'
import { type Arp, type Duplicate, DuplicateWatch, type WatchedPlace } from '../../../src/vrrp/duplicates.js'
import { arpProbe, macText, unsolicitedNa } from '../../../src/vrrp/neighbor.js'
import { ManualClock } from '../../fakes/manual-clock.js'
import { MemoryLog } from '../../fakes/memory-log.js'

const OWN = Uint8Array.from([0x52, 0x54, 0, 0xaa, 0xbb, 1])
const OTHER = Uint8Array.from([0x52, 0x54, 0, 0xaa, 0xbb, 2])
const OTHER_TEXT = '52:54:00:aa:bb:02'
const GRACE_MS = 3500
const HERE: WatchedPlace = { interfaceIndex: 2, mac: OWN, addresses: ['10.0.0.1', '10.0.0.2'] }

function setUp(places: readonly WatchedPlace[] = [HERE]) {
  const clock = new ManualClock()
  const log = new MemoryLog(clock.now)
  const sockets = new Map<number, (arp: Arp) => void>()
  const frames: { at: number; index: number; hex: string }[] = []
  const raised: (Duplicate & { at: number })[] = []
  const cleared: { at: number; address: string }[] = []
  const can = { open: true, send: true }
  const watch = new DuplicateWatch(GRACE_MS, {
    clock,
    log,
    sendFrame: (index, frame) => {
      if (!can.send) throw new Error('ENETDOWN')
      frames.push({ at: clock.now(), index, hex: Buffer.from(frame).toString('hex') })
    },
    openArp: (index, onArp) => {
      if (!can.open) throw new Error('EPERM')
      t.notOk(sockets.has(index), 'one socket for each interface')
      sockets.set(index, onArp)
      return { close: () => sockets.delete(index) }
    },
    onDuplicate: (one) => raised.push({ ...one, at: clock.now() }),
    onClear: (address) => cleared.push({ at: clock.now(), address })
  })
  watch.place(places)
  /** Somebody says that an address is its own. */
  const hear = (senderAddress: string, senderMac = OTHER, index = 2): void =>
    sockets.get(index)?.({ operation: 2, senderMac, senderAddress, targetAddress: '10.0.0.9' })
  return { clock, log, sockets, frames, raised, cleared, can, watch, hear }
}

const probe = (address: string): string => Buffer.from(arpProbe(OWN, address)).toString('hex')

t.test('the frames', async (t) => {
  t.equal(
    probe('10.0.0.1'),
    'ffffffffffff525400aabb0108060001080006040001525400aabb01000000000000000000000a000001',
    'a probe: nobody’s cache changes by it'
  )
  t.equal(
    Buffer.from(arpProbe(OWN, '10.0.0.1', '10.0.0.9')).toString('hex'),
    'ffffffffffff525400aabb0108060001080006040001525400aabb010a0000090000000000000a000001'
  )
  t.throws(() => arpProbe(OWN, 'fd00::1'))
  t.throws(() => arpProbe(new Uint8Array(4), '10.0.0.1'))
  t.throws(() => unsolicitedNa(OWN, '10.0.0.1', false))
  t.equal(macText(OTHER), OTHER_TEXT)
})

t.test('one probe for each address before it is claimed; the answer is noted and nothing else', async (t) => {
  const { clock, watch, frames, raised, hear } = setUp([
    HERE,
    { interfaceIndex: 3, mac: OTHER, addresses: ['10.1.0.1'] }
  ])
  watch.claiming()
  t.strictSame(
    frames.map(({ index, hex }) => [index, hex.slice(-8)]),
    [
      [2, '0a000001'],
      [2, '0a000002'],
      [3, '0a010001']
    ]
  )
  t.equal(frames[0]?.hex, probe('10.0.0.1'))
  hear('10.0.0.1', Uint8Array.from([2, 2, 2, 2, 2, 2]))
  await clock.advance(60_000)
  t.strictSame(raised, [])
  t.equal(watch.macOf('10.0.0.1'), '02:02:02:02:02:02')
  t.equal(frames.length, 3)
})

t.test('while it is held', async (t) => {
  t.test('who else says that it is theirs is named, each time', async (t) => {
    const { clock, watch, raised, hear } = setUp()
    watch.holding(true)
    await clock.advance(GRACE_MS)
    hear('10.0.0.2')
    await clock.advance(100)
    hear('10.0.0.2')
    t.strictSame(raised, [
      { address: '10.0.0.2', mac: OTHER_TEXT, interfaceIndex: 2, at: GRACE_MS },
      { address: '10.0.0.2', mac: OTHER_TEXT, interfaceIndex: 2, at: GRACE_MS + 100 }
    ])
    t.strictSame(watch.duplicates, [{ address: '10.0.0.2', mac: OTHER_TEXT }])
  })

  t.test('the old master’s last words are no alarm, but it is asked again when its lease is over', async (t) => {
    const { clock, watch, raised, frames, hear } = setUp()
    watch.holding(true)
    await clock.advance(GRACE_MS - 1)
    hear('10.0.0.1')
    hear('10.0.0.1')
    t.strictSame(raised, [])
    t.strictSame(frames, [])
    await clock.advance(1)
    t.strictSame(frames, [{ at: GRACE_MS, index: 2, hex: probe('10.0.0.1') }])
    hear('10.0.0.1')
    t.equal(raised.length, 1)
  })

  t.test('the link is asked every 10 s, and no more once it is not', async (t) => {
    const { clock, watch, frames } = setUp()
    watch.holding(true)
    watch.holding(true)
    await clock.advance(30_000)
    t.strictSame(
      frames.map(({ at }) => at),
      [10_000, 10_000, 20_000, 20_000, 30_000, 30_000]
    )
    watch.holding(false)
    await clock.advance(60_000)
    t.equal(frames.length, 6)
    t.equal(clock.pending, 0)
  })

  t.test('it is over 30 s after the last sighting, whatever came before', async (t) => {
    const { clock, watch, raised, cleared, hear } = setUp()
    watch.holding(true)
    await clock.advance(5000)
    hear('10.0.0.1')
    await clock.advance(20_000)
    hear('10.0.0.1')
    await clock.advance(29_999)
    t.strictSame(cleared, [])
    await clock.advance(1)
    t.strictSame(cleared, [{ at: 55_000, address: '10.0.0.1' }])
    t.strictSame(watch.duplicates, [])
    hear('10.0.0.1')
    t.equal(raised.length, 3, 'and may begin anew')
  })

  t.test('it is over when it is held no more, or is none of ours any more', async (t) => {
    const { clock, watch, cleared, hear } = setUp()
    watch.holding(true)
    await clock.advance(5000)
    hear('10.0.0.1')
    hear('10.0.0.2')
    watch.place([{ ...HERE, addresses: ['10.0.0.2'] }])
    t.match(cleared, [{ address: '10.0.0.1' }])
    watch.holding(false)
    t.match(cleared, [{ address: '10.0.0.1' }, { address: '10.0.0.2' }])
    hear('10.0.0.2')
    t.strictSame(watch.duplicates, [])
  })

  t.test('our own frames, probes, other addresses and other interfaces are none', async (t) => {
    const { clock, watch, raised, hear } = setUp([
      HERE,
      { interfaceIndex: 3, mac: Uint8Array.from([6, 6, 6, 6, 6, 6]), addresses: ['10.1.0.1'] }
    ])
    watch.holding(true)
    await clock.advance(5000)
    hear('10.0.0.1', OWN)
    hear('10.0.0.1', Uint8Array.from([6, 6, 6, 6, 6, 6]))
    hear('0.0.0.0')
    hear('10.0.0.77')
    hear('10.0.0.1', OTHER, 3)
    hear('10.0.0.1', new Uint8Array(8))
    t.strictSame(raised, [])
    t.equal(watch.macOf('0.0.0.0'), undefined)
    t.equal(watch.macOf('10.0.0.77'), OTHER_TEXT)
  })
})

t.test('a takeover that is given up at once leaves nothing behind', async (t) => {
  const { clock, watch, frames, hear } = setUp()
  watch.holding(true)
  hear('10.0.0.1')
  watch.holding(false)
  t.equal(clock.pending, 0)
  await clock.advance(3000)
  watch.holding(true)
  await clock.advance(GRACE_MS)
  t.strictSame(frames, [])
})

t.test('where it listens is a level', async (t) => {
  const { watch, sockets } = setUp()
  watch.place([HERE])
  watch.place([{ ...HERE, interfaceIndex: 5 }])
  t.strictSame([...sockets.keys()], [5])
  watch.stop()
  t.strictSame([...sockets.keys()], [])
})

t.test('a socket that cannot be opened is told once a minute and tried again, also while held', async (t) => {
  const { clock, watch, sockets, can, log } = setUp([])
  can.open = false
  for (let i = 0; i < 3; i++) watch.place([HERE])
  t.equal(log.said('cannot listen for ARP: another owner of an address would not be noticed').length, 1)
  watch.holding(true)
  can.open = true
  await clock.advance(10_000)
  t.strictSame([...sockets.keys()], [2])
})

t.test('a probe that the kernel does not take, or an interface without a MAC, hurts nothing', async (t) => {
  const { watch, can, frames, log } = setUp([HERE, { ...HERE, interfaceIndex: 4, mac: new Uint8Array() }])
  can.send = false
  watch.claiming()
  t.equal(log.said('ARP probe not sent').length, 2)
  can.send = true
  watch.claiming()
  t.strictSame(
    frames.map(({ index }) => index),
    [2, 2]
  )
})

t.test('a neighbour’s MAC is asked for from an address of ours, on our own interface', async (t) => {
  const { watch, frames, hear } = setUp([HERE, { ...HERE, interfaceIndex: 3 }])
  watch.askMac('10.0.0.50', '10.0.0.9')
  t.strictSame(frames, [{ at: 0, index: 2, hex: Buffer.from(arpProbe(OWN, '10.0.0.50', '10.0.0.9')).toString('hex') }])
  t.equal(watch.macOf('10.0.0.50'), undefined)
  hear('10.0.0.50')
  t.equal(watch.macOf('10.0.0.50'), OTHER_TEXT)
})

t.test('256 neighbours are remembered, the longest silent are forgotten', async (t) => {
  const { watch, hear } = setUp()
  hear('10.9.0.1')
  hear('10.9.0.2')
  for (let i = 0; i < 254; i++) hear(`10.8.0.${i}`)
  hear('10.9.0.2')
  t.equal(watch.macOf('10.9.0.1'), OTHER_TEXT)
  hear('10.7.0.1')
  t.equal(watch.macOf('10.9.0.1'), undefined)
  t.equal(watch.macOf('10.9.0.2'), OTHER_TEXT)
  t.equal(watch.macOf('10.8.0.0'), OTHER_TEXT)
})

t.test('another grace counts from the next takeover on', async (t) => {
  const { clock, watch, raised, hear } = setUp()
  watch.configure(9000)
  watch.holding(true)
  await clock.advance(8000)
  hear('10.0.0.1')
  t.strictSame(raised, [])
  await clock.advance(1000)
  hear('10.0.0.1')
  t.equal(raised.length, 1)
})
