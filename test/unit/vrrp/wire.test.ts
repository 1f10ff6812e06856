import fc from 'fast-check'
import t from 'tap'
import type { VrrpSocketHandlers } from '../../../src/os/raw-ip.js'
import {
  type Advert,
  type BadPacket,
  decodeAdvert,
  encodeAdvert,
  equalInConstantTime,
  passwordBytes
} from '../../../src/vrrp/advert.js'
import { newCounters } from '../../../src/vrrp/counters.js'
import { gratuitousArp } from '../../../src/vrrp/neighbor.js'
import { type Datagram, datagrams } from '../../../src/vrrp/outbox.js'
import { type Listener, type TimedPacket, Wire, type WirePlace } from '../../../src/vrrp/wire.js'
import { ManualClock } from '../../fakes/manual-clock.js'
import { MemoryLog } from '../../fakes/memory-log.js'
import { runs } from '../../runs.js'

const SOURCE = '10.32.137.27'
const GROUP = '224.0.0.18'
const good: Advert = {
  version: 2,
  vrid: 88,
  priority: 100,
  advertIntMs: 1000,
  addresses: ['10.32.255.99'],
  auth: { type: 1, data: passwordBytes('1111') },
  checksum: 'message'
}

class Ear implements Listener {
  readonly local
  readonly adverts: { priority: number; source: string }[] = []
  readonly rejected = newCounters().rejected
  constructor(vrid: number) {
    this.local = { version: 2 as const, vrid, advertIntMs: 1000, password: passwordBytes('1111') }
  }
  onAdvert(advert: Advert, { source }: TimedPacket): void {
    this.adverts.push({ priority: advert.priority, source })
  }
  onRejected(why: BadPacket): void {
    this.rejected[why]++
  }
}

function setUp() {
  const clock = new ManualClock()
  const log = new MemoryLog()
  const opened: (WirePlace & { family: number })[] = []
  const sent: Datagram[] = []
  const closed: number[] = []
  let handlers: VrrpSocketHandlers | undefined
  let refusal: Error | undefined
  const wire = new Wire(4, {
    clock,
    log,
    open: (place, given) => {
      if (refusal !== undefined) throw refusal
      const nth = opened.push(place)
      handlers = given
      return {
        kind: 'addon',
        send: (payload, to) => sent.push({ payload, ...to }),
        drain: () => undefined,
        native: { send: () => undefined, drain: () => undefined, close: () => undefined },
        flush: () => Promise.resolve(),
        close: () => closed.push(nth)
      }
    }
  })
  const hear = (payload: Uint8Array, ttl = 255): void =>
    handlers?.onPacket({
      payload: Buffer.from(payload),
      source: SOURCE,
      destination: GROUP,
      ttl,
      receivedAtMs: clock.now()
    })
  return {
    clock,
    log,
    wire,
    opened,
    closed,
    sent,
    hear,
    fail: (message: string): void => handlers?.onError(message),
    refuse: (error: Error | undefined): void => {
      refusal = error
    }
  }
}

const place: WirePlace = { interface: 'bond0', interfaceIndex: 2, source: '10.32.137.20', groups: [GROUP] }
const ready = datagrams({ unicast: null, group: GROUP }, good, place.source)
const encode = (overrides: Partial<Advert> = {}): Uint8Array =>
  encodeAdvert({ ...good, ...overrides }, { source: SOURCE, destination: GROUP })
const changed = (at: number, value: number): Uint8Array => {
  const bytes = encode()
  bytes[at] = value
  return bytes
}

t.test('a good advert reaches the instance of its VRID and no other', async (t) => {
  const { wire, hear } = setUp()
  const [first, second] = [new Ear(88), new Ear(89)]
  wire.add(first)
  wire.add(second)
  wire.place(place)
  hear(encode())
  t.strictSame(first.adverts, [{ priority: 100, source: SOURCE }])
  t.strictSame(second.adverts, [])
  t.strictSame(first.rejected, newCounters().rejected)
})

