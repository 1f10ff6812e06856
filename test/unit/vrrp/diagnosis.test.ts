import t from 'tap'
import { CONDITION_NAMES, type ConditionName } from '../../../src/vrrp/conditions.js'
import type { Packet } from '../../../src/vrrp/receive.js'
import { electionYaml, instanceYaml } from '../../fakes/fake-election.js'
import { packet, pass, STRANGER, stream, VIP_TEXT, world } from './fixtures.js'

interface Scenario {
  /** Further keys of the instance. */
  readonly lines?: string
  /** What comes in, each second, until it is raised. */
  readonly packet?: Packet
  readonly arp?: readonly [address: string, lastByte: number]
  /** Whom it is of; null: nobody in particular. */
  readonly peer: string | null
  readonly detail: RegExp
  /** What ends it at once; without it, silence does. */
  readonly end?: Packet
  /** A further one that is raised by the same. */
  readonly beside?: readonly ConditionName[]
}

const OWN = '10.32.137.20'
const broken = (): Packet => {
  const one = packet()
  const payload = Uint8Array.from(one.payload)
  payload[6] = (payload[6] ?? 0) ^ 0xff
  return { ...one, payload }
}

const SCENARIOS: Readonly<Record<ConditionName, Scenario>> = {
  'foreign-vrid': { packet: packet({ vrid: 99 }), peer: STRANGER, detail: /^VRID 99: / },
  'address-list-mismatch': {
    packet: packet({ priority: 0, addresses: ['10.0.0.1', VIP_TEXT] }),
    peer: STRANGER,
    detail: /^it names 10\.0\.0\.1, 10\.32\.255\.99; we name 10\.32\.255\.99$/,
    end: packet({ priority: 0 })
  },
  'version-mismatch': { packet: packet({ version: 3 }), peer: STRANGER, detail: /version/ },
  'interval-mismatch': {
    lines: 'version: 3',
    packet: packet({ version: 3, priority: 0, advertIntMs: 500 }),
    peer: STRANGER,
    detail: /its advert_int is 500 ms, ours 1000 ms/,
    end: packet({ version: 3, priority: 0 })
  },
  'password-mismatch': {
    lines: 'authentication: { auth_type: PASS, auth_pass: "1111" }',
    packet: packet({ auth: pass('2222') }),
    peer: STRANGER,
    detail: /password/
  },
  ttl: { packet: packet({}, { ttl: 254 }), peer: STRANGER, detail: /TTL/ },
  checksum: { packet: broken(), peer: STRANGER, detail: /checksum/ },
  'no-adverts-heard': { peer: null, detail: /without ever having heard/, end: packet({ priority: 0 }) },
  'one-way': { packet: packet(), peer: STRANGER, detail: /priority 50/, beside: ['two-masters'] },
  'two-masters': { packet: packet(), peer: STRANGER, detail: /priority 50/, beside: ['one-way'] },
  'duplicate-owner': { arp: [VIP_TEXT, 0x66], peer: VIP_TEXT, detail: /answered by 02:00:00:00:00:66/ },
  'duplicate-address': { packet: packet({ priority: 100 }, { source: OWN }), peer: OWN, detail: /our own address/ },
  'unknown-peer': {
    lines: 'unicast_peer: [ 10.32.137.21 ]',
    packet: packet({}, { destination: OWN }),
    peer: STRANGER,
    detail: /unicast_peer/
  }
}

