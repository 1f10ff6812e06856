import type { Clock, Timer } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import type { Log } from '../base/log.js'
import { Throttle } from '../base/throttle.js'
import type { VrrpConfig } from '../config/schema.js'
import type { VirtualAddress } from '../config/vip-schema.js'
import type { Link } from '../os/rtnetlink.js'
import { Lane } from './lane.js'
import { gratuitousArp, unsolicitedNa } from './neighbor.js'

export type AnnouncerSettings = VrrpConfig['garp']

export interface AnnouncerPorts {
  readonly clock: Clock
  readonly log: Log
  readonly sendFrame: (interfaceIndex: number, frame: Uint8Array) => void
  /** Asked before each burst, and before each frame that had to wait: whether the addresses are still ours. It may call `stop`. */
  readonly mayAnnounce: () => boolean
  /** Whether the host forwards IPv6 on an interface. @default never */
  readonly isRouter?: (interfaceIndex: number) => boolean
}

/** Where an address is. */
export interface Whereabouts {
  readonly interfaceIndex: number
  readonly mac: Uint8Array
  /** IPv4 is announced by gratuitous ARP, IPv6 by unsolicited neighbour advertisements. */
  readonly address: string
}

/** Where addresses are: those whose interface is there. */
export const whereaboutsOf = (
  addresses: readonly VirtualAddress[],
  linkOf: (dev: string | null) => Link | undefined
): Whereabouts[] =>
  addresses.flatMap(({ dev, address }) => {
    const link = linkOf(dev)
    return link === undefined ? [] : [{ interfaceIndex: link.index, mac: link.mac, address }]
  })

/** A stranger's adverts may call for a burst each: one a second is all they get at once, … */
const LEAST_BETWEEN_BURSTS_MS = 1000
/**
 * … and one more this much later. A rival that became master in the same moment sends its advert first and its own
 * gratuitous ARP a few milliseconds after: who speaks last is whom the link believes, and that must be us.
 */
const FOLLOW_UP_MS = 250
/** Where the first of them comes right after our own burst, it gets one this soon too: meanwhile clients may not reach anybody. */
const SOON_MS = 30

/** Tells the link where the addresses are while they are held: a burst, a second one, a refresh (keepalived's garp_master_*). */
export class Announcer {
  readonly #ports: AnnouncerPorts
  readonly #throttle: Throttle
  readonly #where = new Map<string, Whereabouts>()
  /** Per interface and protocol: what has to keep a pause. */
  readonly #lanes = new Map<string, Lane>()
  #settings: AnnouncerSettings
  #second: Timer | undefined
  #secondRepeat = 0
  #refresh: Timer | undefined
  #soon: Timer | undefined
  #followUp: Timer | undefined
  #lastBurst = Number.NEGATIVE_INFINITY
  /** When somebody else last spoke for the addresses. */
  #lastCall = Number.NEGATIVE_INFINITY
  #sent = 0
  #naSent = 0

  constructor(settings: AnnouncerSettings, ports: AnnouncerPorts) {
    this.#settings = settings
    this.#ports = ports
    this.#throttle = new Throttle(ports.clock)
  }

  /** Gratuitous ARPs that the kernel took. */
  get sent(): number {
    return this.#sent
  }

  /** Unsolicited neighbour advertisements that the kernel took. */
  get naSent(): number {
    return this.#naSent
  }

