import type { Clock } from '../base/clock.js'
import { messageOf, VipdError } from '../base/errors.js'
import { formatPrefix } from '../base/ip.js'
import type { Log } from '../base/log.js'
import { Throttle } from '../base/throttle.js'
import type { VrrpConfig } from '../config/schema.js'
import type { VirtualAddress } from '../config/vip-schema.js'
import type { Netlink } from '../os/netlink.js'
import { HANDING_OVER_MS } from './timing.js'

export interface AddressesPorts {
  readonly kernel: Pick<Netlink, 'holdAddress' | 'removeAddress' | 'addressState' | 'addressBirth'>
  readonly log: Log
  readonly clock: Pick<Clock, 'now' | 'after'>
  /** These are in use now: for the first time, or again after they had been gone. */
  readonly onHeld: (fresh: readonly VirtualAddress[]) => void
  /** Asked, and waited for, before these go by our hand. */
  readonly beforeGone: (leaving: readonly VirtualAddress[]) => Promise<void>
  /** The kernel refused one. */
  readonly onRefused: (reason: string) => void
}

/** What `status` tells of one address. */
export interface AddressRow {
  readonly address: string
  /** Only where it is not on the instance's own interface. */
  readonly dev?: string
  readonly held: boolean
}

/** What the kernel may still refuse a second time is not tried at once, so that two who fight over an address do not spin. */
const READDS_AT_ONCE = 5
const READDS_WINDOW_MS = 10_000
/** Who removes what it did not add itself, and how it is told not to. */
const HINT =
  'systemd-networkd: KeepConfiguration=yes in its .network file, ManageForeignRoutes=no in networkd.conf; ' +
  'NetworkManager: the interface in unmanaged-devices'

interface Place {
  readonly index: number
  readonly address: VirtualAddress
}

/**
 * Keeps the kernel's addresses equal to what was last wanted: a level, one operation in flight, never a queue.
 * What is held is leased: `renew` while it is ours, and the kernel drops it by itself when nobody does.
 */
export class Addresses {
  readonly #ports: AddressesPorts
  readonly #throttle: Throttle
  #addresses: readonly VirtualAddress[] = []
  #leaseS: number
  #indexOf: (dev: string | null) => number | null = () => null
  #wanted = false
  #lingersUntil = 0
  /** Has it look at `#lingersUntil` anew, where something lingers. */
  #wake: (() => void) | undefined
  /** Where which address shall be now. */
  #desired: ReadonlyMap<string, Place> = new Map()
  /** What may be on an interface by our hand, in the order of adding. */
  readonly #placed = new Map<string, Place>()
  /** What was put there since it is wanted; true: and `onHeld` was told. */
  readonly #there = new Map<string, boolean>()
  #isAgain = false
  #hasChanged = false
  #running: Promise<void> | undefined
  /** Which coming of each the link was told of. */
  readonly #births = new Map<string, number | undefined>()
  #readds: number[] = []
  #readded = 0
  #dadMended = 0
  /** Requests in a row that the kernel did not answer. */
  #unanswered = 0

  constructor(leaseS: number, ports: AddressesPorts) {
    this.#leaseS = leaseS
    this.#ports = ports
    this.#throttle = new Throttle(ports.clock)
  }

  /** Times an address was put back after something else had removed it. */
  get readded(): number {
    return this.#readded
  }

  /** Times an IPv6 address was added anew because somebody else had it (duplicate address detection). */
  get dadMended(): number {
    return this.#dadMended
  }

  /** All that have an interface were put on it, and are ours. */
  get isHeld(): boolean {
    return this.#desired.size > 0 && [...this.#desired.keys()].every((key) => this.#there.get(key) === true)
  }

