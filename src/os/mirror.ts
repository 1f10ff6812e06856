import { formatPrefix, type Prefix } from '../base/ip.js'
import { type KernelAddress, type KernelEvent, type Link, VIPD_PROTOCOL } from './rtnetlink.js'

/**
 * How an address is: on the interface; still asked for (IPv6); gone because somebody else has it; gone because we
 * removed the first address of its subnet; or not there, for reasons unknown.
 */
export type AddressState = 'held' | 'tentative' | 'dad-failed' | 'went-along' | 'missing'

/** Causes that are remembered at most; the oldest is forgotten first. */
const MOST_CAUSES = 256

/** The kernel's links and addresses as it has told them, and why an address went, where it is known. */
export class Mirror {
  readonly links = new Map<number, Link>()
  readonly #addresses = new Map<string, KernelAddress>()
  readonly #causes: Map<string, 'dad-failed' | 'went-along'>
  /** The number of each address that is there: another one each time that it came. */
  readonly #births: Map<string, number>
  #lastBirth: number

  /** @param before what is replaced by this one: causes and births outlive a new reading */
  constructor(before?: Mirror) {
    this.#causes = new Map(before === undefined ? [] : before.#causes)
    this.#births = new Map(before === undefined ? [] : before.#births)
    this.#lastBirth = before === undefined ? 0 : before.#lastBirth
  }

  /** A new reading is complete: what was not in it is not there. */
  prune(): void {
    for (const key of this.#births.keys()) if (!this.#addresses.has(key)) this.#births.delete(key)
  }

  /** Another number each time that the address came anew; undefined: it is not there. */
  birthOf(index: number, prefix: Prefix): number | undefined {
    return this.#births.get(keyOf(index, prefix))
  }

  /** @returns whether anything is different now: a renewed lease, which the kernel tells of too, is nothing */
  store(event: KernelEvent): boolean {
    if (event.type === 'link') return this.#storeLink(event.link, event.isGone)
    const { index, prefix, isDadFailed } = event.address
    const key = keyOf(index, prefix)
    const before = this.#addresses.get(key)
    if (!event.isGone) {
      this.#addresses.set(key, event.address)
      if (!this.#births.has(key)) this.#births.set(key, ++this.#lastBirth)
      // Of one that went along this may be an older word: whoever holds it again says so by `forgetCause`.
      const isMended = this.#causes.get(key) === 'dad-failed' && this.#causes.delete(key)
      return isMended || before === undefined || !isSameAddress(before, event.address)
    }
    this.#addresses.delete(key)
    this.#births.delete(key)
    // A leased address is not kept with the flag: the kernel drops it, and says why with its last word.
    if (isDadFailed) this.#note(key, 'dad-failed')
    return before !== undefined || isDadFailed
  }

  addresses(): Iterable<KernelAddress> {
    return this.#addresses.values()
  }

  hasAddress(index: number, prefix: Prefix): boolean {
    return this.#addresses.has(keyOf(index, prefix))
  }

  stateOf(index: number, prefix: Prefix): AddressState {
    const key = keyOf(index, prefix)
    const found = this.#addresses.get(key)
    const cause = this.#causes.get(key)
    if (cause !== undefined) return cause
    if (found === undefined) return 'missing'
    if (found.isDadFailed) return 'dad-failed'
    return found.isTentative ? 'tentative' : 'held'
  }

  /** The address is there: whatever took it away is over. */
  forgetCause(index: number, prefix: Prefix): void {
    this.#causes.delete(keyOf(index, prefix))
  }

  /** The kernel will drop it together with an address that we are about to remove, if promote_secondaries is off. */
  noteWentAlong(one: KernelAddress): void {
    this.#note(keyOf(one.index, one.prefix), 'went-along')
  }

  /**
   * IPv4: what the kernel drops together with this address, unless promote_secondaries is on: the later ones of the
   * same subnet, where this is the first.
   */
  dependents(index: number, prefix: Prefix): KernelAddress[] {
    if (this.#addresses.get(keyOf(index, prefix))?.isSecondary === true) return []
    return this.#ofSubnet(index, prefix).filter((one) => one.isSecondary)
  }

  /** IPv4: what is added now will be a later one of its subnet. */
  hasFirst(index: number, prefix: Prefix): boolean {
    return this.#ofSubnet(index, prefix).some((one) => !one.isSecondary && one.prefix.address !== prefix.address)
  }

  /** As `dependents`, those that vipd did not add. */
  foreignDependents(index: number, prefix: Prefix): KernelAddress[] {
    return this.dependents(index, prefix).filter((one) => one.protocol !== VIPD_PROTOCOL)
  }

  /** IPv6 has an address once on an interface: the one that is there with another prefix length. */
  otherLength(index: number, prefix: Prefix): KernelAddress | undefined {
    if (prefix.family !== 6) return undefined
    return [...this.#addresses.values()].find(
      (one) => one.index === index && one.prefix.address === prefix.address && one.prefix.length !== prefix.length
    )
  }

  #storeLink(link: Link, isGone: boolean): boolean {
    const before = this.links.get(link.index)
    if (isGone) return this.links.delete(link.index)
    this.links.set(link.index, link)
    return before === undefined || !isSameLink(before, link)
  }

  #ofSubnet(index: number, prefix: Prefix): KernelAddress[] {
    // A subnet of one address: most virtual ones, and there may be hundreds.
    if (prefix.family !== 4 || prefix.length === 32) return []
    const network = networkOf(prefix)
    return [...this.#addresses.values()].filter(
      (one) =>
        one.index === index &&
        one.prefix.family === 4 &&
        one.prefix.length === prefix.length &&
        networkOf(one.prefix) === network
    )
  }

  #note(key: string, cause: 'dad-failed' | 'went-along'): void {
    const [oldest] = this.#causes.keys()
    if (this.#causes.size >= MOST_CAUSES && oldest !== undefined) this.#causes.delete(oldest)
    this.#causes.set(key, cause)
  }
}

const keyOf = (index: number, prefix: Prefix): string => `${index} ${formatPrefix(prefix)}`

/** The network's bits of an IPv4 prefix as a number. */
export function networkOf({ address, length }: Prefix): number {
  const bits = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
  return Math.floor(bits / 2 ** (32 - length))
}

const isSameAddress = (left: KernelAddress, right: KernelAddress): boolean =>
  left.protocol === right.protocol &&
  left.isLeased === right.isLeased &&
  left.scope === right.scope &&
  left.isSecondary === right.isSecondary &&
  left.isTentative === right.isTentative &&
  left.isDadFailed === right.isDadFailed

/** Counters apart. */
const isSameLink = (left: Link, right: Link): boolean =>
  left.name === right.name &&
  left.isUp === right.isUp &&
  left.isRunning === right.isRunning &&
  left.mtu === right.mtu &&
  left.mac.join() === right.mac.join()
