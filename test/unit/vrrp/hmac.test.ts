import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import * as z from 'zod'
import { type Advert, decodeAdvert, encodeAdvert } from '../../../src/vrrp/advert.js'
import { defaultWindowMs, type HmacKey, sign, splitTrailer, TRAILER_BYTES, verify } from '../../../src/vrrp/hmac.js'
import { Replay } from '../../../src/vrrp/replay.js'
import { compareStamps, type Stamp, Stamper, stampMs, stampOf } from '../../../src/vrrp/stamp.js'
import { runs } from '../../runs.js'

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex')

const vector = z
  .object({
    keepalived_auth_hmac: z.object({ key: z.string(), key_id: z.int(), src: z.string(), hex: z.string() })
  })
  .parse(
    JSON.parse(readFileSync(new URL('../../../../test/golden/vectors/vrrp.json', import.meta.url), 'utf8'))
  ).keepalived_auth_hmac

const key: HmacKey = { id: vector.key_id, secret: bytes(vector.key) }
const stamp: Stamp = { seconds: 0x68000000, fraction: 0x8000, counter: 0 }
const NOW = stampMs(stamp)
const accept = { keys: [key], nowMs: NOW, windowMs: 5000 }
const four = { family: 4, source: vector.src } as const

t.test("keepalived's own vector over IPv4: signed to the byte, and accepted", async (t) => {
  const signed = bytes(vector.hex)
  const pdu = signed.subarray(0, signed.length - TRAILER_BYTES)
  const signer = { family: 4, version: 3, vrid: 0x33, source: vector.src } as const
  t.equal(hex(sign(pdu, signer, key, stamp)), vector.hex)
  t.strictSame(verify(signed, four, accept), { ok: true, pdu, keyId: 1, stamp })
})

t.test("the draft's vector over IPv6, whose checksum the kernel counts with the trailer", async (t) => {
  const pdu = bytes('3133c8010064a2e9fe800000000000000000000000000100')
  const text = `${hex(pdu)}010100006800000080000000c8c56146ebfd66ee10ec4d8186461b78`
  t.equal(hex(sign(pdu, { family: 6, version: 3, vrid: 0x33, source: 'fe80::10' }, key, stamp)), text)
  t.ok(verify(bytes(text), { family: 6, source: 'fe80::10' }, accept).ok)
  t.strictSame(verify(bytes(text), { family: 6, source: 'fe80::11' }, accept), { ok: false, why: 'auth_digest' })
})

const advert = (version: 2 | 3, count: number): Advert => ({
  version,
  vrid: 88,
  priority: 100,
  advertIntMs: 1000,
  addresses: Array.from({ length: count }, (_, i) => `10.0.0.${i + 1}`),
  checksum: 'message'
})
const envelope = { source: '10.1.0.1', destination: '224.0.0.18' }
const from = { family: 4, source: envelope.source } as const
const signedAdvert = (version: 2 | 3, count = 1, by = key, at = stamp): Uint8Array =>
  sign(
    encodeAdvert(advert(version, count), envelope),
    { family: 4, version, vrid: 88, source: envelope.source },
    by,
    at
  )

t.test('an advert of either version comes back as it was; the trailer stands behind it', async (t) => {
  for (const version of [2, 3] as const) {
    const signed = signedAdvert(version, 2)
    const verified = verify(signed, from, accept)
    t.match(verified, { ok: true, keyId: 1, stamp })
    if (!verified.ok) return
    t.match(decodeAdvert(verified.pdu, envelope), {
      ok: true,
      advert: { vrid: 88, addresses: ['10.0.0.1', '10.0.0.2'] }
    })
    t.strictSame(splitTrailer(signed, 4), { pdu: verified.pdu, trailer: signed.subarray(verified.pdu.length) })
    t.equal(splitTrailer(verified.pdu, 4), undefined, 'nothing follows')
    t.strictSame(decodeAdvert(signed, envelope), { ok: false, why: 'length' }, 'who does not know it refuses it')
  }
})

t.test('an advert that lies in the middle of a larger buffer is read at its place', async (t) => {
  const signed = signedAdvert(2)
  const larger = new Uint8Array(signed.length + 20).fill(7)
  larger.set(signed, 11)
  t.match(verify(larger.subarray(11, 11 + signed.length), from, accept), { ok: true, stamp })
})