  /** Other settings: in force from the next burst on. */
  configure(settings: AnnouncerSettings): void {
    const { refreshMs } = this.#settings
    this.#settings = settings
    if (this.#where.size > 0 && settings.refreshMs !== refreshMs) this.#armRefresh()
  }

  /** The addresses are held now: tells the link at once, again after the delay, and from then on at every refresh. */
  start(where: readonly Whereabouts[]): void {
    this.stop()
    const used = new Set(where.map(laneOf))
    for (const key of this.#lanes.keys()) if (!used.has(key)) this.#lanes.delete(key)
    this.announce(where)
  }

  /** These are new, or back, or have another MAC: tells of them at once and of all after the delay. Others stay as they are. */
  announce(fresh: readonly Whereabouts[]): void {
    for (const one of fresh) this.#where.set(keyOf(one), one)
    if (this.#where.size === fresh.length) this.#lastBurst = this.#ports.clock.now()
    this.#burst(this.#settings.repeat, fresh)
    this.#armSecond(this.#settings.delayMs, this.#settings.repeat)
    if (this.#refresh === undefined && this.#where.size > 0) this.#armRefresh()
  }

  /** These alone are held any more: no word of the others from now on, and no burst. */
  keep(where: readonly Whereabouts[]): void {
    const kept = new Set(where.map(keyOf))
    for (const [key, one] of this.#where) {
      if (kept.has(key)) continue
      this.#where.delete(key)
      this.#lanes.get(laneOf(one))?.drop(one.address)
    }
  }

  /** Somebody else speaks for the addresses: tells the link again, at once, or soon if that was less than a second ago, and once more a quarter of a second after. */
  again(): void {
    const now = this.#ports.clock.now()
    const { lowerPrioRepeat: repeat, lowerPrioDelayMs: delayMs } = this.#settings
    if (this.#where.size === 0 || repeat === 0) return
    const isFirst = now - this.#lastCall >= LEAST_BETWEEN_BURSTS_MS
    this.#lastCall = now
    if (now - this.#lastBurst >= LEAST_BETWEEN_BURSTS_MS) {
      this.#lastBurst = now
      this.#burst(repeat)
    } else if (isFirst) {
      this.#soon = this.#ports.clock.after(SOON_MS, () => this.#burst(this.#settings.lowerPrioRepeat))
    }
    this.#armSecond(delayMs, repeat)
    this.#followUp ??= this.#ports.clock.after(FOLLOW_UP_MS, () => {
      this.#followUp = undefined
      this.#burst(this.#settings.lowerPrioRepeat)
    })
  }

  stop(): void {
    this.#where.clear()
    for (const lane of this.#lanes.values()) lane.clear()
    this.#second?.cancel()
    this.#refresh?.cancel()
    this.#soon?.cancel()
    this.#followUp?.cancel()
    this.#lastCall = Number.NEGATIVE_INFINITY
    this.#second = undefined
    this.#refresh = undefined
    this.#followUp = undefined
  }

  /** One second burst for all that called for one: after the last, as often as the most that was asked for. */
  #armSecond(delayMs: number, repeat: number): void {
    if (delayMs === 0 || this.#where.size === 0) return
    this.#secondRepeat = this.#second === undefined ? repeat : Math.max(repeat, this.#secondRepeat)
    this.#second?.cancel()
    this.#second = this.#ports.clock.after(delayMs, () => {
      this.#second = undefined
      this.#burst(this.#secondRepeat)
    })
  }

  #armRefresh(): void {
    this.#refresh?.cancel()
    this.#refresh = undefined
    if (this.#settings.refreshMs === 0) return
    this.#refresh = this.#ports.clock.after(this.#settings.refreshMs, () => {
      this.#burst(this.#settings.refreshRepeat)
      if (this.#where.size > 0) this.#armRefresh()
    })
  }

  #burst(repeat: number, of?: readonly Whereabouts[]): void {
    if (!this.#ports.mayAnnounce()) return
    for (const one of of ?? [...this.#where.values()]) {
      if (one.mac.length !== 6) continue
      this.#laneFor(one).put(one.address, repeat, () => this.#send(one))
    }
    for (const lane of this.#lanes.values()) lane.go()
  }

  #laneFor(one: Whereabouts): Lane {
    const key = laneOf(one)
    const known = this.#lanes.get(key)
    if (known !== undefined) return known
    const pauseMs = (): number => (isIpv6(one) ? this.#settings.gnaIntervalMs : this.#settings.intervalMs)
    const lane = new Lane(this.#ports.clock, pauseMs, this.#ports.mayAnnounce)
    this.#lanes.set(key, lane)
    return lane
  }

  #send(one: Whereabouts): void {
    const { interfaceIndex, mac, address } = one
    const isRouter = this.#ports.isRouter?.(interfaceIndex) ?? false
    try {
      this.#ports.sendFrame(
        interfaceIndex,
        isIpv6(one) ? unsolicitedNa(mac, address, isRouter) : gratuitousArp(mac, address)
      )
      if (isIpv6(one)) this.#naSent++
      else this.#sent++
    } catch (error) {
      const suppressed = this.#throttle.pass('send')
      if (suppressed === undefined) return
      const facts = { error: messageOf(error), address, suppressed }
      this.#ports.log.warn(facts, isIpv6(one) ? 'neighbour advertisement not sent' : 'gratuitous ARP not sent')
    }
  }
}

const isIpv6 = (one: Whereabouts): boolean => one.address.includes(':')
const keyOf = (one: Whereabouts): string => `${one.interfaceIndex} ${one.address}`
const laneOf = (one: Whereabouts): string => `${one.interfaceIndex} ${isIpv6(one) ? 6 : 4}`

/** To compare by; empty where there is no interface. */
export const macOf = (link: Pick<Link, 'mac'> | undefined): string => link?.mac.join(':') ?? ''