for (const name of CONDITION_NAMES) {
  const scenario = SCENARIOS[name]
  t.test(`${name} is raised once, with the peer and its MAC, and ends`, async (t) => {
    const { time, lan, add } = world()
    const a = await add().run(electionYaml(instanceYaml(100, scenario.lines)))
    const raised = () => a.conditions.filter(({ what, condition }) => what === 'raised' && condition.name === name)
    const over = () => a.conditions.filter(({ what, condition }) => what === 'over' && condition.name === name)
    if (name !== 'no-adverts-heard') {
      await time.advance(8000)
      t.equal(a.role(), 'MASTER')
      t.strictSame(raised(), [])
    }
    const end = stream(time, 1000, () => {
      if (scenario.packet !== undefined) lan.inject(scenario.packet)
      if (scenario.arp !== undefined) a.hearArp(...scenario.arp)
    })
    await time.advance(6000)
    t.equal(raised().length, 1)
    const [{ condition } = { condition: undefined }] = raised()
    t.match(condition, { name, detail: scenario.detail, mend: /./, peer: scenario.peer === null ? null : {} })
    t.equal(condition?.peer?.address ?? null, scenario.peer)
    if (scenario.peer !== null && scenario.arp === undefined) {
      // Whoever it is answers the question that was asked meanwhile.
      if (scenario.peer === STRANGER) {
        const asked = a.frames.some(({ frame }) => frame[21] === 1 && frame.slice(38).join('.') === STRANGER)
        t.ok(asked, 'its MAC was asked for')
      }
      a.hearArp(scenario.peer, 0x42)
    }
    await time.advance(6000)
    const listed = () =>
      a
        .instance()
        .snapshot()
        .conditions.find((one) => one.name === name)
    const mac = scenario.arp === undefined ? '02:00:00:00:00:42' : '02:00:00:00:00:66'
    if (scenario.peer !== null) t.equal(listed()?.peer?.mac, mac)
    if (scenario.packet !== undefined) t.ok((listed()?.count ?? 0) > 2, 'it is counted')
    end()
    t.strictSame(over(), [])
    if (scenario.end !== undefined) lan.inject(scenario.end)
    await time.advance(scenario.end === undefined ? 70_000 : 0)
    t.equal(over().length, 1)
    t.equal(listed(), undefined)
    t.equal(raised().length, 1)
    const others = a.conditions.map(({ condition }) => condition.name)
    const allowed: readonly string[] = [name, 'no-adverts-heard', ...(scenario.beside ?? [])]
    t.strictSame(
      others.filter((one) => !allowed.includes(one)),
      [],
      'and nothing else was said'
    )
  })
}

t.test('two nodes that both go on as master are told of by a third that hears both', async (t) => {
  const { time, lan, add } = world()
  const a = await add().run(electionYaml(instanceYaml(10)))
  const end = stream(time, 1000, () => {
    lan.inject(packet({ priority: 50 }))
    lan.inject(packet({ priority: 60 }, { source: '10.32.137.78' }))
  })
  await time.advance(1500)
  t.notMatch(a.conditions, [{ condition: { name: 'two-masters' } }], 'a change of hands looks like that too')
  await time.advance(5000)
  t.match(a.conditions.map(({ condition }) => `${condition.name} ${condition.peer?.address}`).sort(), [
    'two-masters 10.32.137.77',
    'two-masters 10.32.137.78'
  ])
  end()
})

t.test('a master that hears its own adverts warns, once in a while, and stays', async (t) => {
  const { time, lan, add } = world()
  const a = await add().run(electionYaml(instanceYaml(100)))
  await time.advance(5000)
  for (let i = 0; i < 30; i++) lan.inject(packet({ priority: 100 }, { source: OWN }))
  await time.settle()
  t.equal(a.role(), 'MASTER')
  t.equal(a.log.said('adverts come from our own address: another node has it too').length, 1)
})

t.test('without arp_probe nobody listens to ARP and nobody is asked', async (t) => {
  const { time, lan, add } = world()
  const a = await add().run(electionYaml(instanceYaml(100, 'arp_probe: false')))
  await time.advance(8000)
  lan.inject(packet({ vrid: 99 }))
  await time.settle()
  t.equal(a.ears.size, 0)
  t.notOk(a.frames.some(({ frame }) => frame.slice(38).join('.') === STRANGER))
  t.match(a.conditions.at(-1)?.condition.peer, { address: STRANGER, mac: null })
})
