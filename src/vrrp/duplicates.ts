import type { Clock, Timer } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import type { Log } from '../base/log.js'
import { Throttle } from '../base/throttle.js'
import { arpProbe, macText } from './neighbor.js'

/** An ARP packet as it was heard: 1 asks, 2 answers. */
export interface Arp {
  readonly operation: number
  readonly senderMac: Uint8Array
  readonly senderAddress: string
  readonly targetAddress: string
}

/** One interface with the IPv4 addresses of ours that belong on it. */
export interface WatchedPlace {
  readonly interfaceIndex: number
  /** Six bytes: our own. */
  readonly mac: Uint8Array
  readonly addresses: readonly string[]
}

/** Another node that uses an address of ours. */
export interface Duplicate {
  readonly address: string
  readonly mac: string
  readonly interfaceIndex: number
}

export interface DuplicateWatchPorts {
  readonly clock: Clock
  readonly log: Log
  readonly sendFrame: (interfaceIndex: number, frame: Uint8Array) => void
  /** Hears the ARP of an interface. May throw. */
  readonly openArp: (interfaceIndex: number, onArp: (arp: Arp) => void) => { close(): void }
  /** Somebody else uses an address that we hold: a quarter of a second after it was first heard, then each time. */
  readonly onDuplicate: (duplicate: Duplicate) => void
  /** Nobody has used it for half a minute, or it is not ours to watch any more. */
  readonly onClear: (address: string) => void
}

/** While held, the link is asked this often. */
const PROBE_PERIOD_MS = 10_000
/** Without a sighting for this long it is over. */
const CLEAR_AFTER_MS = 30_000
/**
 * The first sighting is told this much later, if the addresses are ours still: who takes over by right sends its advert
 * first and announces itself a moment after, and the two may be read in any order.
 */
const SETTLE_MS = 250
const MOST_MACS = 256

interface Alarm {
  lastAt: number
  /** Until it is raised, or looked at again. */
  timer: Timer
  isRaised: boolean
}

/**
 * Who else has the addresses of one instance, by ARP (RFC 5227): asks before they are claimed and while they are held,
 * and listens. Asking never delays a claim: what is answered is noted.
 */
export class DuplicateWatch {
  readonly #ports: DuplicateWatchPorts
  readonly #throttle: Throttle
  #graceMs: number
  #places: readonly WatchedPlace[] = []
  readonly #sockets = new Map<number, { close(): void }>()
  /** Sender address → MAC, of all that was heard; the longest silent is forgotten first. */
  readonly #macs = new Map<string, string>()
  /** Addresses that somebody else uses, and when it was last heard. */
  readonly #alarms = new Map<string, Alarm>()
  /** Addresses that another one used while the old master may still have held them. */
  readonly #noted = new Set<string>()
  #heldSince: number | undefined
  #grace: Timer | undefined
  #probing: Timer | undefined

  /** @param graceMs how long after a takeover the old master may still have the addresses: its lease, and the kernel's lateness */
  constructor(graceMs: number, ports: DuplicateWatchPorts) {
    this.#graceMs = graceMs
    this.#ports = ports
    this.#throttle = new Throttle(ports.clock)
  }

