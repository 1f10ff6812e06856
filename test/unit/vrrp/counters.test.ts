import t from 'tap'
import { newCounters, type VrrpCounters } from '../../../src/vrrp/counters.js'
import type { Packet } from '../../../src/vrrp/receive.js'
import { Signature } from '../../../src/vrrp/signature.js'
import { electionYaml, type FakeElection, instanceYaml } from '../../fakes/fake-election.js'
import { GROUP, packet, pass, VIP_TEXT, world } from './fixtures.js'

type World = ReturnType<typeof world>
type Name = Exclude<keyof VrrpCounters, 'rejected'> | `rejected.${keyof VrrpCounters['rejected']}`

interface Scenario {
  readonly lines?: string
  readonly vip?: string
  /** Done when the instance is master; raises the counter by one, or by `by`. */
  readonly act: (a: FakeElection, world: World) => unknown
  readonly by?: number
}

const inject =
  (...all: readonly Packet[]) =>
  (_: FakeElection, { lan }: World): void => {
    for (const one of all) lan.inject(one)
  }

const changed = (one: Packet, at: number, value: number): Packet => {
  const payload = Uint8Array.from(one.payload)
  payload[at] = value
  return { ...one, payload }
}

const PASS = 'authentication: { auth_type: PASS, auth_pass: "1111" }'
const HMAC = 'version: 3\nauth_hmac: { key: [ { id: 1, file: /run/k } ] }'
const UNICAST = 'unicast_peer: [ 10.32.137.21 ]'
/** The first one over IPv6 is link-local. */
const V6 = { address: 'fd00::99', family: 6, length: 128 } as const
const VIPS_6 = '"fe80::99", "fd00::99"'
const SECRET = new Uint8Array(32).fill(7)
const keys = new Map([['VI_1', [{ id: 1, secret: SECRET }]]])

/** As `packet`, signed otherwise than it should be, or the same twice. */
const signed =
  (how: { readonly id?: number; readonly secret?: Uint8Array; readonly lateMs?: number; readonly times?: number }) =>
  (a: FakeElection, { time, lan }: World): void => {
    const { id = 1, secret = SECRET, lateMs = 0, times = 1 } = how
    const config = a.config()
    const authHmac = config.authHmac === null ? null : { ...config.authHmac, activeKey: id }
    const nowMs = Date.UTC(2026, 0, 1) + time.now + lateMs
    const bare = packet({ version: 3, priority: 50 })
    const payload = new Signature({ ...config, authHmac }, [{ id, secret }], () => nowMs).sign(
      bare.payload,
      bare.source,
      0
    )
    for (let i = 0; i < times; i++) lan.inject({ ...bare, payload })
  }

const linkLocal = { source: 'fe80::77', destination: 'ff02::12' }