t.test('each refusal has its reason', async (t) => {
  const signed = signedAdvert(2)
  const why = (payload: Uint8Array, more: Partial<typeof accept> = {}, source = envelope.source) => {
    const verified = verify(payload, { family: 4, source }, { ...accept, ...more })
    return verified.ok ? 'ok' : verified.why
  }
  t.equal(why(signed), 'ok')
  t.equal(why(signed.subarray(0, signed.length - TRAILER_BYTES)), 'auth_missing')
  t.equal(why(signed.subarray(0, signed.length - 1)), 'auth_missing')
  const otherType = Uint8Array.from(signed)
  otherType[signed.length - TRAILER_BYTES] = 2
  t.equal(why(otherType), 'auth_missing', 'a trailer of another type')
  t.equal(why(signed, { keys: [] }), 'auth_key')
  t.equal(why(signed, { keys: [{ ...key, id: 2 }] }), 'auth_key')
  t.equal(why(signed, { keys: [{ ...key, secret: new Uint8Array(32) }] }), 'auth_digest')
  t.equal(why(signed, {}, '10.1.0.2'), 'auth_digest', 'of another sender')
  t.equal(why(signed, {}, 'nonsense'), 'auth_digest')
  t.equal(why(signed, { nowMs: NOW + 5000 }), 'ok')
  t.equal(why(signed, { nowMs: NOW + 5001 }), 'auth_time')
  t.equal(why(signed, { nowMs: NOW - 5000 }), 'ok')
  t.equal(why(signed, { nowMs: NOW - 5001 }), 'auth_time')
})

t.test('a change of keys: the new one is accepted beside the old one', async (t) => {
  const young: HmacKey = { id: 2, secret: new Uint8Array(16).fill(9) }
  const keys = [key, young]
  t.match(verify(signedAdvert(2, 1, key), from, { ...accept, keys }), { ok: true, keyId: 1 })
  t.match(verify(signedAdvert(2, 1, young), from, { ...accept, keys }), { ok: true, keyId: 2 })
})

t.test('a bit that flipped anywhere is refused', async (t) => {
  for (const version of [2, 3] as const) {
    const signed = signedAdvert(version, 9)
    for (let bit = 0; bit < signed.length * 8; bit++) {
      // The checksum counts as 0: decodeAdvert looks after it.
      if (bit >> 3 === 6 || bit >> 3 === 7) continue
      const flipped = Uint8Array.from(signed)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      if (verify(flipped, from, accept).ok) t.fail(`version ${version}, bit ${bit}`)
    }
    for (const at of [6, 7]) {
      const flipped = Uint8Array.from(signed)
      flipped[at] = (flipped[at] ?? 0) ^ 1
      const verified = verify(flipped, from, accept)
      t.strictSame(verified.ok && decodeAdvert(verified.pdu, envelope), { ok: false, why: 'checksum' })
    }
  }
})

t.test('random bytes never throw and are never accepted', async (t) => {
  const family = fc.constantFrom(4 as const, 6 as const)
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 600 }),
    // Those that pass for signed: right length, type and key id.
    fc
      .tuple(fc.constantFrom(2, 3), fc.integer({ min: 0, max: 20 }), fc.uint8Array({ minLength: 700, maxLength: 700 }))
      .map(([version, count, data]) => {
        const end = 8 + count * 4 + (version === 2 ? 8 : 0)
        data.set([(version << 4) | 1, 88, 100, count])
        data.set([1, key.id], end)
        return data.subarray(0, end + TRAILER_BYTES)
      })
  )
  const tried = { split: 0 }
  fc.assert(
    fc.property(anything, family, fc.constantFrom('10.0.0.1', 'fe80::1', '', 'x'), (payload, one, source) => {
      const split = splitTrailer(payload, one)
      if (split !== undefined) tried.split++
      if (split !== undefined && split.pdu.length + split.trailer.length !== payload.length) return false
      return !verify(payload, { family: one, source }, { ...accept, windowMs: Number.POSITIVE_INFINITY }).ok
    }),
    runs(2000)
  )
  t.ok(tried.split > 100, 'some of them looked like signed ones')
})

t.test('what is no address is a bug of ours', async (t) => {
  const pdu = encodeAdvert(advert(2, 1), envelope)
  t.throws(() => sign(pdu, { family: 4, version: 2, vrid: 88, source: 'eth0' }, key, stamp))
})

t.test("keepalived's window: three intervals, at least five seconds", async (t) => {
  t.strictSame([10, 1000, 2000, 10_000].map(defaultWindowMs), [5000, 5000, 6000, 30_000])
})

t.test('a moment as a stamp: 1/65536 s, and back', async (t) => {
  t.strictSame(stampOf(1_700_000_000_500), { seconds: 1_700_000_000, fraction: 0x8000, counter: 0 })
  t.strictSame(stampOf(-1), { seconds: 0, fraction: 0, counter: 0 })
  t.strictSame(stampOf(1e16), { seconds: 0xffffffff, fraction: 0xffff, counter: 0 })
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 4e12, noNaN: true }),
      (ms) => Math.abs(stampMs(stampOf(ms)) - ms) <= 1000 / 65_536
    )
  )
})

const rises = (stamps: readonly Stamp[]): boolean =>
  stamps.every((one, i) => i === 0 || compareStamps(one, stamps[i - 1] ?? one) > 0)