  /** Where to listen, and for what: a level. The first place is the instance's own interface. A socket that cannot be opened is tried again at each call and at each probe. */
  place(places: readonly WatchedPlace[]): void {
    this.#places = places
    for (const [index, socket] of this.#sockets) {
      if (places.some((one) => one.interfaceIndex === index)) continue
      this.#sockets.delete(index)
      socket.close()
    }
    this.#open()
    const ours = new Set(places.flatMap((one) => one.addresses))
    for (const address of this.#alarms.keys()) if (!ours.has(address)) this.#clear(address)
    for (const address of this.#noted) if (!ours.has(address)) this.#noted.delete(address)
  }

  /** Another lease: in force from the next takeover on. */
  configure(graceMs: number): void {
    this.#graceMs = graceMs
  }

  /** This node is about to claim the addresses, or wants to know who has them: asks once for each. */
  claiming(): void {
    for (const place of this.#places) for (const address of place.addresses) this.#probe(place, address)
  }

  /** Whether the addresses are ours now. */
  holding(isHolding: boolean): void {
    if (isHolding === (this.#heldSince !== undefined)) return
    this.#grace?.cancel()
    this.#probing?.cancel()
    this.#noted.clear()
    if (!isHolding) {
      this.#heldSince = undefined
      for (const address of [...this.#alarms.keys()]) this.#clear(address)
      return
    }
    const { clock } = this.#ports
    this.#heldSince = clock.now()
    this.#grace = clock.after(this.#graceMs, () => this.#onGraceOver())
    this.#probing = clock.every(PROBE_PERIOD_MS, () => {
      this.#open()
      this.claiming()
    })
  }

  /** The MAC that an address was last heard from. */
  macOf(address: string): string | undefined {
    return this.#macs.get(address)
  }

  /** Asks the instance's own interface who has an address; the answer is in `macOf` soon. `ownAddress`: ours on that interface. */
  askMac(address: string, ownAddress: string): void {
    const [own] = this.#places
    if (own !== undefined) this.#probe(own, address, ownAddress)
  }

  /** Addresses that somebody else uses beside us. */
  get duplicates(): { address: string; mac: string | undefined }[] {
    const raised = [...this.#alarms].filter(([, { isRaised }]) => isRaised)
    return raised.map(([address]) => ({ address, mac: this.#macs.get(address) }))
  }

  /** Stops listening. No call comes after it. */
  stop(): void {
    this.holding(false)
    this.place([])
  }

  #open(): void {
    for (const { interfaceIndex } of this.#places) {
      if (this.#sockets.has(interfaceIndex)) continue
      try {
        const socket = this.#ports.openArp(interfaceIndex, (arp) => this.#onArp(interfaceIndex, arp))
        this.#sockets.set(interfaceIndex, socket)
      } catch (error) {
        const suppressed = this.#throttle.pass('open')
        if (suppressed === undefined) continue
        const facts = { error: messageOf(error), suppressed }
        this.#ports.log.warn(facts, 'cannot listen for ARP: another owner of an address would not be noticed')
      }
    }
  }

  #probe({ interfaceIndex, mac }: WatchedPlace, address: string, from?: string): void {
    if (mac.length !== 6 || address.includes(':')) return
    try {
      this.#ports.sendFrame(interfaceIndex, arpProbe(mac, address, from))
    } catch (error) {
      this.#ports.log.debug({ error: messageOf(error), address }, 'ARP probe not sent')
    }
  }

  /** What was noted may be the old master's last words: whoever still has the address says so when asked. */
  #onGraceOver(): void {
    for (const place of this.#places) {
      for (const address of place.addresses) if (this.#noted.has(address)) this.#probe(place, address)
    }
    this.#noted.clear()
  }

  #onArp(interfaceIndex: number, { senderMac, senderAddress }: Arp): void {
    // A probe has no sender address. Our own frames come back over a bridge's loop, or on another port of ours.
    if (senderAddress === '0.0.0.0' || senderMac.length !== 6) return
    const mac = macText(senderMac)
    if (this.#places.some((one) => macText(one.mac) === mac)) return
    this.#learn(senderAddress, mac)
    const place = this.#places.find((one) => one.interfaceIndex === interfaceIndex)
    if (this.#heldSince === undefined || place?.addresses.includes(senderAddress) !== true) return
    if (this.#ports.clock.now() - this.#heldSince < this.#graceMs) this.#noted.add(senderAddress)
    else this.#sighted({ address: senderAddress, mac, interfaceIndex })
  }

  #learn(address: string, mac: string): void {
    this.#macs.delete(address)
    const [silent] = this.#macs.keys()
    if (this.#macs.size >= MOST_MACS && silent !== undefined) this.#macs.delete(silent)
    this.#macs.set(address, mac)
  }

  #sighted(duplicate: Duplicate): void {
    const { address } = duplicate
    const now = this.#ports.clock.now()
    const known = this.#alarms.get(address)
    if (known === undefined) {
      const timer = this.#ports.clock.after(SETTLE_MS, () => this.#raise(duplicate))
      this.#alarms.set(address, { lastAt: now, timer, isRaised: false })
      return
    }
    known.lastAt = now
    if (known.isRaised) this.#ports.onDuplicate(duplicate)
  }

  #raise(duplicate: Duplicate): void {
    const alarm = this.#alarms.get(duplicate.address)
    if (alarm === undefined) return
    alarm.isRaised = true
    alarm.timer = this.#look(duplicate.address, CLEAR_AFTER_MS - SETTLE_MS)
    this.#ports.onDuplicate(duplicate)
  }

  /** Looks whether it is over; a sighting meanwhile costs no timer of its own. */
  #look(address: string, afterMs: number): Timer {
    return this.#ports.clock.after(afterMs, () => {
      const alarm = this.#alarms.get(address)
      if (alarm === undefined) return
      const leftMs = alarm.lastAt + CLEAR_AFTER_MS - this.#ports.clock.now()
      if (leftMs <= 0) this.#clear(address)
      else alarm.timer = this.#look(address, leftMs)
    })
  }

  #clear(address: string): void {
    const alarm = this.#alarms.get(address)
    alarm?.timer.cancel()
    this.#alarms.delete(address)
    if (alarm?.isRaised === true) this.#ports.onClear(address)
  }
}
