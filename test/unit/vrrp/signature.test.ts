import fc from 'fast-check'
import t from 'tap'
import { Signature } from '../../../src/vrrp/signature.js'
import { electionYaml, instanceYaml } from '../../fakes/fake-election.js'
import { vrrpConfig } from '../../fakes/fake-node.js'
import { runs } from '../../runs.js'
import { GROUP, packet, world } from './fixtures.js'

const SECRET = new Uint8Array(32).fill(7)
const keysOf = (...ids: number[]) => new Map([['VI_1', ids.map((id) => ({ id, secret: SECRET.map((x) => x + id) }))]])
const yaml = (priority: number, hmac = 'key: [ { id: 1, file: /run/k } ]') =>
  electionYaml(instanceYaml(priority, `version: 3\nauth_hmac: { ${hmac} }`))

async function pair() {
  const { time, lan, add } = world()
  const a = await add().run(yaml(100), keysOf(1))
  const b = await add().run(yaml(90), keysOf(1))
  await time.advance(10_000)
  return { time, lan, a, b }
}

t.test('two that share a key elect one master, and the other takes over when it dies', async (t) => {
  const { time, a, b } = await pair()
  t.equal(a.role(), 'MASTER')
  t.equal(b.role(), 'BACKUP')
  t.equal(a.instance().snapshot().authentication, 'HMAC')
  t.ok(b.instance().snapshot().counters.advert_rcvd > 5)
  t.strictSame(b.instance().snapshot().conditions, [])
  a.clock.freeze()
  await time.advance(4000)
  t.equal(b.role(), 'MASTER')
})

t.test('an advert that was heard before is refused, and moves no timer', async (t) => {
  const { time, lan, a, b } = await pair()
  const heard = lan.sent.findLast(({ from }) => from === 'a')
  a.clock.freeze()
  const payload = heard?.payload ?? new Uint8Array()
  const replay = time
    .clock()
    .every(500, () => lan.inject({ payload, source: '10.32.137.20', destination: GROUP, ttl: 255 }))
  await time.advance(4000)
  replay.cancel()
  t.equal(b.role(), 'MASTER')
  t.equal(b.instance().snapshot().counters.rejected.auth_replay, 8)
})

t.test('each way of being signed wrongly is refused by its name', async (t) => {
  const { time, lan, a } = await pair()
  const send = async (payload: Uint8Array): Promise<void> => {
    lan.inject({ payload, source: '10.32.137.77', destination: GROUP, ttl: 255 })
    await time.settle()
  }
  const nowMs = Date.UTC(2026, 0, 1) + time.now
  const config = {
    ...a.config(),
    authHmac: {
      ...(a.config().authHmac ?? { keys: [], mode: 'enforce', antiReplay: true, timeWindowMs: null }),
      activeKey: 1
    }
  }
  const by = (id: number, secret: Uint8Array, utcMs: number) =>
    new Signature(
      { ...config, authHmac: { ...config.authHmac, activeKey: id } } as typeof config,
      [{ id, secret }],
      () => utcMs
    )
  const bare = packet({ version: 3, priority: 50 }).payload
  const right = SECRET.map((x) => x + 1)
  await send(bare)
  await send(by(9, right, nowMs).sign(bare, '10.32.137.77', 0))
  await send(by(1, SECRET, nowMs).sign(bare, '10.32.137.77', 0))
  await send(by(1, right, nowMs - 60_000).sign(bare, '10.32.137.77', 0))
  await send(by(1, right, nowMs + 60_000).sign(bare, '10.32.137.77', 0))
  const good = by(1, right, nowMs).sign(bare, '10.32.137.77', 0)
  const before = a.instance().snapshot().counters.advert_rcvd
  await send(good)
  await send(good)
  const { rejected, advert_rcvd } = a.instance().snapshot().counters
  t.match(rejected, { auth_missing: 1, auth_key: 1, auth_digest: 1, auth_time: 2, auth_replay: 1 })
  t.equal(advert_rcvd - before, 1)
})

