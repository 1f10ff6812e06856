import type { Clock } from '../base/clock.js'
import type { Family } from '../base/ip.js'
import type { VrrpConfig } from '../config/schema.js'
import type { Netlink } from '../os/netlink.js'
import { type Link, VIPD_PROTOCOL } from '../os/rtnetlink.js'
import type { Fitness } from '../vrrp/tracking.js'
import type { Wire } from '../vrrp/wire.js'

export interface InterfacePorts {
  readonly clock: Pick<Clock, 'now'>
  readonly netlink: Pick<Netlink, 'link' | 'addresses' | 'readLink'>
  readonly newWire: (family: Family) => Wire
  /** Every virtual address of the configuration: none of them is a source. */
  readonly virtual: () => ReadonlySet<string>
  /** The link was heard on for the first time since it came up. */
  readonly onHeard: () => void
}

/** What an interface is like now, for all of its instances. */
export interface LinkState {
  readonly link: Link | undefined
  readonly linkUpAt: number
  /** Anything was received since it came up. */
  readonly isHeard: boolean
}

/** One interface as its instances need it: follows the link wherever it goes, and keeps a wire open on it for each family. */
export class Interface {
  readonly name: string
  readonly #ports: InterfacePorts
  readonly #wires = new Map<Family, Wire>()
  readonly #sources = new Map<Family, string>()
  readonly #lost = new Set<Family>()
  /** The interface's own addresses, as of the last look. */
  readonly #own = new Map<Family, readonly string[]>()
  #isDeaf = false
  #isRunning: boolean | undefined
  #upAt: number
  #isHeard = false
  /** What had been received when the link came up. */
  #receivedBefore = 0
  #isAsking = false

  constructor(name: string, ports: InterfacePorts) {
    this.name = name
    this.#ports = ports
    this.#upAt = ports.clock.now()
  }

  wire(family: Family): Wire {
    const wire = this.#wires.get(family) ?? this.#ports.newWire(family)
    this.#wires.set(family, wire)
    return wire
  }

  /** A socket could not be opened, or the link was not heard on yet: to be looked at again, for no event tells. */
  get needsLook(): boolean {
    return this.#isDeaf || (this.#isRunning === true && !this.#isHeard)
  }

  /** What the kernel says now. */
  look(): LinkState {
    const link = this.#ports.netlink.link(this.name)
    for (const family of [4, 6] as const) this.#own.set(family, link === undefined ? [] : this.#ownOn(link, family))
    const isRunning = link?.isUp === true && link.isRunning
    if (isRunning && this.#isRunning === false) {
      this.#upAt = this.#ports.clock.now()
      this.#isHeard = false
      this.#receivedBefore = link.rxPackets
    }
    this.#isRunning = isRunning
    if (link !== undefined && link.rxPackets > this.#receivedBefore) this.#isHeard = true
    if (isRunning && !this.#isHeard) this.#ask(link)
    this.#isDeaf = false
    return { link, linkUpAt: this.#upAt, isHeard: this.#isHeard }
  }

  /**
   * Opens the wire of a family where the interface is now, for these instances. Without a place it stays open for the
   * moment: a master has to say goodbye over it. See `settle`.
   * @returns why it cannot be opened
   */
  place(family: Family, link: Link | undefined, configs: readonly VrrpConfig[]): string | undefined {
    const source = link === undefined ? undefined : (this.#sourceOn(family) ?? this.#configured(link, configs))
    if (link === undefined || source === undefined) {
      this.#lost.add(family)
      return undefined
    }
    this.#lost.delete(family)
    this.#sources.set(family, source)
    const groups = [...new Set(configs.flatMap((one) => (one.unicast === null ? [one.group] : [])))].sort()
    const fault = this.wire(family).place({ interface: this.name, interfaceIndex: link.index, source, groups })
    if (fault !== undefined) this.#isDeaf = true
    return fault
  }

  /** Where an instance's adverts come from: the configured address where it is there, else the interface's own. */
  sourceOf(link: Link | undefined, config: VrrpConfig): Pick<Fitness, 'source' | 'sourceFault'> {
    const { family, source: wanted } = config
    if (wanted !== null) {
      const isThere = this.#own.get(family)?.includes(wanted) === true
      return { source: isThere ? wanted : undefined, sourceFault: `${this.name} does not have the address ${wanted}` }
    }
    const what = family === 4 ? 'IPv4 address' : 'link-local IPv6 address'
    const isGlobal = family === 6 && config.unicast?.peers.some((peer) => !isLinkLocal(peer.address))
    const source = link === undefined ? undefined : this.#sourceOn(family, isGlobal)
    return { source, sourceFault: `${this.name} has no ${isGlobal ? 'IPv6 address' : what} to send adverts from` }
  }

  /** Closes the sockets of an interface that is lost: after its instances have been told, so that a renamed one still carried their priority 0. */
  settle(): void {
    for (const family of this.#lost) {
      const wire = this.#wires.get(family)
      void wire?.flush().then(() => this.#lost.has(family) && wire.place(null))
    }
  }

  close(): void {
    for (const wire of this.#wires.values()) wire.place(null)
  }

  /** The kernel tells of a link's counters only when something else about it changes. */
  #ask(link: Link): void {
    if (this.#isAsking) return
    this.#isAsking = true
    this.#ports.netlink
      .readLink(link.index)
      .then((read) => {
        if (read === undefined || read.rxPackets <= this.#receivedBefore || this.#isHeard) return
        this.#isHeard = true
        this.#ports.onHeard()
      })
      // No answer: asked again at the next look.
      .catch(() => undefined)
      .finally(() => {
        this.#isAsking = false
      })
  }

  /** The address we have sent from stays as long as it is there; else the first that is no VIP. */
  #sourceOn(family: Family, isGlobal = false): string | undefined {
    const own = (this.#own.get(family) ?? []).filter((one) => family === 4 || isLinkLocal(one) !== isGlobal)
    return own.find((one) => one === this.#sources.get(family)) ?? own[0]
  }

  #configured(link: Link, configs: readonly VrrpConfig[]): string | undefined {
    return configs.map((one) => this.sourceOf(link, one).source).find((one) => one !== undefined)
  }

  /** Usable addresses of the interface that are nobody's virtual ones. */
  #ownOn(link: Link, family: Family): string[] {
    const virtual = this.#ports.virtual()
    return [...this.#ports.netlink.addresses()]
      .filter(
        (one) =>
          one.index === link.index &&
          one.prefix.family === family &&
          one.protocol !== VIPD_PROTOCOL &&
          !one.isTentative &&
          !one.isDadFailed &&
          !virtual.has(one.prefix.address)
      )
      .map((one) => one.prefix.address)
  }
}

/** fe80::/10 */
const isLinkLocal = (address: string): boolean => /^fe[89ab]/i.test(address)
