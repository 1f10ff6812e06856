import type { Config, VrrpConfig } from '../../src/config/schema.js'
import { Election, type Keys } from '../../src/daemon/election.js'
import type { Netlink } from '../../src/os/netlink.js'
import type { VrrpSocketHandlers } from '../../src/os/raw-ip.js'
import type { Link } from '../../src/os/rtnetlink.js'
import type { ConditionStatus } from '../../src/vrrp/conditions.js'
import type { Arp } from '../../src/vrrp/duplicates.js'
import type { Instance } from '../../src/vrrp/instance.js'
import type { Transition } from '../../src/vrrp/instance-ports.js'
import type { Tier, Tracked } from '../../src/vrrp/tracking.js'
import { FakeKernel, link } from './fake-kernel.js'
import type { FakeLink } from './fake-link.js'
import { configOf, type Frame } from './fake-node.js'
import type { FakeSender } from './fake-sender.js'
import type { ManualClock, ManualTime } from './manual-clock.js'
import { MemoryLog } from './memory-log.js'

/** When the tests' time begins, by the wall. */
const BEGINNING = Date.UTC(2026, 0, 1)

export interface FakeElectionOptions {
  readonly time: ManualTime
  readonly lan: FakeLink
  /** Addresses of its bond0, the first is where adverts come from. */
  readonly sources: readonly string[]
  readonly sender?: FakeSender | null
}

/** All of one node's instances, put together as the daemon does, above a fake kernel and on a fake link. */
export class FakeElection {
  readonly name: string
  readonly clock: ManualClock
  readonly kernel: FakeKernel
  readonly election: Election
  readonly log: MemoryLog
  readonly frames: Frame[] = []
  readonly transitions: (Transition & { readonly name: string; readonly at: number })[] = []
  readonly priorities: { readonly name: string; readonly priority: number }[] = []
  readonly groups: string[] = []
  readonly conditions: {
    readonly name: string
    readonly what: 'raised' | 'over'
    readonly condition: ConditionStatus
  }[] = []
  readonly ears = new Set<(arp: Arp) => void>()
  /** The handlers of the sockets that were opened, the last one last. */
  readonly sockets: VrrpSocketHandlers[] = []
  readonly places: { readonly source: string; readonly groups: readonly string[] }[] = []
  faults: string[] = []
  tier: Tier = 'serving'
  /** What each of its instances tracks. */
  trackedOf: (config: Pick<VrrpConfig, 'track'>) => Tracked[] = () => []
  /** How wrong its wall clock is. */
  wrongByMs = 0
  /** Virtual addresses, each time that it held one newly. */
  readonly announced: string[] = []
  /** Whose clients were told that they go. */
  readonly told: string[] = []
  /** The words by which the kernel refuses the next sockets. */
  socketRefusal: string | undefined

  constructor(name: string, { time, lan, sources, sender = null }: FakeElectionOptions) {
    this.name = name
    this.clock = time.clock()
    this.log = new MemoryLog(this.clock.now)
    this.kernel = new FakeKernel(this.clock)
    this.setLink()
    for (const address of sources) {
      const isV6 = address.includes(':')
      this.kernel.setAddress(2, { address, family: isV6 ? 6 : 4, length: isV6 ? 64 : 24 })
    }
    const open = lan.opener(name, this.clock)
    this.election = new Election({
      clock: this.clock,
      log: this.log,
      netlink: this.kernel as unknown as Netlink,
      trackers: { tracked: (config) => this.trackedOf(config) },
      sender,
      open: (place, handlers) => {
        if (this.socketRefusal !== undefined) throw new Error(this.socketRefusal)
        this.sockets.push(handlers)
        this.places.push(place)
        // Each opening is another socket for the thread too.
        return { ...open(place, handlers), native: { send() {}, drain() {}, close() {} } }
      },
      openArp: (_, onArp) => {
        this.ears.add(onArp)
        return { close: () => this.ears.delete(onArp) }
      },
      sendFrame: (index, frame) => this.frames.push({ at: this.clock.now(), index, frame }),
      isRouter: () => false,
      today: () => new Date(BEGINNING + this.clock.now()),
      nowUtcMs: () => BEGINNING + this.clock.now() + this.wrongByMs,
      servingOf: () => ({ faults: this.faults, tier: this.tier }),
      onTransition: ({ name: instance }, transition) =>
        this.transitions.push({ ...transition, name: instance, at: this.clock.now() }),
      onPriority: ({ name: instance }, priority) => this.priorities.push({ name: instance, priority }),
      onGroup: (group, from, to) => this.groups.push(`${group} ${from} ${to}`),
      onCondition: (instance, what, condition) => this.conditions.push({ name: instance, what, condition }),
      beforeGone: async (addresses) => void this.told.push(...addresses),
      onHeld: (addresses) => this.announced.push(...addresses)
    })
    // As daemon/build.ts.
    this.kernel.onChange = () => this.election.refresh()
  }

  /** Puts a configuration in force and begins. */
  async run(config: string | Config, keys: Keys = new Map()): Promise<this> {
    await this.clock.time.settle()
    await this.reload(config, keys)
    this.election.begin()
    return this
  }

  async reload(config: string | Config, keys: Keys = new Map()): Promise<void> {
    const done = this.election.configure(typeof config === 'string' ? configOf(config) : config, keys)
    // What is removed waits for the kernel.
    await this.clock.time.advance(10)
    await done
  }

  /** Something of `faults`, `tier` or `trackedOf` is different now. */
  look(): void {
    this.election.refresh()
  }

  setLink(overrides: Partial<Link> | undefined = {}, name = 'bond0'): void {
    this.kernel.setLink(name, link({ name, rxPackets: 1, ...overrides }))
  }

  /** An ARP packet comes in, from a host that has this MAC. */
  hearArp(address: string, lastByte: number, targetAddress = address): void {
    const senderMac = Uint8Array.from([2, 0, 0, 0, 0, lastByte])
    for (const ear of this.ears) ear({ operation: 2, senderMac, senderAddress: address, targetAddress })
  }

  instance(name = 'VI_1'): Instance {
    const found = this.election.instances.find((one) => one.name === name)
    if (found === undefined) throw new Error(`no instance ${name}`)
    return found
  }

  role(name = 'VI_1'): string {
    return this.instance(name).role
  }

  config(name = 'VI_1'): VrrpConfig {
    return this.instance(name).config
  }
}

/** One instance of the seed as text; `lines` are further keys of it. */
export const instanceYaml = (priority: number, lines = '', name = 'VI_1', vrid = 88, vip = '10.32.255.99'): string => `
  - name: ${name}
    interface: bond0
    virtual_router_id: ${vrid}
    priority: ${priority}
    virtual_ipaddress: [ ${vip} ]
${lines
  .split('\n')
  .map((line) => `    ${line}`)
  .join('\n')}`

export const electionYaml = (...instances: readonly string[]): string => `vrrp:${instances.join('')}\n`
