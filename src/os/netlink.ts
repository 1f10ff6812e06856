// By its parts: the whole package brings nl80211, WireGuard and much else, a tenth of a second at each start.
import { FlagsGet, FlagsNew, Protocol } from 'netlink/dist/constants.js'
import { createNetlink, type NetlinkSocket } from 'netlink/dist/netlink.js'
import { MessageType } from 'netlink/dist/rt/structs.js'
import { parseError } from 'netlink/dist/structs.js'
import { VipdError } from '../base/errors.js'
import { formatPrefix, type Prefix } from '../base/ip.js'
import type { Addon, NativeCloseable } from './addon.js'
import { type AddressState, Mirror } from './mirror.js'
import {
  type AddressRequest,
  decodeEvent,
  decodeEvents,
  encodeDelAddress,
  encodeGetLink,
  encodeNewAddress,
  encodePromoteSecondaries,
  type KernelAddress,
  type KernelEvent,
  type Link,
  VIPD_PROTOCOL
} from './rtnetlink.js'

/** struct nlmsgerr type. */
const NLMSG_ERROR = 2
const REQUEST_TIMEOUT_MS = 1000
const ERRNO = { EEXIST: 17, ENODEV: 19, EADDRNOTAVAIL: 99, EPERM: 1 } as const

const ERRNO_NAMES = new Map<number, string>([
  [1, 'EPERM: CAP_NET_ADMIN is missing'],
  [12, 'ENOMEM: the kernel is out of memory'],
  [13, 'EACCES: IPv6 is switched off on the interface (disable_ipv6)'],
  [19, 'ENODEV: the interface is gone'],
  [22, 'EINVAL: the kernel refuses it (an address of the same subnet with another scope is already there?)'],
  [95, 'EOPNOTSUPP: the kernel does not support it']
])

/**
 * The kernel's links and addresses: a mirror that follows its events, and the requests that change it.
 * Requests go one at a time over one socket that is never subscribed (npm netlink takes events for replies, and a
 * subscribed one aborts the process when its buffer overruns); events come over a socket of the addon. An overrun
 * is answered by reading everything anew.
 */
export class Netlink {
  readonly #addon: Pick<Addon, 'NetlinkEvents'>
  readonly #onChange: () => void
  readonly #onError: (error: unknown) => void
  readonly #openSocket: () => NetlinkSocket
  #requests: NetlinkSocket | undefined
  #events: NativeCloseable | undefined
  #queue: Promise<unknown> = Promise.resolve()
  #mirror = new Mirror()
  /** Interfaces whose promote_secondaries was asked for. */
  readonly #promoting = new Set<number>()
  #overruns = 0
  /** Events were lost since the last reading began. */
  #isLost = false
  /** What was heard while everything is read anew: it may be younger than what was read. */
  #heard: KernelEvent[] | undefined

  /**
   * @param onChange something in the mirror is different now
   * @param onError an overrun could not be answered: the mirror may be stale
   * @param openSocket what requests go over
   */
  constructor(
    addon: Pick<Addon, 'NetlinkEvents'>,
    onChange: () => void,
    onError: (error: unknown) => void,
    openSocket: () => NetlinkSocket = () => createNetlink(Protocol.ROUTE)
  ) {
    this.#openSocket = openSocket
    this.#addon = addon
    this.#onChange = onChange
    this.#onError = onError
  }

  /** Subscribes, then reads everything: no change falls between the two. */
  async start(): Promise<void> {
    this.#requests = this.#openSocket()
    this.#events = new this.#addon.NetlinkEvents(
      (messages) => this.#onEvents(messages),
      () => this.#onOverrun()
    )
    await this.#resync()
    if (this.#isLost) await this.#resyncAfterLoss()
  }

  /** Closes both sockets; a request under way fails by its deadline. */
  stop(): void {
    this.#events?.close()
    this.#requests?.close()
    this.#events = undefined
    this.#requests = undefined
  }

  /** Times the kernel's event buffer overran and everything was read anew. */
  get overruns(): number {
    return this.#overruns
  }