const refusals: readonly [BadPacket, Uint8Array, number?][] = [
  ['ttl', encode(), 254],
  ['length', encode().subarray(0, 12)],
  ['version', changed(0, 0x41)],
  ['type', changed(0, 0x22)],
  ['checksum', changed(6, 0)],
  ['vrid', encode({ vrid: 7 })],
  ['count', changed(3, 0)],
  ['auth', encode({ auth: { type: 1, data: passwordBytes('2222') } })],
  ['interval', encode({ advertIntMs: 2000 })]
]

t.test('every refusal is counted by its reason and moves nothing', async (t) => {
  for (const [why, payload, ttl] of refusals) {
    const { wire, hear } = setUp()
    const ear = new Ear(88)
    wire.add(ear)
    wire.place(place)
    hear(payload, ttl)
    t.strictSame(ear.rejected, { ...newCounters().rejected, [why]: 1 }, why)
    t.strictSame(ear.adverts, [], why)
  }
})

t.test('an IPv6 advert whose first address is not link-local is counted as such', async (t) => {
  const { wire } = setUp()
  const ear = new Ear(88)
  wire.add(ear)
  const envelope = { source: 'fe80::11', destination: 'ff02::12' }
  const advert: Advert = { ...good, version: 3, addresses: ['2001:db8::1'], checksum: 'pseudo-header' }
  t.strictSame(decodeAdvert(encodeAdvert(advert, envelope), envelope), { ok: false, why: 'address' })
  ear.onRejected('address')
  t.equal(ear.rejected.address, 1)
})

t.test('a reason is logged once a minute, with the number held back', async (t) => {
  const { wire, hear, log, clock } = setUp()
  wire.add(new Ear(88))
  wire.place(place)
  const wrong = encode({ auth: { type: 1, data: passwordBytes('2222') } })
  for (let i = 0; i < 5; i++) hear(wrong)
  hear(encode(), 1)
  t.equal(log.lines.length, 2, 'one line for each of two reasons')
  await clock.advance(59_999)
  hear(wrong)
  t.equal(log.lines.length, 2)
  await clock.advance(1)
  hear(wrong)
  t.equal(log.lines.length, 3)
  t.match(log.lines[2]?.facts, { why: 'auth', suppressed: 5, source: SOURCE, vrid: 88 })
})

t.test('no password is ever logged', async (t) => {
  const { wire, hear, log } = setUp()
  wire.add(new Ear(88))
  wire.place(place)
  hear(encode({ auth: { type: 1, data: passwordBytes('hunter22') } }))
  t.notMatch(JSON.stringify(log.lines), /hunter|1111|104,117,110/)
})

t.test('a packet of an unknown VRID is told to every instance, as of nobody in particular', async (t) => {
  const { wire, hear } = setUp()
  const ears = [new Ear(1), new Ear(2)]
  for (const ear of ears) wire.add(ear)
  wire.place(place)
  hear(encode({ vrid: 7 }))
  t.strictSame(
    ears.map((ear) => ear.rejected.vrid),
    [1, 1]
  )
})

t.test('every packet that was read is counted as heard, good or bad', async (t) => {
  const { wire, hear } = setUp()
  wire.add(new Ear(88))
  wire.place(place)
  hear(encode())
  hear(new Uint8Array())
  t.equal(wire.heard, 2)
})

t.test('the socket is opened once for a place, anew for another, and closed for none', async (t) => {
  const { wire, opened, closed } = setUp()
  t.equal(wire.kind, null)
  t.equal(wire.place(place), undefined)
  t.equal(wire.place({ ...place }), undefined)
  t.strictSame(opened, [{ ...place, family: 4 }])
  t.equal(wire.kind, 'addon')
  wire.place({ ...place, interfaceIndex: 3 })
  t.equal(opened.length, 2)
  t.strictSame(closed, [1])
  wire.place({ ...place, interfaceIndex: 3, source: '10.32.137.30' })
  t.equal(opened.length, 3)
  wire.place({ ...place, interfaceIndex: 3, source: '10.32.137.30', groups: [] })
  t.equal(opened.length, 4, 'other groups are another socket')
  wire.place(null)
  t.strictSame(closed, [1, 2, 3, 4])
  t.equal(wire.kind, null)
})

