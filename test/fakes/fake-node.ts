import { parseConfig } from '../../src/config/load.js'
import type { Config, VrrpConfig } from '../../src/config/schema.js'
import type { Link } from '../../src/os/rtnetlink.js'
import { Instance } from '../../src/vrrp/instance.js'
import type { Transition } from '../../src/vrrp/instance-ports.js'
import type { Tier, Tracked } from '../../src/vrrp/tracking.js'
import { Wire } from '../../src/vrrp/wire.js'
import { FakeKernel, link } from './fake-kernel.js'
import { FakeLink } from './fake-link.js'
import { type ManualClock, ManualTime } from './manual-clock.js'
import { MemoryLog } from './memory-log.js'

export const VIP = { address: '10.32.255.99', family: 4, length: 32 } as const

/** A configuration that must be valid, from its text. */
export function configOf(yaml: string): Config {
  const { config, problems } = parseConfig(yaml)
  if (config === undefined) throw new Error(problems.map((one) => one.message).join('\n'))
  return config
}

/** The instance of the seed, with what a test changes of it. */
export function vrrpConfig(overrides: Partial<VrrpConfig> = {}): VrrpConfig {
  const [seed] = configOf(`
vrrp:
  - name: VI_1
    interface: bond0
    virtual_router_id: 88
    priority: 100
    advert_int: 1s
    authentication: { auth_type: PASS, auth_pass: "1111" }
    virtual_ipaddress: [ 10.32.255.99 ]
`).vrrp
  if (seed === undefined) throw new Error('no instance')
  return { ...seed, ...overrides }
}

export interface Frame {
  readonly at: number
  readonly index: number
  readonly frame: Uint8Array
}

export interface Change {
  readonly at: number
  readonly from: string
  readonly to: string
  readonly reason: string
}

/** One master-to-be: an instance and its wire on a fake link, above a fake kernel, in a process that can be frozen. */
export class FakeNode {
  readonly name: string
  readonly clock: ManualClock
  readonly kernel: FakeKernel
  readonly wire: Wire
  readonly instance: Instance
  readonly log: MemoryLog
  /** What tells the link where the addresses are. */
  readonly frames: Frame[] = []
  /** What asks who else has them. */
  readonly probes: Frame[] = []
  readonly source: string
  /** What the rest of the daemon reports. */
  outside: string[] = []
  tier: Tier = 'serving'
  tracked: Tracked[] = []
  isHeard = true
  linkUpAt = 0
  readonly transitions: Transition[] = []
  readonly conditions: string[] = []
  link: Link | undefined = link()

  constructor(
    name: string,
    { time, lan, source, config }: { time: ManualTime; lan: FakeLink; source: string; config: VrrpConfig }
  ) {
    this.name = name
    this.source = source
    this.clock = time.clock()
    this.log = new MemoryLog(this.clock.now)
    this.kernel = new FakeKernel(this.clock)
    this.wire = new Wire(config.family, { clock: this.clock, log: this.log, open: lan.opener(name, this.clock) })
    this.instance = new Instance(
      { config, startupDelayMs: config.startupDelayMs ?? 0, signature: null },
      {
        clock: this.clock,
        log: this.log,
        wire: this.wire,
        kernel: this.kernel,
        sender: null,
        id: 0,
        isRouter: () => false,
        openArp: () => ({ close: () => undefined }),
        sendFrame: (index, frame) =>
          (isAnnouncement(frame) ? this.frames : this.probes).push({ at: this.clock.now(), index, frame }),
        today: () => new Date(Date.UTC(2026, 0, 1) + this.clock.now()),
        onTransition: (transition) => this.transitions.push(transition),
        onPriority: () => undefined,
        onHeld: () => undefined,
        beforeGone: async () => undefined,
        onCondition: (_, what, { name: condition }) => this.conditions.push(`${what} ${condition}`)
      }
    )
  }

  /** Takes part from now on: as daemon/build.ts, looks again whenever the kernel says something. */
  start(): this {
    this.kernel.onChange = () => this.look()
    this.look()
    return this
  }

  look(): void {
    const { link, outside, tier, tracked, isHeard, linkUpAt } = this
    const { group } = this.instance.config
    const wireFault = this.wire.place(
      link === undefined
        ? null
        : { interface: link.name, interfaceIndex: link.index, source: this.source, groups: [group] }
    )
    const source = link === undefined ? undefined : this.source
    const linkOf = (dev: string | null) => (dev === null ? link : this.kernel.link(dev))
    const fitness = { link, source, sourceFault: 'no source', wireFault, outside, tier, tracked }
    this.instance.update({ ...fitness, linkOf, linkUpAt, isHeard })
  }

  /** The kernel tells of another state of the interface; read when the loop next looks. */
  setLink(overrides: Partial<Link> | undefined): void {
    this.clock.input('netlink events', () => {
      this.link = overrides === undefined ? undefined : link(overrides)
      this.look()
    })
  }

  /** Its state changes, from the log. */
  get changes(): Change[] {
    return this.log.said('state changed').map(({ at, facts }) => ({
      at,
      from: String(facts['from']),
      to: String(facts['to']),
      reason: String(facts['reason'])
    }))
  }

  get role(): string {
    return this.instance.role
  }

  get holds(): boolean {
    return this.kernel.held.includes('10.32.255.99/32')
  }
}

/** A gratuitous ARP names one address as sender and target; what is no ARP is a neighbour advertisement. */
const isAnnouncement = (frame: Uint8Array): boolean =>
  frame[12] !== 0x08 || frame[13] !== 0x06 || frame.subarray(28, 32).join() === frame.subarray(38, 42).join()

/** The seed's masters on one link: the first of priority 100, the others 88 unless said otherwise. */
export function cluster(configs: readonly Partial<VrrpConfig>[]) {
  const time = new ManualTime()
  const lan = new FakeLink()
  const nodes = configs.map((overrides, i) => {
    const config = vrrpConfig({ priority: i === 0 ? 100 : 88, ...overrides })
    const name = String.fromCharCode(97 + i)
    const source = config.family === 6 ? `fe80::${20 + i}` : `10.32.137.${20 + i}`
    return new FakeNode(name, { time, lan, source, config })
  })
  const node = (i: number): FakeNode => {
    const one = nodes[i]
    if (one === undefined) throw new Error('no such node')
    return one
  }
  return { time, lan, nodes, node }
}
