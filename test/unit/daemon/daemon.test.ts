import t from 'tap'
import type { Prefix } from '../../../src/base/ip.js'
import type { VrrpConfig } from '../../../src/config/schema.js'
import { build } from '../../../src/daemon/build.js'
import type { Estate } from '../../../src/daemon/estate.js'
import { Interface } from '../../../src/daemon/interfaces.js'
import { Pulse } from '../../../src/daemon/pulse.js'
import { sweep } from '../../../src/daemon/sweep.js'
import type { Addon, NativeProber, ProbeResult } from '../../../src/os/addon.js'
import type { DataPlaneEvent, DataPlaneOptions, ServiceTable } from '../../../src/os/plane.js'
import { type KernelAddress, type Link, VIPD_PROTOCOL } from '../../../src/os/rtnetlink.js'
import { Wire, type WirePlace, type WirePorts } from '../../../src/vrrp/wire.js'
import { link } from '../../fakes/fake-kernel.js'
import { configOf, vrrpConfig } from '../../fakes/fake-node.js'
import { flushPromises, ManualClock } from '../../fakes/manual-clock.js'
import { MemoryLog } from '../../fakes/memory-log.js'

const prefix = (address: string, length = 32): Prefix => ({ address, family: 4, length })
const held = (address: string, overrides: Partial<KernelAddress> = {}): KernelAddress => ({
  index: 2,
  prefix: prefix(address),
  protocol: 0,
  isLeased: false,
  scope: 0,
  isLinkLocal: false,
  isSecondary: false,
  isTentative: false,
  isDadFailed: false,
  ...overrides
})

t.test('pulse', async (t) => {
  t.test('workers that move are alive', async (t) => {
    const pulse = new Pulse()
    for (let i = 0; i < 20; i++) t.ok(pulse.look([i, i * 2]))
  })
  t.test('one that stands still over four looks is dead, and alive again when it moves', async (t) => {
    const pulse = new Pulse()
    t.strictSame(
      [0, 1, 2, 3, 4].map((i) => pulse.look([i, 7])),
      [true, true, true, true, false]
    )
    t.ok(pulse.look([5, 8]))
  })
  t.test('no workers are no dead ones', async (t) => {
    const pulse = new Pulse()
    for (let i = 0; i < 10; i++) t.ok(pulse.look([]))
  })
})

const CONFIG = configOf(`vrrp:
  - { name: VI_1, interface: bond0, virtual_router_id: 88, virtual_ipaddress: [ 10.32.255.99, 10.32.255.98/24 ] }
  - { name: VI_2, interface: eth1, virtual_router_id: 1, priority: 255, virtual_ipaddress: [ 10.1.0.1 ] }
`)

t.test('sweep', async (t) => {
  const swept = async (config: typeof CONFIG | undefined, ...addresses: KernelAddress[]) => {
    const links = new Map([
      ['bond0', link()],
      ['eth1', link({ index: 3, name: 'eth1' })]
    ])
    const netlink = {
      addresses: () => addresses,
      link: (name: string) => links.get(name),
      removeAddress: async () => undefined
    }
    return sweep(netlink, config)
  }
  t.test('removes what carries our mark, wherever it is and whatever the file says', async (t) => {
    const marked = held('192.0.2.1', { protocol: VIPD_PROTOCOL, index: 9 })
    t.strictSame(await swept(CONFIG, marked, held('10.32.137.20')), ['192.0.2.1/32'])
    t.strictSame(await swept(undefined, marked, held('10.32.255.99')), ['192.0.2.1/32'])
  })
  t.test('removes what is configured, whoever put it there, on its own interface alone', async (t) => {
    t.strictSame(await swept(CONFIG, held('10.32.255.99')), ['10.32.255.99/32'])
    t.strictSame(await swept(CONFIG, held('10.32.255.99', { index: 3 })), [])
    t.strictSame(
      await swept(CONFIG, held('10.32.255.99', { prefix: prefix('10.32.255.99', 24) })),
      [],
      'another prefix'
    )
  })
  t.test('leaves the owner its address', async (t) => {
    t.strictSame(await swept(CONFIG, held('10.1.0.1', { index: 3 })), [])
  })
})