  link(name: string): Link | undefined {
    for (const link of this.#mirror.links.values()) if (link.name === name) return link
    return undefined
  }

  links(): Iterable<Link> {
    return this.#mirror.links.values()
  }

  /** Asks the kernel for one link as it is now: its counters change without any event. undefined: it is gone. */
  async readLink(index: number): Promise<Link | undefined> {
    const reply = await this.#request(MessageType.GETLINK, [encodeGetLink(index)], 0)
    if (reply === undefined || reply.type === NLMSG_ERROR) return undefined
    for (const event of decodeEvent(reply.type, Buffer.concat([reply.data].flat())))
      if (event.type === 'link' && !event.isGone) return event.link
    return undefined
  }

  addresses(): Iterable<KernelAddress> {
    return this.#mirror.addresses()
  }

  hasAddress(index: number, prefix: Prefix): boolean {
    return this.#mirror.hasAddress(index, prefix)
  }

  /** How an address is, as far as the kernel has told. */
  addressState(index: number, prefix: Prefix): AddressState {
    return this.#mirror.stateOf(index, prefix)
  }

  /** Another number each time that an address came anew; undefined: it is not there. */
  addressBirth(index: number, prefix: Prefix): number | undefined {
    return this.#mirror.birthOf(index, prefix)
  }

  /**
   * Holds an address for `leaseS` more seconds, adding it where it is missing.
   * @returns 'added' when it was missing, 'renewed' when it was there
   */
  async holdAddress(index: number, address: AddressRequest, leaseS: number): Promise<'added' | 'renewed'> {
    const payload = encodeNewAddress(index, address, leaseS)
    if (this.#mirror.stateOf(index, address) === 'held') {
      // Where it went meanwhile this adds it; that it came anew is seen by its birth, as soon as the kernel's events are read.
      const errno = await this.#change(MessageType.NEWADDR, payload, FlagsNew.CREATE | FlagsNew.REPLACE)
      if (errno === 0) {
        await this.#keepForeign(index, address)
        return 'renewed'
      }
    }
    const errno = await this.#change(MessageType.NEWADDR, payload, FlagsNew.CREATE | FlagsNew.EXCL)
    if (errno === 0) {
      const isSecondary = this.#mirror.hasFirst(index, address)
      this.#apply([{ type: 'address', isGone: false, address: { ...justAdded(index, address), isSecondary } }])
      this.#mirror.forgetCause(index, address)
      return 'added'
    }
    const other = errno === ERRNO.EEXIST ? this.#mirror.otherLength(index, address) : undefined
    if (other !== undefined) throw failed('add', address, `it is on the interface as ${formatPrefix(other.prefix)}`)
    const renewed =
      errno === ERRNO.EEXIST
        ? await this.#change(MessageType.NEWADDR, payload, FlagsNew.CREATE | FlagsNew.REPLACE)
        : errno
    if (renewed !== 0) throw failed('add', address, reasonOf(renewed), renewed)
    this.#mirror.forgetCause(index, address)
    await this.#keepForeign(index, address)
    return 'renewed'
  }

  /** Removes an address. That it, or its interface, is not there any more is as good. */
  async removeAddress(index: number, prefix: Prefix): Promise<void> {
    await this.#keepForeign(index, prefix)
    // Said before it happens: the kernel's events may be read before its reply.
    for (const one of this.#mirror.dependents(index, prefix)) this.#mirror.noteWentAlong(one)
    const errno = await this.#change(MessageType.DELADDR, encodeDelAddress(index, prefix), 0)
    if (errno !== 0 && errno !== ERRNO.EADDRNOTAVAIL && errno !== ERRNO.ENODEV)
      throw failed('remove', prefix, reasonOf(errno), errno)
    this.#apply([{ type: 'address', isGone: true, address: justAdded(index, { ...prefix, noDad: true }) }])
  }

  /**
   * The kernel drops the later addresses of a subnet with the first. Where that is ours (everything else had been
   * flushed for a moment), the host's own must not go with it, neither by our hand nor when a lease runs out: it is
   * told to promote them. Asked for once; best effort.
   */
  async #keepForeign(index: number, prefix: Prefix): Promise<void> {
    if (this.#promoting.has(index) || this.#mirror.foreignDependents(index, prefix).length === 0) return
    this.#promoting.add(index)
    await this.#change(MessageType.SETLINK, encodePromoteSecondaries(index), 0).catch(() => undefined)
  }

  /** @returns the errno, 0 for success */
  async #change(type: number, payload: Uint8Array[], flags: number): Promise<number> {
    const reply = await this.#request(type, payload, flags)
    if (reply === undefined || reply.type !== NLMSG_ERROR) return 0
    return -parseError(Buffer.concat([reply.data].flat()), reply.flags).errno
  }

  #request(type: number, payload: Uint8Array[], flags: number) {
    return this.#enqueue(async (socket) => {
      const [messages] = await socket.request(type, payload, { checkError: false, flags, timeout: REQUEST_TIMEOUT_MS })
      return messages[0]
    })
  }

  /** One request at a time: two on one socket take each other's replies. */
  #enqueue<Result>(run: (socket: NetlinkSocket) => Promise<Result>): Promise<Result> {
    const turn = this.#queue.then(() => {
      if (this.#requests === undefined) throw new VipdError('NETLINK_FAILED', 'the netlink socket is closed')
      return run(this.#requests)
    })
    this.#queue = turn.catch(() => undefined)
    return turn
  }

  /** Reads everything anew. What the kernel tells meanwhile is put on top: it may have happened after its part was read. */
  async #resync(): Promise<void> {
    this.#heard = []
    try {
      const mirror = await this.#dump()
      for (const event of this.#heard) mirror.store(event)
      mirror.prune()
      this.#mirror = mirror
    } finally {
      this.#heard = undefined
    }
    this.#onChange()
  }

  async #dump(): Promise<Mirror> {
    const mirror = new Mirror(this.#mirror)
    for (const type of [MessageType.GETLINK, MessageType.GETADDR]) {
      const header = Buffer.alloc(type === MessageType.GETLINK ? 16 : 8)
      const messages = await this.#enqueue(async (socket) => {
        const options = { flags: FlagsGet.DUMP, timeout: REQUEST_TIMEOUT_MS }
        return (await socket.request(type, header, options))[0]
      })
      for (const message of messages) {
        for (const event of decodeEvent(message.type, Buffer.concat([message.data].flat()))) mirror.store(event)
      }
    }
    return mirror
  }

  #onEvents(messages: Buffer): void {
    if (this.#apply(decodeEvents(messages))) this.#onChange()
  }

  /** @returns whether anything is different now */
  #apply(events: readonly KernelEvent[]): boolean {
    this.#heard?.push(...events)
    return events.filter((event) => this.#mirror.store(event)).length > 0
  }

  #onOverrun(): void {
    this.#overruns++
    this.#isLost = true
    if (this.#heard === undefined) void this.#resyncAfterLoss()
  }

  /** An overrun while everything is read calls for another reading. */
  async #resyncAfterLoss(): Promise<void> {
    try {
      while (this.#isLost && this.#requests !== undefined) {
        this.#isLost = false
        await this.#resync()
      }
    } catch (error) {
      this.#onError(error)
    }
  }
}

/** An address as the kernel will tell it. */
const justAdded = (index: number, address: Prefix & Pick<AddressRequest, 'noDad'>): KernelAddress => ({
  index,
  prefix: { address: address.address, family: address.family, length: address.length },
  protocol: VIPD_PROTOCOL,
  isLeased: true,
  scope: 0,
  isLinkLocal: false,
  isSecondary: false,
  isTentative: address.family === 6 && !address.noDad,
  isDadFailed: false
})

const reasonOf = (errno: number): string => ERRNO_NAMES.get(errno) ?? `errno ${errno}`

function failed(what: 'add' | 'remove', prefix: Prefix, reason: string, errno: number = ERRNO.EEXIST): VipdError {
  return new VipdError('ADDRESS_FAILED', `cannot ${what} ${formatPrefix(prefix)}: ${reason}`, {
    errno,
    address: prefix.address
  })
}
