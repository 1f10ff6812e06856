import type { Clock } from '../base/clock.js'
import type { Family } from '../base/ip.js'
import { type Log, Throttle } from '../base/log.js'
import type { VrrpSocket, VrrpSocketHandlers } from '../os/raw-ip.js'
import { type Advert, type BadPacket, encodeAdvert } from './advert.js'
import { type Local, type Packet, receive } from './receive.js'

/** Where a wire is to be opened; a change of any of it opens it anew. */
export interface WirePlace {
  readonly interface: string
  readonly interfaceIndex: number
  /** Address that adverts come from. */
  readonly source: string
}

/** One instance as its wire sees it. */
export interface Listener {
  readonly local: Local
  onAdvert(advert: Advert, source: string): void
  /** A packet for this VRID, or for nobody in particular, was refused. */
  onRejected(why: BadPacket): void
}

export interface WirePorts {
  readonly clock: Pick<Clock, 'now'>
  readonly log: Log
  readonly open: (
    place: WirePlace & { family: Family; groups: readonly string[] },
    handlers: VrrpSocketHandlers
  ) => VrrpSocket
}

/** RFC 9568 §5.1.1.2 */
const GROUP = '224.0.0.18'

/** VRRP on one interface: its socket, opened wherever the interface is now; each packet decoded once and given to the instance of its VRID. */
export class Wire {
  readonly #ports: WirePorts
  readonly #listeners = new Map<number, Listener>()
  readonly #throttle: Throttle
  #heard = 0
  #place: WirePlace | null = null
  #socket: VrrpSocket | undefined

  constructor(ports: WirePorts) {
    this.#ports = ports
    this.#throttle = new Throttle(ports.clock)
  }

  add(listener: Listener): void {
    this.#listeners.set(listener.local.vrid, listener)
  }

  /** Packets read so far, good or bad. */
  get heard(): number {
    return this.#heard
  }

  /** Which implementation carries it, while it is open. */
  get kind(): VrrpSocket['kind'] | null {
    return this.#socket?.kind ?? null
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
        { ...place, family: 4, groups: [GROUP] },
        { onPacket: (packet) => this.#onPacket(packet), onError: (message) => this.#onError(message) }
      )
      return undefined
    } catch (error) {
      return `no VRRP socket on ${place.interface}: ${error instanceof Error ? error.message : String(error)}`
    }
  }

  /** Sends an advert to the group; without a socket, nowhere. @returns whether it was handed to a socket */
  send(advert: Advert): boolean {
    if (this.#socket === undefined || this.#place === null) return false
    const to = { source: this.#place.source, destination: GROUP, ttl: 255 }
    this.#socket.send(encodeAdvert(advert, to), to)
    return true
  }

  /** Resolves when what was sent has left. */
  flush(): Promise<void> {
    return this.#socket?.flush() ?? Promise.resolve()
  }

  #onPacket(packet: Packet): void {
    this.#heard++
    const received = receive(packet, (vrid) => this.#listeners.get(vrid)?.local)
    if (received.ok) {
      this.#listeners.get(received.advert.vrid)?.onAdvert(received.advert, packet.source)
      return
    }
    const named = this.#listeners.get(packet.payload[1] ?? 0)
    for (const listener of named === undefined ? this.#listeners.values() : [named]) listener.onRejected(received.why)
    const suppressed = this.#throttle.pass(received.why)
    if (suppressed === undefined) return
    const facts = {
      why: received.why,
      source: packet.source,
      vrid: packet.payload[1] ?? null,
      ttl: packet.ttl,
      suppressed
    }
    this.#ports.log.warn(facts, WORDS[received.why])
  }

  #onError(message: string): void {
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
  address: 'advert refused: its first address is not link-local'
}