t.test('an interface', async (t) => {
  const setUp = (overrides: Partial<VrrpConfig> = {}) => {
    const clock = new ManualClock()
    const opened: WirePlace[] = []
    const closed: number[] = []
    const failing = { refusal: undefined as Error | undefined }
    const open: WirePorts['open'] = (place) => {
      if (failing.refusal !== undefined) throw failing.refusal
      const nth = opened.push(place)
      const nothing = () => undefined
      const native = { send: nothing, drain: nothing, close: nothing }
      const close = () => closed.push(nth)
      return { kind: 'addon', native, send: nothing, drain: nothing, flush: () => Promise.resolve(), close }
    }
    const state: {
      link: Link | undefined
      addresses: KernelAddress[]
      read: Link | undefined
      reads: number
      heard: number
    } = {
      link: link(),
      addresses: [],
      read: undefined,
      reads: 0,
      heard: 0
    }
    const one = new Interface('bond0', {
      clock,
      netlink: {
        link: () => state.link,
        addresses: () => state.addresses,
        readLink: async () => {
          state.reads++
          return state.read
        }
      },
      newWire: (family) => new Wire(family, { clock, log: new MemoryLog(), open }),
      virtual: () => new Set(['10.32.255.99']),
      onHeard: () => {
        state.heard++
      }
    })
    const config = vrrpConfig(overrides)
    const place = () => {
      const { link: at } = one.look()
      const wireFault = one.place(config.family, at, [config])
      return { ...one.sourceOf(at, config), wireFault }
    }
    return { clock, opened, closed, state, failing, one, config, place }
  }
  const six = (address: string): Prefix => ({ address, family: 6, length: 64 })

  t.test('sends from its first address that is no VIP, and stays with it', async (t) => {
    const { state, place, opened } = setUp()
    state.addresses = [held('10.32.255.99'), held('10.32.137.20'), held('10.32.137.21'), held('10.9.9.9', { index: 7 })]
    t.equal(place().source, '10.32.137.20')
    state.addresses = [held('10.32.137.19'), held('10.32.137.21'), held('10.32.137.20')]
    t.equal(place().source, '10.32.137.20', 'another order is no reason')
    t.equal(opened.length, 1)
    state.addresses = [held('10.32.137.19'), held('10.32.137.21')]
    t.equal(place().source, '10.32.137.19')
    t.match(opened.at(-1), { interface: 'bond0', interfaceIndex: 2, source: '10.32.137.19', groups: ['224.0.0.18'] })
  })
  t.test('never sends from a VIP, nor from an address with our mark, nor from one of the other family', async (t) => {
    const { state, place, opened } = setUp()
    state.addresses = [
      held('10.32.255.99'),
      held('10.32.255.97', { protocol: VIPD_PROTOCOL }),
      held('', { prefix: six('fe80::1') })
    ]
    t.strictSame(place(), {
      source: undefined,
      sourceFault: 'bond0 has no IPv4 address to send adverts from',
      wireFault: undefined
    })
    t.equal(opened.length, 0)
  })
  t.test('sends IPv6 from its link-local address, once nobody else has it', async (t) => {
    const { state, place } = setUp({ family: 6 })
    state.addresses = [
      held('', { prefix: six('2001:db8::20') }),
      held('', { prefix: six('fe80::1'), isTentative: true }),
      held('', { prefix: six('fe80::2'), isDadFailed: true })
    ]
    t.match(place(), { source: undefined, sourceFault: 'bond0 has no link-local IPv6 address to send adverts from' })
    state.addresses = [held('', { prefix: six('2001:db8::20') }), held('', { prefix: six('fe80::1') })]
    t.equal(place().source, 'fe80::1')
  })
  t.test('sends from the configured address alone, and says when it is not there', async (t) => {
    const { state, place } = setUp({ source: '10.32.137.21' })
    state.addresses = [held('10.32.137.20')]
    t.match(place(), { source: undefined, sourceFault: 'bond0 does not have the address 10.32.137.21' })
    state.addresses = [held('10.32.137.20'), held('10.32.137.21')]
    t.equal(place().source, '10.32.137.21')
  })
  t.test('whose socket cannot be opened is to be looked at again, until it can be', async (t) => {
    const { state, one, place, opened, failing } = setUp()
    state.link = link({ rxPackets: 1 })
    state.addresses = [held('10.32.137.20')]
    failing.refusal = new Error('ENOBUFS')
    t.match(place(), { wireFault: 'no VRRP socket on bond0: ENOBUFS' })
    t.ok(one.needsLook)
    failing.refusal = undefined
    t.equal(place().wireFault, undefined)
    t.notOk(one.needsLook)
    t.equal(opened.length, 1)
  })
  t.test('that goes keeps its wire until its instances have said goodbye; another index opens it anew', async (t) => {
    const { state, one, place, opened, closed } = setUp()
    state.addresses = [held('10.32.137.20'), held('10.32.137.20', { index: 5 })]
    place()
    state.link = undefined
    t.equal(place().source, undefined)
    t.strictSame(closed, [])
    one.settle()
    await flushPromises()
    t.strictSame(closed, [1])
    state.link = link({ index: 5 })
    place()
    one.settle()
    await flushPromises()
    t.strictSame(
      opened.map((at) => at.interfaceIndex),
      [2, 5]
    )
    t.strictSame(closed, [1], 'one that is back stays open')
  })
  t.test('that came up again is not heard on before anything is received', async (t) => {
    const { clock, state, one } = setUp()
    state.link = link({ rxPackets: 7 })
    t.strictSame(one.look(), { link: state.link, linkUpAt: 0, isHeard: true })
    state.link = link({ isRunning: false, rxPackets: 7 })
    one.look()
    t.notOk(one.needsLook, 'a link that is down has nothing to hear')
    await clock.advance(1000)
    state.link = link({ rxPackets: 7 })
    state.read = link({ rxPackets: 7 })
    t.match(one.look(), { linkUpAt: 1000, isHeard: false })
    await flushPromises()
    t.ok(one.needsLook)
    t.equal(state.reads, 1, 'the kernel is asked, for it does not tell')
    state.read = link({ rxPackets: 8 })
    t.match(one.look(), { isHeard: false })
    await flushPromises()
    t.match(one.look(), { linkUpAt: 1000, isHeard: true })
    t.equal(state.reads, 2, 'and no more once it is known')
    t.equal(state.heard, 1, 'and whoever waits for it is told')
  })
})

