import { messageOf, VipdError } from '../base/errors.js'
import { formatPrefix, type Prefix } from '../base/ip.js'
import type { Log } from '../base/log.js'
import type { Netlink } from '../os/netlink.js'

export interface AddressesPorts {
  readonly kernel: Pick<Netlink, 'holdAddress' | 'removeAddress' | 'hasAddress'>
  readonly log: Log
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Every address is on the interface: for the first time, or again after something had taken one away. */
  readonly onHeld: () => void
  /** The kernel refused one. */
  readonly onRefused: (reason: string) => void
}

/** What the kernel may still refuse a second time is not tried at once, so that two who fight over an address do not spin. */
const READDS_AT_ONCE = 5
const READDS_WINDOW_MS = 10_000

/**
 * Keeps the kernel's addresses equal to what was last wanted: a level, one operation in flight, never a queue.
 * What is held is leased: `renew` while it is ours, and the kernel drops it by itself when nobody does.
 */
export class Addresses {
  readonly #addresses: readonly Prefix[]
  readonly #leaseS: number
  readonly #ports: AddressesPorts
  #index: number | null = null
  #wanted = false
  /** An interface that may have addresses of ours on it. */
  #dirtyIndex: number | null = null
  #isAnnounced = false
  #isAgain = false
  #running: Promise<void> | undefined
  #readds: number[] = []
  #readded = 0
  /** Requests in a row that the kernel did not answer. */
  #unanswered = 0

  constructor(addresses: readonly Prefix[], leaseS: number, ports: AddressesPorts) {
    this.#addresses = addresses
    this.#leaseS = leaseS
    this.#ports = ports
  }

  /** Times an address was put back after something else had removed it. */
  get readded(): number {
    return this.#readded
  }

  /** All of them were put on the interface, and are ours. */
  get isHeld(): boolean {
    return this.#wanted && this.#isAnnounced
  }

  /** The addresses with whether each is on the interface now. */
  snapshot(): { address: string; held: boolean }[] {
    const index = this.#index
    return this.#addresses.map((prefix) => ({
      address: formatPrefix(prefix),
      held: this.#wanted && this.#isAnnounced && index !== null && this.#ports.kernel.hasAddress(index, prefix)
    }))
  }

  /** The interface they belong on; null while there is none. */
  place(index: number | null): void {
    if (index === this.#index) return
    this.#index = index
    this.#isAnnounced = false
    if (this.#wanted) this.#converge()
  }

  want(isWanted: boolean): void {
    if (isWanted === this.#wanted) return
    this.#wanted = isWanted
    this.#isAnnounced = false
    this.#converge()
  }

  /** Holds them for one more lease. Only for who has just proved to be alive. */
  renew(): void {
    if (this.#wanted) this.#converge()
  }

  /** The kernel's addresses changed: what is missing is put back at once. */
  kernelChanged(): void {
    const index = this.#index
    if (!this.#wanted || !this.#isAnnounced || this.#running !== undefined || index === null) return
    if (this.#addresses.every((prefix) => this.#ports.kernel.hasAddress(index, prefix))) return
    const now = this.#ports.now()
    this.#readds = this.#readds.filter((at) => now - at < READDS_WINDOW_MS)
    // The next renewal, less than an interval away, puts it back too.
    if (this.#readds.length >= READDS_AT_ONCE) return
    this.#readds.push(now)
    this.#converge()
  }

  /** Resolves when the kernel has been told what was last wanted. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  #converge(): void {
    this.#isAgain = true
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  async #run(): Promise<void> {
    while (this.#isAgain) {
      this.#isAgain = false
      const index = this.#wanted ? this.#index : null
      if (this.#dirtyIndex !== null && this.#dirtyIndex !== index) await this.#remove(this.#dirtyIndex)
      if (index !== null) await this.#hold(index)
    }
  }

  async #remove(index: number): Promise<void> {
    this.#dirtyIndex = null
    for (const prefix of this.#addresses) {
      try {
        await this.#ports.kernel.removeAddress(index, prefix)
      } catch (error) {
        // The lease runs out: the address cannot outlive it.
        this.#ports.log.error({ error: messageOf(error), address: formatPrefix(prefix) }, 'address not removed')
      }
    }
  }

  /** A kernel that refuses is a fault at once; one that does not answer in time is asked once more, by the next renewal, while the lease lasts. */
  #onFailure(error: unknown): void {
    const isRefusal = error instanceof VipdError && error.code === 'ADDRESS_FAILED'
    this.#unanswered++
    if (isRefusal || this.#unanswered > 1) this.#ports.onRefused(messageOf(error))
    else this.#ports.log.warn({ error: messageOf(error) }, 'address not renewed, tried again')
  }

  async #hold(index: number): Promise<void> {
    this.#dirtyIndex = index
    const added: Prefix[] = []
    for (const prefix of this.#addresses) {
      try {
        if ((await this.#ports.kernel.holdAddress(index, prefix, this.#leaseS)) === 'added') added.push(prefix)
        this.#unanswered = 0
      } catch (error) {
        this.#onFailure(error)
        return
      }
      // A master that has stepped down meanwhile adds no further one.
      if (!this.#wanted || this.#index !== index) return
    }
    if (this.#isAnnounced && added.length === 0) return
    if (this.#isAnnounced) {
      this.#readded += added.length
      this.#ports.log.warn({ addresses: added.map(formatPrefix) }, 'address was removed by something else, put back')
    }
    this.#isAnnounced = true
    this.#ports.onHeld()
  }
}