  /** The addresses with whether each is in use now. */
  snapshot(): AddressRow[] {
    return this.#addresses.map((address) => {
      const index = this.#indexOf(address.dev)
      const isTold = index !== null && this.#there.get(keyOf(index, address)) === true
      return {
        address: formatPrefix(address),
        ...(address.dev === null ? {} : { dev: address.dev }),
        held: isTold && this.#ports.kernel.addressState(index, address) === 'held'
      }
    })
  }

  /** Which addresses there are. Those that stay are not touched, unless label, scope or broadcast differ. */
  set(addresses: readonly VirtualAddress[], leaseS: number = this.#leaseS): void {
    this.#addresses = addresses
    this.#leaseS = leaseS
    if (this.#look()) this.#converge()
  }

  /** Where they belong: the index of an interface by its name (null: the instance's own), or null while there is none. */
  place(indexOf: (dev: string | null) => number | null): void {
    this.#indexOf = indexOf
    if (this.#look()) this.#converge()
  }

  /** @param lingerMs what is not wanted any more goes after this long */
  want(isWanted: boolean, lingerMs = 0): void {
    if (isWanted === this.#wanted) return
    this.#wanted = isWanted
    this.#lingersUntil = this.#ports.clock.now() + lingerMs
    this.#there.clear()
    this.#look()
    this.#converge()
  }

  /** What lingers goes after this long, or as was said before if that is sooner. @returns whether anything does */
  hasten(lingerMs: number): boolean {
    const now = this.#ports.clock.now()
    const lingers = !this.#wanted && this.#placed.size > 0 && this.#lingersUntil > now
    this.#lingersUntil = Math.min(this.#lingersUntil, now + lingerMs)
    this.#wake?.()
    return lingers
  }

  /** Holds them for one more lease. Only for who has just proved to be alive. */
  renew(): void {
    if (this.#wanted) this.#converge()
  }

  /** The kernel's addresses changed: what is missing is put back at once. */
  kernelChanged(): void {
    this.#hasChanged = this.#running !== undefined
    if (this.#hasChanged) return
    const states = [...this.#desired]
      .filter(([key]) => this.#there.has(key))
      .map(([, { index, address }]) => this.#ports.kernel.addressState(index, address))
    const gone = states.filter((state) => state !== 'held' && state !== 'tentative')
    if (gone.length === 0) this.#tellReborn()
    // What went by our own hand is no fight. The next renewal, less than an interval away, puts the others back too.
    else if (gone.every((state) => state === 'went-along') || this.#mayReadd()) this.#converge()
  }

  /** Resolves when the kernel has been told what was last wanted. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  /** @returns whether something else is desired now */
  #look(): boolean {
    const before = this.#desired
    const desired = new Map<string, Place>()
    for (const address of this.#wanted ? this.#addresses : []) {
      const index = this.#indexOf(address.dev)
      if (index !== null) desired.set(keyOf(index, address), { index, address })
    }
    this.#desired = desired
    for (const key of this.#there.keys()) if (!desired.has(key)) this.#there.delete(key)
    for (const key of this.#births.keys()) if (!desired.has(key)) this.#births.delete(key)
    return before.size !== desired.size || [...desired.keys()].some((key) => !before.has(key))
  }

  #mayReadd(): boolean {
    const now = this.#ports.clock.now()
    this.#readds = this.#readds.filter((at) => now - at < READDS_WINDOW_MS)
    if (this.#readds.length >= READDS_AT_ONCE) return false
    this.#readds.push(now)
    return true
  }

  #converge(): void {
    this.#isAgain = true
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      if (this.#hasChanged) this.kernelChanged()
    })
  }

  async #run(): Promise<void> {
    while (this.#isAgain) {
      this.#isAgain = false
      await this.#removeOthers()
      const back: VirtualAddress[] = []
      const isWhole = await this.#hold(back)
      this.#tellBack(back)
      if (isWhole) this.#tellFresh()
    }
  }

  /** In reverse order of adding: the kernel drops the later ones of a subnet with its first. */
  async #removeOthers(): Promise<void> {
    await this.#linger()
    // One that comes back at once with another label, scope or length is not lost to its clients.
    const staying = new Set([...this.#desired.values()].map(({ address }) => address.address))
    const leaving = [...this.#placed.values()].flatMap(({ address }) => (staying.has(address.address) ? [] : [address]))
    if (leaving.length > 0) await this.#ports.beforeGone(leaving)
    for (const [key, { index, address }] of [...this.#placed].reverse()) {
      if (this.#desired.has(key)) continue
      this.#placed.delete(key)
      try {
        await this.#ports.kernel.removeAddress(index, address)
      } catch (error) {
        // The lease runs out: the address cannot outlive it.
        this.#ports.log.error({ error: messageOf(error), address: formatPrefix(address) }, 'address not removed')
      }
    }
  }

  async #linger(): Promise<void> {
    const { clock } = this.#ports
    const leftMs = (): number => (this.#placed.size === 0 ? 0 : this.#lingersUntil - clock.now())
    if (leftMs() > HANDING_OVER_MS) await this.#lease(Math.ceil(leftMs() / 1000))
    for (let waitMs = leftMs(); waitMs > 0; waitMs = leftMs())
      await new Promise<void>((resolve) => {
        const timer = clock.after(waitMs, resolve)
        this.#wake = () => {
          timer.cancel()
          resolve()
        }
      })
    this.#wake = undefined
  }

  /** For a wait in which nobody renews: what is left of the lease may be shorter, and longer than it should be if we die in it. */
  async #lease(seconds: number): Promise<void> {
    // One that the kernel refuses goes with the lease that it has.
    for (const { index, address } of this.#placed.values())
      await this.#ports.kernel.holdAddress(index, address, seconds).catch(() => undefined)
  }

  /**
   * @param back filled with those that something else had removed
   * @returns false when it ended early: the kernel failed, or something else is wanted by now
   */
  async #hold(back: VirtualAddress[]): Promise<boolean> {
    for (const [key, place] of this.#desired) {
      if (!this.#placed.has(key)) this.#placed.set(key, place)
      try {
        if (await this.#holdOne(key, place)) back.push(place.address)
        this.#unanswered = 0
      } catch (error) {
        this.#onFailure(error)
        return false
      }
      // A master that has stepped down meanwhile adds no further one.
      if (!this.#desired.has(key)) return false
      if (!this.#there.has(key)) this.#there.set(key, false)
    }
    return true
  }

  /** @returns true when something else had removed it */
  async #holdOne(key: string, { index, address }: Place): Promise<boolean> {
    const { kernel, log } = this.#ports
    const before = kernel.addressState(index, address)
    const wasThere = this.#there.has(key)
    if (before === 'dad-failed') await kernel.removeAddress(index, address)
    if ((await kernel.holdAddress(index, address, this.#leaseS)) === 'renewed') return false
    this.#there.delete(key)
    if (before === 'dad-failed') {
      this.#dadMended++
      const suppressed = this.#throttle.pass('dad')
      const facts = { address: formatPrefix(address), suppressed }
      if (suppressed !== undefined) log.warn(facts, 'somebody else has the address (IPv6 DAD), added again')
      return false
    }
    // We may have removed the first address of its subnet ourselves.
    return wasThere && before !== 'went-along'
  }

  /** A kernel that refuses is a fault at once; one that does not answer in time is asked once more, by the next renewal, while the lease lasts. */
  #onFailure(error: unknown): void {
    const isRefusal = error instanceof VipdError && error.code === 'ADDRESS_FAILED'
    this.#unanswered++
    if (isRefusal || this.#unanswered > 1) this.#ports.onRefused(messageOf(error))
    else this.#ports.log.warn({ error: messageOf(error) }, 'address not renewed, tried again')
  }

  #tellBack(back: readonly VirtualAddress[]): void {
    this.#readded += back.length
    const suppressed = back.length === 0 ? undefined : this.#throttle.pass('back')
    if (suppressed === undefined) return
    const facts = { addresses: back.map(formatPrefix), suppressed, hint: HINT }
    this.#ports.log.warn(facts, 'address was removed by something else, put back')
  }

  /** One that went and came between two looks, by a renewal that found it gone: told as if it had been put back. */
  #tellReborn(): void {
    const back: VirtualAddress[] = []
    for (const [key, { index, address }] of this.#desired) {
      const isKnown = this.#there.get(key) === true
      if (!isKnown || this.#ports.kernel.addressBirth(index, address) === this.#births.get(key)) continue
      this.#there.set(key, false)
      back.push(address)
    }
    this.#tellBack(back)
    this.#tellFresh()
  }

  /** One that is still asked for (IPv6 without nodad) is told when that is over. */
  #tellFresh(): void {
    const fresh: VirtualAddress[] = []
    for (const [key, { index, address }] of this.#desired) {
      if (this.#there.get(key) !== false) continue
      if (this.#ports.kernel.addressState(index, address) === 'tentative') continue
      this.#there.set(key, true)
      this.#births.set(key, this.#ports.kernel.addressBirth(index, address))
      fresh.push(address)
    }
    if (fresh.length > 0) this.#ports.onHeld(fresh)
  }
}

/** All that an instance holds, whether its adverts name them or not. */
export const addressesOf = (
  config: Pick<VrrpConfig, 'virtualIpaddress' | 'virtualIpaddressExcluded'>
): VirtualAddress[] => [...config.virtualIpaddress, ...config.virtualIpaddressExcluded]

/** What makes two addresses different ones for the kernel: the rest cannot be changed while it is there. */
const keyOf = (index: number, one: VirtualAddress): string =>
  `${index} ${formatPrefix(one)} ${one.label ?? ''} ${one.scope} ${one.broadcast ?? ''}`