t.test('the cross wires', async (t) => {
  const setUp = async (yaml: string, descriptors = 1_000_000, estate?: Estate) => {
    const clock = new ManualClock()
    const log = new MemoryLog(clock.now)
    const made: DataPlaneOptions[] = []
    const tables: ServiceTable[] = []
    const state = { beats: [0], refusal: undefined as Error | undefined }
    let tell: (event: DataPlaneEvent) => void = () => undefined
    class FakeDataPlane {
      constructor(options: DataPlaneOptions, onEvent: (event: DataPlaneEvent) => void) {
        made.push(options)
        tell = onEvent
      }
      publish(table: ServiceTable): void {
        if (state.refusal !== undefined) throw state.refusal
        tables.push(table)
      }
      withdraw(): void {}
      counters() {
        return { services: [], heartbeats: state.beats, eventsDropped: 0, recordsDropped: 0, bytesSpliced: 0 }
      }
      sessions(): void {}
      endpoints(): void {}
      handOver(): void {}
      adopt(): void {}
      offer(): void {}
      closeOffers(): void {}
      kill(): void {}
      resetAt(_: readonly string[], done: (sessions: number) => void): void {
        done(0)
      }
      records(): [] {
        return []
      }
      stop(): void {}
    }
    const probes: { readonly address: string; readonly done: (result: ProbeResult) => void }[] = []
    class FakeProber implements NativeProber {
      tcp(address: string, _port: number, _timeoutMs: number, done: (result: ProbeResult) => void): void {
        probes.push({ address, done })
      }
      close(): void {}
    }
    class Unused {
      constructor() {
        throw new Error('not in this test')
      }
      readonly isRealTime = false
      send(): void {}
      drain(): void {}
      plan(): void {}
      clear(): void {}
      prove(): void {}
      state(): undefined {}
      close(): void {}
    }
    const addon: Addon = {
      sendFrame: () => undefined,
      sendIp: () => undefined,
      openPair: () => [0, 0],
      sendMessage: () => true,
      receiveMessage: () => undefined,
      closeDescriptors: () => undefined,
      startSuccessor: () => 0,
      sendDescriptors: () => true,
      identityOf: () => '',
      memoryFile: () => 0,
      handoverFormat: 1,
      unixDgramSend: () => undefined,
      closeOnExec: () => undefined,
      raiseDescriptorLimit: () => descriptors,
      missingCapabilities: () => [],
      VrrpSocket: Unused,
      AdvertSender: Unused,
      ArpSocket: Unused,
      NetlinkEvents: Unused,
      Prober: FakeProber,
      DataPlane: FakeDataPlane
    }
    const config = configOf(yaml)
    const parts = build(
      config,
      { addon, clock, log, onHeld: () => undefined },
      estate && { estate, sessions: Buffer.alloc(0), descriptors: [] }
    )
    await parts.election.configure(config, new Map())
    return { parts, clock, log, made, tables, state, probes, tell: (event: DataPlaneEvent) => tell(event) }
  }
  const server = 'servers: [ { name: a, address: 10.0.0.1:6443 } ]'
  const yaml = `nbthread: 2
vrrp:
  - { name: VI_1, interface: bond0, virtual_router_id: 88, virtual_ipaddress: [ 10.32.255.99 ] }
  - { name: VI_2, interface: bond0, virtual_router_id: 89, virtual_ipaddress: [ 10.32.255.98 ] }
proxy:
  - { name: one, bind: [ 10.32.255.99:8443 ], maxconn: 300, ${server} }
  - { name: two, bind: [ 10.32.255.98:8443 ], maxconn: 100, ${server} }
`
  const faults = ({ parts }: Awaited<ReturnType<typeof setUp>>): string[] =>
    parts.election.instances.map((instance) =>
      instance
        .snapshot()
        .fault.filter((fault) => !fault.startsWith('interface'))
        .join()
    )

  t.test(
    'a service that cannot be served is a fault of the instance whose address it is on, and of no other',
    async (t) => {
      const one = await setUp(yaml)
      one.state.refusal = Object.assign(new Error('x'), { code: 'EADDRINUSE' })
      one.parts.services.list[0]?.start()
      one.state.refusal = undefined
      one.parts.services.list[1]?.start()
      one.parts.election.begin()
      t.match(faults(one), [/^cannot listen on 10\.32\.255\.99:8443/, /^$/])
      await one.clock.advance(1000)
      t.strictSame(faults(one), ['', ''])
    }
  )

  t.test('a service on the wildcard is one of every instance', async (t) => {
    const one = await setUp(yaml.replace('10.32.255.98:8443', '0.0.0.0:9443'))
    one.parts.election.begin()
    t.match(faults(one), [/not started.*not started|not started,not started/, /not started/])
  })

  t.test('a data plane that stands still is a fault of all, until it moves', async (t) => {
    const one = await setUp(yaml)
    one.parts.services.start()
    one.parts.election.begin()
    for (let i = 0; i < 5; i++) one.parts.pulse()
    t.notOk(one.parts.isPlaneAlive())
    t.strictSame(faults(one), ['the data plane stands still', 'the data plane stands still'])
    t.equal(one.log.said('data plane stands still').length, 1)
    one.state.beats = [1]
    one.parts.pulse()
    t.ok(one.parts.isPlaneAlive())
    t.strictSame(faults(one), ['', ''])
  })

  t.test('a service without a server leaves its instance no more than the last resort, and no other', async (t) => {
    const one = await setUp(yaml.replace('10.0.0.1:6443', '10.0.0.2:6443'))
    const tiers = () => one.parts.election.instances.map((instance) => instance.snapshot().tier)
    one.parts.services.start()
    one.parts.election.begin()
    t.strictSame(tiers(), ['nothing', 'nothing'], 'before its first check a server does not count')
    const priorities = () =>
      one.log.said('effective priority changed').map(({ facts }) => [facts['instance'], facts['to']])
    t.strictSame(priorities(), [
      ['VI_1', 1],
      ['VI_2', 1]
    ])
    await one.clock.advance(0)
    const answer = (to: string, result: Pick<ProbeResult, 'code' | 'detail'>): void => {
      for (const { address, done } of one.probes.splice(0)) if (address === to) done({ ...result, tookMs: 1 })
    }
    answer('10.0.0.2', { code: 'L4OK', detail: '' })
    t.strictSame(tiers(), ['serving', 'nothing'])
    t.strictSame(priorities().at(-1), ['VI_1', 100])
  })

  t.test('who stayed away for the process before stays away for this one, for as long as was left', async (t) => {
    const estate = { version: '0.1.0', services: [], masters: [], places: [], away: [{ name: 'VI_2', forMs: 5000 }] }
    const { parts, clock } = await setUp(yaml, undefined, estate)
    t.strictSame([parts.away.has('VI_1'), parts.away.leftS('VI_2')], [false, 5])
    await clock.advance(5000)
    t.notOk(parts.away.has('VI_2'))
  })

  t.test('before it has begun no instance takes part', async (t) => {
    const one = await setUp(yaml)
    one.parts.services.start()
    t.ok(one.parts.election.instances.every((instance) => instance.role === 'INIT'))
  })

  t.test(
    'where descriptors are too few for maxconn all services together are held to what fits, and it is said',
    async (t) => {
      const rich = await setUp(yaml)
      t.strictSame(rich.made, [{ threads: 2, mode: 'hybrid', maxconn: 400, pipes: 288 }])
      t.strictSame(rich.parts.shortages, [])
      const poor = await setUp(yaml, 128 + 2 * 16 + 500)
      t.match(poor.made[0], { maxconn: 225, pipes: 12 })
      poor.parts.services.start()
      t.strictSame(
        poor.tables.map((table) => table.maxconn),
        [225, 100]
      )
      t.match(poor.parts.shortages, [/^maxconn 400 needs/])
    }
  )

  t.test('a configuration without a proxy, or without an instance, is one too', async (t) => {
    const addressOnly = await setUp(yaml.split('proxy:')[0] ?? '')
    addressOnly.parts.election.begin()
    t.strictSame(faults(addressOnly), ['', ''])
    const proxyOnly = await setUp(`proxy:\n  - { name: one, bind: [ 10.0.0.9:8443 ], ${server} }\n`)
    proxyOnly.parts.election.begin()
    proxyOnly.tell({ type: 'connect-failed', service: 0, server: 0, error: 'ECONNREFUSED' })
    t.equal(proxyOnly.log.said('connection to server failed').length, 1)
  })
})