const SCENARIOS: Readonly<Record<Name, Scenario>> = {
  advert_rcvd: { act: inject(packet(), packet()), by: 2 },
  advert_sent: { act: (_, { time }) => time.advance(2000), by: 2 },
  become_master: { act: (_, { lan, time }) => (lan.inject(packet({ priority: 200 })), time.advance(4000)) },
  release_master: { act: inject(packet({ priority: 200 })) },
  priority_zero_rcvd: { act: inject(packet({ priority: 0 })) },
  priority_zero_sent: { act: (a) => void a.instance().stop() },
  garp_sent: { act: inject(packet()), by: 5 },
  gna_sent: {
    vip: VIPS_6,
    act: inject(packet({ version: 3, addresses: ['fe80::99', V6.address] }, linkLocal)),
    by: 10
  },
  lower_priority_rcvd: { act: inject(packet({ priority: 99 }), packet({ priority: 200 }), packet({ priority: 98 })) },
  addr_list_err: { act: inject(packet({ addresses: ['10.0.0.1'] }), packet()) },
  other_checksum_rcvd: {
    lines: 'version: 3',
    act: inject(packet({ version: 3, checksum: 'message' }), packet({ version: 3 }))
  },
  other_interval_rcvd: {
    lines: 'version: 3',
    act: inject(packet({ version: 3, advertIntMs: 500 }), packet({ version: 3 }))
  },
  authtype_mismatch: { lines: PASS, act: inject(packet(), packet({ auth: pass('2222') })) },
  address_readded: { act: (a) => a.kernel.take(2, { address: VIP_TEXT, family: 4, length: 32 }) },
  dad_failed_mended: {
    vip: VIPS_6,
    act: (a) => a.kernel.endDad(2, V6, 'left')
  },
  stalled: { act: (a) => a.clock.stall(8000) },
  send_err: { act: (a) => a.sockets.at(-1)?.onError('ENETUNREACH') },
  'rejected.length': { act: inject({ ...packet(), payload: packet().payload.subarray(0, 15) }) },
  'rejected.version': { act: inject(packet({ version: 3 })) },
  'rejected.type': { act: inject(changed(packet(), 0, 0x22)) },
  'rejected.checksum': { act: inject(changed(packet(), 2, 51)) },
  'rejected.vrid': { act: inject(packet({ vrid: 99 })) },
  'rejected.ttl': { act: inject(packet({}, { ttl: 254 })) },
  'rejected.count': { act: inject(packet({ addresses: [] })) },
  'rejected.auth': { lines: PASS, act: inject(packet({ auth: pass('2222') }), packet({ auth: pass('1111') })) },
  'rejected.interval': { act: inject(packet({ advertIntMs: 2000 })) },
  'rejected.address': { vip: VIPS_6, act: inject(packet({ version: 3, addresses: [V6.address] }, linkLocal)) },
  'rejected.transport': { act: inject(packet({}, { destination: '10.32.137.20' })) },
  'rejected.peer': { lines: UNICAST, act: inject(packet({}, { destination: '10.32.137.20' })) },
  'rejected.auth_missing': { lines: HMAC, act: inject(packet({ version: 3 })) },
  'rejected.auth_key': { lines: HMAC, act: signed({ id: 9 }) },
  'rejected.auth_digest': { lines: HMAC, act: signed({ secret: new Uint8Array(32) }) },
  'rejected.auth_time': { lines: HMAC, act: signed({ lateMs: 60_000 }) },
  'rejected.auth_replay': { lines: HMAC, act: signed({ times: 2 }) }
}

/** 'rejected.ttl' and the like are counters of their own. */
function flat({ rejected, ...rest }: VrrpCounters): Record<string, number> {
  return { ...rest, ...Object.fromEntries(Object.entries(rejected).map(([why, count]) => [`rejected.${why}`, count])) }
}

t.test('every counter has a scenario here, and every scenario a counter', async (t) => {
  t.strictSame(Object.keys(SCENARIOS).sort(), Object.keys(flat(newCounters())).sort())
  t.ok(Object.values(flat(newCounters())).every((count) => count === 0))
})

for (const [name, { lines, vip, act, by = 1 }] of Object.entries(SCENARIOS)) {
  t.test(`${name} counts what it says`, async (t) => {
    const one = world()
    const a = await one.add().run(electionYaml(instanceYaml(100, lines, 'VI_1', 88, vip ?? VIP_TEXT)), keys)
    // The second announcement, 5 s after the takeover, is over.
    await one.time.advance(9700)
    if (a.role() !== 'MASTER') throw new Error(`${name}: it is to be master`)
    const instance = a.instance()
    const before = flat(instance.snapshot().counters)
    await act(a, one)
    await one.time.advance(50)
    const after = flat(instance.snapshot().counters)
    t.equal((after[name] ?? 0) - (before[name] ?? 0), by)
    const refusals = (counters: Record<string, number>): number =>
      Object.entries(counters).reduce((sum, [key, count]) => sum + (key.startsWith('rejected.') ? count : 0), 0)
    if (name.startsWith('rejected.'))
      t.equal(refusals(after) - refusals(before), 1, 'counted once, by the first reason')
  })
}

t.test(
  'a packet that names no instance of the link is every instance’s to count, one that does, its own alone',
  async (t) => {
    const { time, lan, add } = world()
    const both = electionYaml(instanceYaml(100), instanceYaml(100, '', 'VI_2', 89, '10.32.255.98'))
    const a = await add().run(both)
    lan.inject(packet({ vrid: 99 }))
    lan.inject(packet({ vrid: 89 }, { ttl: 1 }))
    lan.inject({ ...packet(), payload: new Uint8Array(), destination: GROUP })
    await time.settle()
    const rejected = (name: string) => a.instance(name).snapshot().counters.rejected
    t.match(rejected('VI_1'), { vrid: 1, ttl: 0, length: 1 })
    t.match(rejected('VI_2'), { vrid: 1, ttl: 1, length: 1 })
  }
)
