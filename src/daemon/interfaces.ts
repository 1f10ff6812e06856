import type { Netlink } from '../os/netlink.js'
import { type Link, VIPD_PROTOCOL } from '../os/rtnetlink.js'
import type { Fitness } from '../vrrp/tracking.js'
import type { Wire } from '../vrrp/wire.js'

/** One interface as its instances need it: follows the link wherever it goes, and keeps the wire open on it. */
export class Interface {
  readonly name: string
  readonly wire: Wire
  readonly #netlink: Pick<Netlink, 'link' | 'addresses'>
  readonly #virtual: ReadonlySet<string>
  #source: string | undefined
  #isDeaf = false
  #isLost = true

  /** @param virtual every virtual address of the configuration: none of them is a source */
  constructor(name: string, wire: Wire, netlink: Pick<Netlink, 'link' | 'addresses'>, virtual: ReadonlySet<string>) {
    this.name = name
    this.wire = wire
    this.#netlink = netlink
    this.#virtual = virtual
  }

  /** The socket could not be opened when last looked: to be tried again, for no event tells when it can be. */
  get isDeaf(): boolean {
    return this.#isDeaf
  }

  /** What the kernel says now. */
  look(): Pick<Fitness, 'link' | 'source' | 'wireFault'> {
    const link = this.#netlink.link(this.name)
    this.#source = link === undefined ? undefined : this.#sourceOn(link)
    const isPlaced = link !== undefined && this.#source !== undefined
    // Without a place the socket stays open for the moment: a master has to say goodbye over it. See `settle`.
    const wireFault = isPlaced
      ? this.wire.place({ interface: this.name, interfaceIndex: link.index, source: this.#source ?? '' })
      : undefined
    this.#isLost = !isPlaced
    this.#isDeaf = wireFault !== undefined
    return { link, source: this.#source, wireFault }
  }

  /** Closes the socket of an interface that is lost: after its instances have been told, so that a renamed one still carried their priority 0. */
  settle(): void {
    if (this.#isLost) void this.wire.flush().then(() => this.#isLost && this.wire.place(null))
  }

  /** The address we have sent from stays as long as it is there; else the first that is no VIP. */
  #sourceOn(link: Link): string | undefined {
    const own = [...this.#netlink.addresses()].filter(
      (one) =>
        one.index === link.index &&
        one.prefix.family === 4 &&
        one.protocol !== VIPD_PROTOCOL &&
        !this.#virtual.has(one.prefix.address)
    )
    return (own.find((one) => one.prefix.address === this.#source) ?? own[0])?.prefix.address
  }
}
