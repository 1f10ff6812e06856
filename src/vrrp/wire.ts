import type { Clock } from '../base/clock.js'
import type { Family } from '../base/ip.js'
import type { Log } from '../base/log.js'
import { Throttle } from '../base/throttle.js'
import type { NativeVrrpSocket } from '../os/addon.js'
import type { VrrpSocket, VrrpSocketHandlers } from '../os/raw-ip.js'
import type { Advert, BadPacket } from './advert.js'
import type { Datagram } from './outbox.js'
import { type Local, type Packet, receive } from './receive.js'

/** Where a wire is to be opened; a change of any of it opens it anew. */
export interface WirePlace {
  readonly interface: string
  readonly interfaceIndex: number
  /** Address that adverts come from. */
  readonly source: string
  /** Multicast groups to be in. */
  readonly groups: readonly string[]
}

/** A packet with the monotonic time at which the kernel had it. */
export interface TimedPacket extends Packet {
  readonly receivedAtMs: number
}

/** One instance as its wire sees it. */
export interface Listener {
  readonly local: Local
  onAdvert(advert: Advert, packet: TimedPacket): void
  /** A packet for this VRID, or for nobody in particular, was refused. */
  onRejected(why: BadPacket, packet: TimedPacket): void
}

export interface WirePorts {
  readonly clock: Pick<Clock, 'now'>
  readonly log: Log
  readonly open: (place: WirePlace & { family: Family }, handlers: VrrpSocketHandlers) => VrrpSocket
}

/** VRRP of one family on one interface: its socket, opened wherever the interface is now; each packet decoded once and given to the instance of its VRID. */
export class Wire {
  readonly family: Family
  readonly #ports: WirePorts
  readonly #listeners = new Map<number, Listener>()
  readonly #throttle: Throttle
  #heard = 0
  #sendErrors = 0
  #place: WirePlace | null = null
  #socket: VrrpSocket | undefined

  constructor(family: Family, ports: WirePorts) {
    this.family = family
    this.#ports = ports
    this.#throttle = new Throttle(ports.clock)
  }

  add(listener: Listener): void {
    this.#listeners.set(listener.local.vrid, listener)
  }

  remove(listener: Listener): void {
    if (this.#listeners.get(listener.local.vrid) === listener) this.#listeners.delete(listener.local.vrid)
  }

  /** Packets read so far, good or bad. */
  get heard(): number {
    return this.#heard
  }

  /** Datagrams that could not be sent. */
  get sendErrors(): number {
    return this.#sendErrors
  }

  /** Which implementation carries what is sent from the main loop, while it is open. */
  get kind(): VrrpSocket['kind'] | null {
    return this.#socket?.kind ?? null
  }

  /** The addon's socket, for who sends from another thread. Another one after each opening. */
  get native(): NativeVrrpSocket | undefined {
    return this.#socket?.native
  }

  /**
   * Opens, moves or closes the socket: a level, safe to say again and again.
   * @returns why it cannot be opened, or undefined when it is as it should be
   */
  place(place: WirePlace | null): string | undefined {
    const same = JSON.stringify(place) === JSON.stringify(this.#place)
    if (same && (place === null || this.#socket !== undefined)) return undefined
    this.#socket?.close()
    this.#socket = undefined
    this.#place = place
    if (place === null) return undefined
    try {
      this.#socket = this.#ports.open(
        { ...place, family: this.family },
        { onPacket: (packet) => this.#onPacket(packet), onError: (message) => this.#onError(message) }
      )
      return undefined
    } catch (error) {
      return `no VRRP socket on ${place.interface}: ${error instanceof Error ? error.message : String(error)}`
    }
  }

  /** Sends these at once; without a socket, nowhere. @returns whether they were handed to a socket */
  send(datagrams: readonly Datagram[]): boolean {
    if (this.#socket === undefined) return false
    for (const { payload, ...to } of datagrams) this.#socket.send(payload, to)
    return true
  }

  /** Reads what lies unread now, so that a timer which fires late does not decide without it. */
  drain(): void {
    this.#socket?.drain()
  }

  /** Resolves when what was sent has left. */
  flush(): Promise<void> {
    return this.#socket?.flush() ?? Promise.resolve()
  }

  #onPacket(packet: TimedPacket): void {
    this.#heard++
    const received = receive(packet, (vrid) => this.#listeners.get(vrid)?.local)
    if (received.ok) {
      this.#listeners.get(received.advert.vrid)?.onAdvert(received.advert, packet)
      return
    }
    const named = this.#listeners.get(packet.payload[1] ?? 0)
    for (const listener of named === undefined ? this.#listeners.values() : [named])
      listener.onRejected(received.why, packet)
    const suppressed = this.#throttle.pass(received.why)
    if (suppressed === undefined) return
    const { source, ttl } = packet
    const facts = { why: received.why, source, vrid: packet.payload[1] ?? null, ttl, suppressed }
    this.#ports.log.warn(facts, WORDS[received.why])
  }

  #onError(message: string): void {
    this.#sendErrors++
    const suppressed = this.#throttle.pass(`send ${message}`)
    if (suppressed !== undefined) this.#ports.log.warn({ error: message, suppressed }, 'VRRP socket failed')
  }
}

/** What each refusal means to the operator. */
const WORDS: Readonly<Record<BadPacket, string>> = {
  length: 'advert refused: its length does not fit its address count',
  version: 'advert refused: another VRRP version than configured',
  type: 'advert refused: not an advertisement',
  checksum: 'advert refused: wrong checksum',
  vrid: 'advert of a virtual router that is not configured here',
  ttl: 'advert refused: TTL is not 255, so it came through a router or was forged',
  count: 'advert refused: it names no address',
  auth: 'advert refused: authentication type or password differ from ours',
  interval: 'advert refused: advert_int differs from ours',
  address: 'advert refused: its first address is not link-local',
  transport: 'advert refused: multicast where unicast is configured, or the reverse',
  peer: 'advert refused: its sender is not in unicast_peer',
  auth_missing: 'advert refused: it is not signed (auth_hmac)',
  auth_key: 'advert refused: signed with a key that is not configured here',
  auth_digest: 'advert refused: wrong signature',
  auth_time: 'advert refused: its time is too far from ours, are the clocks of both nodes right?',
  auth_replay: 'advert refused: not newer than the last one of its sender'
}