t.test('stamps rise, whatever the wall clock does', async (t) => {
  const stamper = new Stamper()
  const stamps = [5000, 5000, 5000.001, 6000, 2000, 2000, 6000, 6001].map((ms) => stamper.stampAt(ms))
  t.ok(rises(stamps))
  t.strictSame(stamps[1], { seconds: 5, fraction: 0, counter: 1 }, 'the counter for what is equal')
  t.strictSame(stamps[4], { seconds: 6, fraction: 0, counter: 1 }, 'a step back goes on from the last')
  t.strictSame(stamps[7], stampOf(6001), 'until time has caught up')
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 50 }), (times) => {
      const one = new Stamper()
      return rises(times.map((ms) => one.stampAt(ms)))
    })
  )
})

t.test('a counter that is full goes on in the fraction, and that in the seconds', async (t) => {
  const stamper = new Stamper()
  const last = 1000 + (65_535 * 1000) / 65_536
  stamper.stampAt(last)
  for (let i = 0; i < 65_535; i++) stamper.stampAt(0)
  t.strictSame(stamper.stampAt(0), { seconds: 2, fraction: 0, counter: 0 })
  const early = new Stamper()
  early.stampAt(1000)
  for (let i = 0; i < 65_535; i++) early.stampAt(0)
  t.strictSame(early.stampAt(0), { seconds: 1, fraction: 1, counter: 0 })
})

t.test('signed ahead, an advert in between is newer than those, and not far from now', async (t) => {
  const stamper = new Stamper(5000)
  const now = 1_700_000_000_000
  const ahead = [stamper.stampAt(now + 1000), stamper.stampAt(now + 2000)]
  const urgent = stamper.stampAt(now)
  const later = [stamper.stampAt(now + 1000), stamper.stampAt(now + 3000)]
  t.ok(rises([...ahead, urgent, ...later]))
  t.ok(stampMs(urgent) - now <= 2001)
  t.equal(stampMs(later[1] ?? urgent), now + 3000)
})

t.test('so far ahead that nobody takes it, it starts anew from the clock', async (t) => {
  const stamper = new Stamper(5000)
  stamper.stampAt(3_600_000)
  t.strictSame(stamper.stampAt(3_595_000), { seconds: 3600, fraction: 0, counter: 1 }, 'at the limit it goes on')
  t.strictSame(stamper.stampAt(3_594_999), stampOf(3_594_999))
})

const at = (ms: number) => ({ nowMs: ms, windowMs: 5000 })

t.test('an advert that was heard before is refused', async (t) => {
  const replay = new Replay()
  t.equal(replay.check('10.0.0.1', 1, stampOf(1000), at(1000)), undefined)
  t.equal(replay.check('10.0.0.1', 1, stampOf(1000), at(1100)), 'auth_replay')
  t.equal(replay.check('10.0.0.1', 1, stampOf(900), at(1100)), 'auth_replay')
  t.equal(replay.check('10.0.0.1', 1, { ...stampOf(1000), counter: 1 }, at(1100)), undefined)
  t.equal(replay.check('10.0.0.2', 1, stampOf(900), at(1100)), undefined, 'each sender for itself')
})

t.test('a change of keys and back forgets nothing', async (t) => {
  const replay = new Replay()
  replay.check('10.0.0.1', 1, stampOf(1000), at(1000))
  t.equal(replay.check('10.0.0.1', 2, stampOf(1000), at(1000)), undefined)
  t.equal(replay.check('10.0.0.1', 1, stampOf(1000), at(1000)), 'auth_replay')
  t.equal(replay.check('10.0.0.1', 2, stampOf(999), at(1000)), 'auth_replay')
})

t.test('64 senders are remembered; who was silent longest is forgotten', async (t) => {
  const replay = new Replay()
  const say = (i: number, ms: number) => replay.check(`10.0.0.${i}`, 1, stampOf(ms), at(ms))
  for (let i = 0; i < 64; i++) say(i, 1000)
  say(0, 1001)
  say(64, 1001)
  t.equal(replay.size, 64)
  t.equal(say(0, 1001), 'auth_replay', 'it was heard since')
  t.equal(say(64, 1001), 'auth_replay')
  t.equal(say(2, 1000), 'auth_replay')
  t.equal(say(1, 1000), undefined, 'the one forgotten')
})

t.test('a refused advert does not keep its sender in memory', async (t) => {
  const replay = new Replay()
  const say = (i: number, ms: number) => replay.check(`10.0.0.${i}`, 1, stampOf(ms), at(ms))
  for (let i = 0; i < 64; i++) say(i, 1000)
  t.equal(say(0, 1000), 'auth_replay')
  say(64, 1000)
  t.equal(say(0, 1000), undefined, 'forgotten all the same')
})

t.test('after our clock was set back, a stamp from that future silences nobody', async (t) => {
  const replay = new Replay()
  replay.check('10.0.0.1', 1, stampOf(3_600_000), at(3_600_000))
  t.equal(replay.check('10.0.0.1', 1, stampOf(3_595_000), at(3_595_000)), 'auth_replay', 'a step within the window')
  t.equal(replay.check('10.0.0.1', 1, stampOf(10_000), at(10_000)), undefined)
  t.equal(replay.check('10.0.0.1', 1, stampOf(10_000), at(10_000)), 'auth_replay')
})
