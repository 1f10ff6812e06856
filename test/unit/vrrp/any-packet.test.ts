import fc from 'fast-check'
import t from 'tap'
import { decodeEvent, decodeEvents } from '../../../src/os/rtnetlink.js'
import { decodeAdvert } from '../../../src/vrrp/advert.js'
import { splitTrailer, verify } from '../../../src/vrrp/hmac.js'
import { type Local, type Packet, receive } from '../../../src/vrrp/receive.js'
import { Signature } from '../../../src/vrrp/signature.js'
import { electionYaml, instanceYaml } from '../../fakes/fake-election.js'
import { vrrpConfig } from '../../fakes/fake-node.js'
import { runs } from '../../runs.js'
import { GROUP, packet, pass, stream, world } from './fixtures.js'

// Whatever comes in: nothing throws, and what is refused moves no timer.

const address = fc.constantFrom('10.0.0.1', '10.32.137.77', 'fe80::1', '2001:db8::1', GROUP, 'ff02::12', '', 'x')
const valid = [packet(), packet({ version: 3 }), packet({ auth: pass('1111') })].map(({ payload }) => payload)
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  // One that is almost right.
  fc.tuple(fc.constantFrom(...valid), fc.nat(40), fc.nat(255), fc.nat(40)).map(([one, at, value, cut]) => {
    const changed = Uint8Array.from(one)
    if (at < changed.length) changed[at] = value
    return cut > changed.length ? changed : changed.subarray(0, cut)
  })
)
const anyPacket: fc.Arbitrary<Packet> = fc.record({ payload, source: address, destination: address, ttl: fc.nat(255) })

const authHmac = { keys: [], activeKey: 1, timeWindowMs: null, antiReplay: true, mode: 'permissive' as const }
const signature = new Signature(vrrpConfig({ authHmac }), [{ id: 1, secret: new Uint8Array(16) }], () => 1.7e12)
const someLocal = fc.record({
  version: fc.constantFrom<(2 | 3)[]>(2, 3),
  vrid: fc.integer({ min: 1, max: 255 }),
  advertIntMs: fc.constantFrom(10, 1000),
  password: fc.option(fc.constant(pass('1111').data)),
  unicast: fc.option(
    fc.record({
      peers: fc.constant([{ address: '10.0.0.1', minTtl: 1, maxTtl: 255 }]),
      checkSource: fc.boolean()
    })
  ),
  signature: fc.option(fc.constant(signature))
})
const anyLocal: fc.Arbitrary<Local | undefined> = fc.option(someLocal, { nil: undefined })

t.test('no bytes make a decoder throw', async (t) => {
  const property = fc.property(anyPacket, anyLocal, fc.constantFrom(0, 28, 1000), (one, local, trailer) => {
    decodeAdvert(one.payload, one, trailer)
    receive(one, () => local)
    signature.check(one)
    for (const family of [4, 6] as const) {
      splitTrailer(one.payload, family)
      verify(one.payload, { family, source: one.source }, { keys: [], nowMs: 0, windowMs: 1 })
    }
  })
  t.doesNotThrow(() => fc.assert(property, runs(5000)))
})

t.test('no bytes make the decoder of the kernel’s messages throw', async (t) => {
  const type = fc.oneof(fc.constantFrom(16, 17, 20, 21), fc.nat(0xffff))
  const property = fc.property(type, fc.uint8Array({ maxLength: 400 }), (type, bytes) => {
    decodeEvent(type, Buffer.from(bytes))
    decodeEvents(Buffer.from(bytes))
  })
  t.doesNotThrow(() => fc.assert(property, runs(5000)))
})

t.test('what is accepted was decoded by the same rules: the version, the VRID’s password, the interval', async (t) => {
  fc.assert(
    fc.property(anyPacket, anyLocal, (one, local) => {
      const received = receive(one, () => local)
      if (!received.ok) return true
      return local !== undefined && received.advert.version === local.version && received.advert.advertIntMs > 0
    }),
    runs(3000)
  )
  t.pass()
})

const YAML = (priority: number) =>
  electionYaml(instanceYaml(priority, 'authentication: { auth_type: PASS, auth_pass: "1111" }'))

/** When a master sends and its peer takes over after its death, with something else on the link. */
async function life(noise: (one: ReturnType<typeof world>) => void) {
  const one = world()
  const a = await one.add().run(YAML(100))
  const b = await one.add().run(YAML(90))
  noise(one)
  await one.time.advance(12_000)
  a.clock.freeze()
  await one.time.advance(6000)
  const { counters } = b.instance().snapshot()
  const refused = Object.values(counters.rejected).reduce((sum, count) => sum + count, 0)
  const moments = [...one.lan.adverts('a'), ...one.lan.adverts('b')]
  return { moments, transitions: [a.transitions, b.transitions], refused, heard: counters.advert_rcvd }
}

const PRIORITIES = [0, 1, 255] as const

t.test('a neighbour with another password, at 20 adverts a second, moves no advert and no takeover', async (t) => {
  const quiet = await life(() => undefined)
  t.equal(quiet.moments.length > 10, true)
  t.equal(quiet.refused, 0)
  for (const priority of PRIORITIES) {
    const noisy = await life(({ time, lan }) => {
      stream(time, 50, () => lan.inject(packet({ priority, auth: pass('2222') })))
    })
    t.ok(noisy.refused > 300)
    t.strictSame(noisy.moments, quiet.moments, `priority ${priority}`)
    t.strictSame(noisy.transitions, quiet.transitions)
  }
})

t.test('the same neighbour with the right password does move them: the test before can fail', async (t) => {
  const quiet = await life(() => undefined)
  const heard = await life(({ time, lan }) => {
    stream(time, 50, () => lan.inject(packet({ priority: 255, auth: pass('1111') })))
  })
  t.notSame(heard.moments, quiet.moments)
})

t.test('no random bytes, at any pace, move an advert or a takeover', async (t) => {
  const quiet = await life(() => undefined)
  const noise = fc.array(fc.record({ afterMs: fc.nat(500), one: anyPacket }), { minLength: 20, maxLength: 100 })
  await fc.assert(
    fc.asyncProperty(noise, async (all) => {
      const noisy = await life(({ time, lan }) => {
        const clock = time.clock()
        let at = 0
        for (const { afterMs, one } of all) {
          at += afterMs
          clock.after(at, () => lan.inject(one))
        }
      })
      // What was by chance a right one, none of the noise.
      return noisy.heard !== quiet.heard || JSON.stringify(noisy.moments) === JSON.stringify(quiet.moments)
    }),
    runs(15)
  )
  t.pass()
})
