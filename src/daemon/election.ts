import type { Clock } from '../base/clock.js'
import type { Log } from '../base/log.js'
import type { Config, VrrpConfig } from '../config/schema.js'
import type { Netlink } from '../os/netlink.js'
import { addressesOf } from '../vrrp/addresses.js'
import { SyncGroup } from '../vrrp/group.js'
import type { HmacKey } from '../vrrp/hmac.js'
import { Instance } from '../vrrp/instance.js'
import type { InstancePorts, Transition } from '../vrrp/instance-ports.js'
import type { Role } from '../vrrp/machine.js'
import { Signature } from '../vrrp/signature.js'
import type { Tier, Tracked } from '../vrrp/tracking.js'
import { Wire, type WirePorts } from '../vrrp/wire.js'
import type { Mastership } from './estate.js'
import { Interface } from './interfaces.js'
import type { Trackers } from './trackers.js'

export type Keys = ReadonlyMap<string, readonly HmacKey[]>

export interface ElectionPorts
  extends Pick<InstancePorts, 'sendFrame' | 'openArp' | 'isRouter' | 'sender' | 'today' | 'onCondition' | 'onHeld'> {
  readonly clock: Clock
  readonly log: Log
  readonly netlink: Netlink
  readonly trackers: Pick<Trackers, 'tracked'>
  readonly open: WirePorts['open']
  readonly nowUtcMs: () => number
  /** What the proxy contributes: reasons not to be master, and what this node can do for clients of these addresses. */
  readonly servingOf: (config: VrrpConfig) => { readonly faults: readonly string[]; readonly tier: Tier }
  readonly onTransition: (config: VrrpConfig, transition: Transition) => void
  readonly onPriority: (config: VrrpConfig, priority: number, role: Role) => void
  /** These addresses are about to leave, by our hand and while the instance is well; waited for. */
  readonly beforeGone: InstancePorts['beforeGone']
  readonly onGroup: (name: string, from: Role, to: Role) => void
}

/** For so long what is tracked counts as it did for the process before, unless it is known by then. */
const RESUMED_MS = 10_000

interface Member {
  readonly instance: Instance
  readonly signature: Signature | null
}

/** Every VRRP instance of a configuration, and what they share: interfaces, sync groups. */
export class Election {
  readonly #ports: ElectionPorts
  readonly #interfaces = new Map<string, Interface>()
  readonly #groups = new Map<string, SyncGroup>()
  #members = new Map<string, Member>()
  #virtual: ReadonlySet<string> = new Set()
  #nextId = 0
  #hasBegun = false
  /** Between two configurations: what is tracked and what is configured do not belong together. */
  #isChanging = false
  #isStopped = false
  /** Virtual routers that the process before this one was master of. */
  #resumed: ReadonlySet<string> = new Set()
  #resumedUntil = 0

  constructor(ports: ElectionPorts) {
    this.#ports = ports
  }