t.test('permissive takes unsigned adverts too, and still refuses what is signed wrongly', async (t) => {
  const { time, lan, add } = world()
  const hmac = 'key: [ { id: 1, file: /run/k } ], mode: permissive'
  const a = await add().run(yaml(100, hmac), keysOf(1))
  lan.inject(packet({ version: 3, priority: 200 }))
  await time.settle()
  t.equal(a.instance().snapshot().counters.advert_rcvd, 1)
  const wrong = new Signature(a.config(), [{ id: 1, secret: SECRET }], () => Date.UTC(2026, 0, 1) + time.now)
  const bare = packet({ version: 3, priority: 200 })
  lan.inject({ ...bare, payload: wrong.sign(bare.payload, bare.source, 0) })
  await time.settle()
  t.equal(a.instance().snapshot().counters.rejected.auth_digest, 1)
})

t.test('without anti_replay an advert counts as often as it comes', async (t) => {
  const { time, lan, add } = world()
  const hmac = 'key: [ { id: 1, file: /run/k } ], anti_replay: false'
  const a = await add().run(yaml(100, hmac), keysOf(1))
  const b = await add().run(yaml(90, hmac), keysOf(1))
  await time.advance(5000)
  const payload = lan.sent.at(-1)?.payload ?? new Uint8Array()
  const before = b.instance().snapshot().counters.advert_rcvd
  for (let i = 0; i < 3; i++) lan.inject({ payload, source: '10.32.137.20', destination: GROUP, ttl: 255 })
  await time.settle()
  t.equal(b.instance().snapshot().counters.advert_rcvd - before, 3)
  t.equal(a.role(), 'MASTER')
})

t.test('keys are rotated by reloads, one node after the other, without a moment of two masters', async (t) => {
  const { time, a, b } = await pair()
  const both = 'key: [ { id: 1, file: /run/k }, { id: 2, file: /run/l } ], active_key:'
  for (const [active, keys] of [
    [1, keysOf(1, 2)],
    [2, keysOf(1, 2)]
  ] as const)
    for (const [node, priority] of [
      [a, 100],
      [b, 90]
    ] as const) {
      await node.reload(yaml(priority, `${both} ${active}`), keys)
      await time.advance(5000)
    }
  for (const [node, priority] of [
    [a, 100],
    [b, 90]
  ] as const) {
    await node.reload(yaml(priority, 'key: [ { id: 2, file: /run/l } ]'), keysOf(2))
    await time.advance(5000)
  }
  t.equal(a.transitions.length, 2)
  t.equal(b.transitions.length, 1)
  t.strictSame(
    Object.values(b.instance().snapshot().counters.rejected).filter((count) => count > 0),
    []
  )
})

t.test(
  'a master whose wall clock is set back is believed again after a window, not only when time has caught up',
  async (t) => {
    const { time, a, b } = await pair()
    a.wrongByMs = 3_600_000
    b.wrongByMs = 3_600_000
    await time.advance(5000)
    a.wrongByMs = 0
    b.wrongByMs = 0
    await time.advance(20_000)
    const before = b.instance().snapshot().counters
    await time.advance(10_000)
    const after = b.instance().snapshot().counters
    t.equal(after.rejected.auth_time, before.rejected.auth_time)
    t.equal(after.rejected.auth_replay, before.rejected.auth_replay)
    t.ok(after.advert_rcvd > before.advert_rcvd)
    t.equal(a.role(), 'MASTER')
    t.equal(b.role(), 'BACKUP')
  }
)

t.test('no bytes at all make the check throw, nor one that is not signed rightly pass', async (t) => {
  const authHmac = { keys: [], activeKey: 1, timeWindowMs: null, antiReplay: true, mode: 'enforce' as const }
  const one = new Signature(vrrpConfig({ version: 3, authHmac }), [{ id: 1, secret: SECRET }], () =>
    Date.UTC(2026, 0, 1)
  )
  const signed = one.sign(packet({ version: 3 }).payload, '10.32.137.77', 0)
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc.tuple(fc.nat(signed.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, x]) => {
      // The checksum is the router's to change: it is not signed.
      const changed = Uint8Array.from(signed)
      changed[at] = (changed[at] ?? 0) ^ x
      return at === 6 || at === 7 ? new Uint8Array() : changed
    })
  )
  const source = fc.constantFrom('10.32.137.77', 'fe80::1', '', 'nonsense', '::ffff:1.2.3.4')
  fc.assert(
    fc.property(payload, source, fc.nat(255), (payload, source, ttl) => {
      const checked = one.check({ payload, source, destination: GROUP, ttl })
      return !checked.ok
    }),
    runs(2000)
  )
  t.ok(one.check({ payload: signed, source: '10.32.137.77', destination: GROUP, ttl: 255 }).ok)
})
