import type { Clock, Timer } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import { type Log, Throttle } from '../base/log.js'
import { gratuitousArp } from './neighbor.js'

export interface AnnouncerSettings {
  /** Frames for each address, at once and again after the delay. */
  readonly repeat: number
  /** 0: no second burst. */
  readonly delayMs: number
  /** 0: never again. */
  readonly refreshMs: number
  readonly refreshRepeat: number
}

export interface AnnouncerPorts {
  readonly clock: Clock
  readonly log: Log
  readonly sendFrame: (interfaceIndex: number, frame: Uint8Array) => void
  /** Asked before each burst: whether the addresses are still ours. It may call `stop`. */
  readonly mayAnnounce: () => boolean
}

/** Where the addresses are. */
export interface Whereabouts {
  readonly interfaceIndex: number
  readonly mac: Uint8Array
  readonly addresses: readonly string[]
}

/** A stranger's adverts may call for a burst each: one a second is all they get at once, … */
const LEAST_BETWEEN_BURSTS_MS = 1000
/**
 * … and one more this much later. A rival that became master in the same moment sends its advert first and its own
 * gratuitous ARP a few milliseconds after: who speaks last is whom the link believes, and that must be us.
 */
const FOLLOW_UP_MS = 250

/** Gratuitous ARP while the addresses are held: a burst, a second one, a refresh (keepalived's garp_master_*). */
export class Announcer {
  readonly #settings: AnnouncerSettings
  readonly #ports: AnnouncerPorts
  readonly #throttle: Throttle
  #where: Whereabouts | null = null
  #second: Timer | undefined
  #refresh: Timer | undefined
  #followUp: Timer | undefined
  #isFollowing = false
  #lastBurst = Number.NEGATIVE_INFINITY
  #sent = 0

  constructor(settings: AnnouncerSettings, ports: AnnouncerPorts) {
    this.#settings = settings
    this.#ports = ports
    this.#throttle = new Throttle(ports.clock)
  }

  /** Frames that the kernel took. */
  get sent(): number {
    return this.#sent
  }

  /** The addresses are held now: tells the link at once, again after the delay, and from then on at every refresh. */
  start(where: Whereabouts): void {
    this.stop()
    this.#where = where
    this.#lastBurst = this.#ports.clock.now()
    this.#burst(this.#settings.repeat)
    this.#armSecond()
    this.#armRefresh()
  }

  /** Somebody else speaks for the addresses: tells the link again, at once unless that was less than a second ago, and soon after. */
  again(): void {
    const now = this.#ports.clock.now()
    if (this.#where === null) return
    if (now - this.#lastBurst >= LEAST_BETWEEN_BURSTS_MS) {
      this.#lastBurst = now
      this.#burst(this.#settings.repeat)
    }
    this.#armSecond()
    if (this.#isFollowing) return
    this.#isFollowing = true
    this.#followUp = this.#ports.clock.after(FOLLOW_UP_MS, () => {
      this.#isFollowing = false
      this.#burst(this.#settings.repeat)
    })
  }

  stop(): void {
    this.#where = null
    this.#second?.cancel()
    this.#refresh?.cancel()
    this.#followUp?.cancel()
    this.#isFollowing = false
    this.#second = undefined
    this.#refresh = undefined
  }

  #armSecond(): void {
    if (this.#settings.delayMs === 0) return
    this.#second?.cancel()
    this.#second = this.#ports.clock.after(this.#settings.delayMs, () => this.#burst(this.#settings.repeat))
  }

  #armRefresh(): void {
    if (this.#settings.refreshMs === 0) return
    this.#refresh = this.#ports.clock.after(this.#settings.refreshMs, () => {
      this.#burst(this.#settings.refreshRepeat)
      if (this.#where !== null) this.#armRefresh()
    })
  }

  #burst(repeat: number): void {
    if (!this.#ports.mayAnnounce()) return
    const where = this.#where
    if (where === null || where.mac.length !== 6) return
    for (const address of where.addresses) {
      const frame = gratuitousArp(where.mac, address)
      for (let i = 0; i < repeat; i++) this.#send(where.interfaceIndex, frame)
    }
  }

  #send(interfaceIndex: number, frame: Uint8Array): void {
    try {
      this.#ports.sendFrame(interfaceIndex, frame)
      this.#sent++
    } catch (error) {
      const suppressed = this.#throttle.pass('send')
      if (suppressed !== undefined)
        this.#ports.log.warn({ error: messageOf(error), suppressed }, 'gratuitous ARP not sent')
    }
  }
}