  get instances(): readonly Instance[] {
    return [...this.#members.values()].map(({ instance }) => instance)
  }

  /** Instances that are master: what `resume` of the next process takes. */
  get masters(): readonly Mastership[] {
    return this.instances
      .filter(({ role }) => role === 'MASTER')
      .map(({ config }) => ({
        interface: config.interface,
        family: config.family,
        virtualRouterId: config.virtualRouterId
      }))
  }

  /** Before `begin`: these are master at once, without anybody being told. */
  resume(masters: readonly Mastership[]): void {
    this.#resumed = new Set(masters.map(identityOf))
  }

  /** Another process goes on with all roles and addresses. */
  async leave(): Promise<void> {
    this.#isStopped = true
    await Promise.all(this.instances.map((instance) => instance.leave()))
  }

  get groups(): readonly SyncGroup[] {
    return [...this.#groups.values()]
  }

  /** A socket that could not be opened, a link that was not heard on: to be looked at again. */
  get needsLook(): boolean {
    return [...this.#interfaces.values()].some((one) => one.needsLook)
  }

  /**
   * Puts a configuration in force: what is removed says priority 0 and is gone before what is new may claim its
   * addresses, what stays keeps its role. Instances are told apart by interface, family and VRID.
   */
  async configure(config: Config, keys: Keys): Promise<void> {
    if (this.#isStopped) return
    this.#isChanging = true
    const wanted = new Map(config.vrrp.map((one) => [identityOf(one), one]))
    const removed = [...this.#members].filter(([key]) => !wanted.has(key))
    // Its group goes on without it, and does not follow it out.
    for (const [, { instance }] of removed) instance.join(null)
    await Promise.all(removed.map(([, { instance }]) => instance.stop()))
    this.#isChanging = false
    // A SIGTERM may have come meanwhile: nothing new takes part.
    if (this.#isStopped) return
    this.#virtual = virtualAddresses(config)
    const members = new Map<string, Member>()
    for (const [key, one] of wanted) members.set(key, this.#member(this.#members.get(key), one, config, keys))
    this.#members = members
    this.#regroup(config)
    const used = new Set(config.vrrp.map((one) => one.interface))
    for (const [name, one] of this.#interfaces) {
      if (used.has(name)) continue
      one.close()
      this.#interfaces.delete(name)
    }
    this.refresh()
  }

  /** From now on the instances take part. */
  begin(): void {
    this.#hasBegun = true
    this.#resumedUntil = this.#ports.clock.now() + RESUMED_MS
    this.refresh()
  }

  /** Tells every instance what it hangs on: a level, safe to say again and again. */
  refresh(): void {
    if (!this.#hasBegun || this.#isChanging || this.#isStopped) return
    const instances = this.instances
    for (const at of this.#interfaces.values()) {
      const { link, linkUpAt, isHeard } = at.look()
      for (const family of [4, 6] as const) {
        const here = instances.filter(({ config }) => config.interface === at.name && config.family === family)
        if (here.length === 0) continue
        const configs = here.map(({ config }) => config)
        const wireFault = at.place(family, link, configs)
        for (const instance of here) {
          const { config } = instance
          const { faults: outside, tier } = this.#ports.servingOf(config)
          const source = at.sourceOf(link, config)
          const isResumed = this.#isResumed(instance)
          const tracked = this.#ports.trackers.tracked(config).map((one) => (isResumed ? trusted(one) : one))
          const linkOf = (dev: string | null) => (dev === null ? link : this.#ports.netlink.link(dev))
          instance.update({ link, ...source, wireFault, outside, tracked, tier, linkOf, linkUpAt, isHeard }, isResumed)
        }
      }
      at.settle()
    }
  }

  /** Every instance leaves the election; resolves when the adverts have left and the addresses are gone, for another node has them or none will. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.allSettled(this.instances.map((instance) => instance.stop(true)))
  }

  /** Nobody waits for another node any more. @returns whether anybody did */
  hasten(): boolean {
    return this.instances.filter((instance) => instance.hasten(0)).length > 0
  }

  close(): void {
    for (const one of this.#interfaces.values()) one.close()
  }

  #isResumed({ config }: Instance): boolean {
    return this.#resumed.has(identityOf(config)) && this.#ports.clock.now() < this.#resumedUntil
  }

  #member(known: Member | undefined, config: VrrpConfig, whole: Config, keys: Keys): Member {
    const signature = this.#signatureOf(known, config, keys.get(config.name) ?? [])
    const startupDelayMs = config.startupDelayMs ?? whole.global.startupDelayMs
    const setup = { config: withGroupTracks(config, whole), startupDelayMs, signature }
    if (known !== undefined) {
      known.instance.configure(setup)
      return { instance: known.instance, signature }
    }
    const { onTransition, onPriority, onCondition, beforeGone, ...ports } = this.#ports
    const instance: Instance = new Instance(setup, {
      ...ports,
      kernel: ports.netlink,
      wire: this.#interfaceOf(config.interface).wire(config.family),
      id: this.#nextId++,
      onTransition: (transition) => onTransition(instance.config, transition),
      onPriority: (priority) => onPriority(instance.config, priority, instance.role),
      // With a fault nobody would hear it.
      beforeGone: async (leaving) => {
        if (instance.role !== 'FAULT') await beforeGone(leaving)
      },
      // By the name that it has now.
      onCondition: (_, what, condition) => onCondition(instance.name, what, condition)
    })
    return { instance, signature }
  }

  #signatureOf(known: Member | undefined, config: VrrpConfig, keys: readonly HmacKey[]): Signature | null {
    if (config.authHmac === null) return null
    const signature = known?.signature ?? new Signature(config, keys, this.#ports.nowUtcMs)
    signature.configure(config, keys)
    return signature
  }

  #interfaceOf(name: string): Interface {
    const { clock, netlink, log, open } = this.#ports
    const known = this.#interfaces.get(name)
    if (known !== undefined) return known
    const made = new Interface(name, {
      clock,
      netlink,
      newWire: (family) => new Wire(family, { clock, log: log.child({ interface: name }), open }),
      virtual: () => this.#virtual,
      onHeard: () => this.refresh()
    })
    this.#interfaces.set(name, made)
    return made
  }

  #regroup(config: Config): void {
    const names = new Set(config.groups.map((one) => one.name))
    for (const { instance } of this.#members.values()) {
      const group = config.groups.find((one) => one.members.includes(instance.name))
      instance.join(group === undefined ? null : this.#groupOf(group.name))
    }
    for (const name of this.#groups.keys()) if (!names.has(name)) this.#groups.delete(name)
  }

  #groupOf(name: string): SyncGroup {
    const known = this.#groups.get(name)
    if (known !== undefined) return known
    const made = new SyncGroup(name, (from, to) => this.#ports.onGroup(name, from, to))
    this.#groups.set(name, made)
    return made
  }
}

/** What makes a virtual router the same one in another configuration: its name may change. */
const identityOf = (config: Pick<VrrpConfig, 'interface' | 'family' | 'virtualRouterId'>): string =>
  `${config.interface} ${config.family} ${config.virtualRouterId}`

/** What was not looked at yet is taken to be as it was. */
const trusted = (one: Tracked): Tracked => (one.state === 'init' ? { ...one, state: 'up' } : one)

/** What a sync group tracks, each of its members tracks. */
function withGroupTracks(config: VrrpConfig, { groups }: Config): VrrpConfig {
  const group = groups.find((one) => one.members.includes(config.name))
  if (group === undefined) return config
  const { track } = config
  return {
    ...config,
    track: {
      interfaces: [...track.interfaces, ...group.track.interfaces],
      scripts: [...track.scripts, ...group.track.scripts],
      files: [...track.files, ...group.track.files],
      processes: [...track.processes, ...group.track.processes]
    }
  }
}

/** Every address that the instances hold between them. */
export const virtualAddresses = (config: Pick<Config, 'vrrp'>): ReadonlySet<string> =>
  new Set(config.vrrp.flatMap(addressesOf).map(({ address }) => address))