t.test('a socket that cannot be opened is a fault in words, and is tried again', async (t) => {
  const { wire, opened, refuse } = setUp()
  refuse(new Error('EPERM: Operation not permitted'))
  t.equal(wire.place(place), 'no VRRP socket on bond0: EPERM: Operation not permitted')
  t.equal(wire.send(ready), false)
  refuse(undefined)
  t.equal(wire.place(place), undefined)
  t.equal(opened.length, 1)
})

t.test('an advert is sent to the group with a checksum for where it comes from', async (t) => {
  const { wire, sent } = setUp()
  t.equal(wire.send(ready), false, 'without a socket, nowhere')
  wire.place(place)
  t.equal(wire.send(ready), true)
  t.match(sent, [{ destination: GROUP, source: place.source, ttl: 255 }])
  t.equal(Buffer.from(sent[0]?.payload ?? []).toString('hex'), '2158640101010dbf0a20ff633131313100000000')
})

t.test('a failure of the socket is logged once a minute', async (t) => {
  const { wire, fail, log } = setUp()
  wire.place(place)
  fail('ENETDOWN')
  fail('ENETDOWN')
  fail('ENOBUFS')
  t.strictSame(
    log.lines.map((line) => line.facts['error']),
    ['ENETDOWN', 'ENOBUFS']
  )
  t.equal(wire.sendErrors, 3, 'and counted each time')
})

t.test('no bytes whatever make the decoder throw', async (t) => {
  const sources = fc.constantFrom('10.0.0.1', 'fe80::1')
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), sources, (payload, source) => {
      decodeAdvert(payload, { source, destination: source.includes(':') ? 'ff02::12' : GROUP })
    }),
    runs(3000)
  )
  // Near misses: a good advert with a few bytes changed.
  const near = fc.array(fc.tuple(fc.nat(19), fc.nat(255)), { maxLength: 3 })
  fc.assert(
    fc.property(near, fc.nat(24), (edits, length) => {
      const bytes = encode()
      for (const [at, value] of edits) bytes[at] = value
      decodeAdvert(bytes.subarray(0, length), { source: SOURCE, destination: GROUP })
    }),
    runs(3000)
  )
  t.pass()
})

t.test('every advert survives being encoded and decoded', async (t) => {
  const octet = fc.nat(255)
  const ip = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'))
  const any = fc.record({
    vrid: fc.integer({ min: 1, max: 255 }),
    priority: octet,
    addresses: fc.array(ip, { minLength: 1, maxLength: 255 })
  })
  fc.assert(
    fc.property(
      any,
      fc.integer({ min: 1, max: 255 }),
      fc.uint8Array({ minLength: 8, maxLength: 8 }),
      ip,
      (base, s, data, source) => {
        const envelope = { source, destination: GROUP }
        const v2: Advert = { version: 2, ...base, advertIntMs: s * 1000, auth: { type: 1, data }, checksum: 'message' }
        const v3: Advert = { version: 3, ...base, advertIntMs: s * 160, checksum: 'pseudo-header' }
        for (const advert of [v2, v3]) {
          const decoded = decodeAdvert(encodeAdvert(advert, envelope), envelope)
          t.strictSame(decoded.ok && { ...decoded.advert, checksum: '' }, { ...advert, checksum: '' })
        }
      }
    ),
    runs(50)
  )
})

t.test('a password is eight bytes: filled up with zeros, or cut', async (t) => {
  t.strictSame([...passwordBytes('1111')], [0x31, 0x31, 0x31, 0x31, 0, 0, 0, 0])
  t.strictSame(passwordBytes('123456789'), passwordBytes('12345678'))
  t.ok(equalInConstantTime(passwordBytes('a'), passwordBytes('a')))
  t.notOk(equalInConstantTime(passwordBytes('a'), passwordBytes('b')))
  t.notOk(equalInConstantTime(passwordBytes('12345678'), passwordBytes('12345679')))
  t.notOk(equalInConstantTime(new Uint8Array(8), new Uint8Array(7)))
})

t.test('a gratuitous ARP needs a MAC of six bytes and an IPv4 address', async (t) => {
  t.throws(() => gratuitousArp(new Uint8Array(6), 'fe80::1'))
  t.throws(() => gratuitousArp(new Uint8Array(5), '10.0.0.1'))
})
