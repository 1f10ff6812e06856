import type { Clock, Timer } from '../base/clock.js'
import type { Log } from '../base/log.js'
import { Throttle } from '../base/throttle.js'
import type { VrrpConfig } from '../config/schema.js'
import { addressesOf } from './addresses.js'
import type { Advert, BadPacket } from './advert.js'
import {
  type ConditionName,
  type ConditionStatus,
  Conditions,
  conditionOf,
  detailOf,
  type Ended
} from './conditions.js'
import { type Arp, DuplicateWatch } from './duplicates.js'
import { splitTrailer } from './hmac.js'
import type { Role } from './machine.js'
import { Sightings } from './sightings.js'
import type { TimedPacket } from './wire.js'

export interface DiagnosisPorts {
  readonly clock: Clock
  readonly log: Log
  readonly today: () => Date
  readonly sendFrame: (interfaceIndex: number, frame: Uint8Array) => void
  /** Hears the ARP of an interface. May throw. */
  readonly openArp: (interfaceIndex: number, onArp: (arp: Arp) => void) => { close(): void }
  /** Seconds that a dead master may still hold the addresses. */
  readonly lease: () => number
  /** A condition has begun, or is over. */
  readonly onCondition: (instance: string, what: 'raised' | 'over', condition: ConditionStatus) => void
}

/** What is asked of the surroundings: where the instance is. */
export interface Place {
  readonly source: string | undefined
  readonly linkOf: (dev: string | null) => { readonly index: number; readonly mac: Uint8Array } | undefined
}

const EXPIRE_PERIOD_MS = 5000
/** A dead master's kernel keeps the addresses this long after its lease, and somewhat. */
const GRACE_MS = 1500
/** As good as for ever: until an advert is heard. */
const UNTIL_HEARD_MS = 365 * 86_400_000

/** What is not as it should be between an instance and its peers, told by name: conditions in status, events, log. Moves no timer of the election. */
export class Diagnosis {
  readonly #name: string
  readonly #ports: DiagnosisPorts
  readonly #conditions = new Conditions()
  readonly #watch: DuplicateWatch
  readonly #throttle: Throttle
  readonly #expiry: Timer
  readonly #sightings = new Sightings()
  #source: string | undefined
  #places = ''
  #hasHeard = false
  #hasAsked = false

  constructor(name: string, ports: DiagnosisPorts) {
    this.#name = name
    this.#ports = ports
    const { clock, log, sendFrame, openArp } = ports
    this.#throttle = new Throttle(clock)
    this.#watch = new DuplicateWatch(this.#graceMs, {
      clock,
      log,
      sendFrame,
      openArp,
      onDuplicate: ({ address, mac }) => this.#duplicate(address, mac),
      onClear: (address) => this.#ended(this.#conditions.clear(clock.now(), 'duplicate-owner', address))
    })
    this.#expiry = clock.every(EXPIRE_PERIOD_MS, () => this.#look())
  }

  /** Where the instance is, and what it holds: a level. */
  place(around: Place, config: VrrpConfig): void {
    this.#source = around.source
    this.#watch.configure(this.#graceMs)
    const places = config.arpProbe ? placesOf(around, config) : []
    const text = JSON.stringify(places.map(({ mac, ...rest }) => ({ ...rest, mac: [...mac] })))
    if (text === this.#places) return
    this.#places = text
    this.#watch.place(places)
    if (places.length === 0 || this.#hasAsked) return
    this.#hasAsked = true
    this.#watch.claiming()
  }

  /** The addresses are claimed: whoever else has them is to say so. Nothing waits for the answer. */
  claimed(): void {
    this.#watch.claiming()
    this.#watch.holding(true)
  }

  released(): void {
    this.#watch.holding(false)
  }

  /** An advert that was taken. @returns whether it names the addresses that we name */
  accepted(advert: Advert, packet: TimedPacket, config: VrrpConfig): boolean {
    const { source } = packet
    this.#hasHeard = true
    this.#end('no-adverts-heard')
    if (advert.priority > 0) this.#noteMaster(source, packet.receivedAtMs, advert.advertIntMs)
    if (config.version === 3) this.#noteInterval(source, advert.advertIntMs, config.advertIntMs)
    const theirs = [...advert.addresses].sort()
    const ours = config.virtualIpaddress.map(({ address }) => address).sort()
    const isAlike = theirs.join() === ours.join()
    if (isAlike) this.#end('address-list-mismatch', source)
    else this.#raise('address-list-mismatch', source, `it names ${theirs.join(', ')}; we name ${ours.join(', ')}`)
    return isAlike
  }

  /** A packet that was refused. */
  refused(why: BadPacket, packet: TimedPacket): void {
    const isSigned = why === 'length' && splitTrailer(packet.payload, packet.source.includes(':') ? 6 : 4) !== undefined
    if (isSigned) this.#raise('password-mismatch', packet.source, 'it is signed (auth_hmac), and we have no key')
    const name = conditionOf(why)
    const vrid = why === 'vrid' ? `VRID ${packet.payload[1] ?? 0}: ` : ''
    if (name !== undefined) this.#raise(name, packet.source, `${vrid}${detailOf(why)}`)
  }

  /** A master of lower priority goes on beside us. */
  deafRival(source: string, priority: number): void {
    this.#raise('one-way', source, `it goes on as master with priority ${priority}`)
    this.#raise('two-masters', source, `it advertises priority ${priority} while we are master`)
    const suppressed = this.#throttle.pass('rival')
    if (suppressed === undefined) return
    this.#ports.log.warn(
      { source, priority, suppressed },
      'another master of lower priority goes on: it does not hear us'
    )
  }

  /** The thread does not take an advert: the main loop sends it. */
  notOnTime(error: string): void {
    const suppressed = this.#throttle.pass('not on time')
    if (suppressed !== undefined)
      this.#ports.log.warn({ error, suppressed }, 'the thread takes no advert: the main loop sends it')
  }

  /** Adverts come from our own address. */
  ownAddress(source: string): void {
    this.#raise('duplicate-address', source, 'adverts come from our own address')
    const suppressed = this.#throttle.pass('own-address')
    if (suppressed === undefined) return
    this.#ports.log.warn({ source, suppressed }, 'adverts come from our own address: another node has it too')
  }

  moved(to: Role): void {
    if (to !== 'MASTER' || this.#hasHeard) return
    const detail = 'became master without ever having heard another node'
    this.#raise('no-adverts-heard', null, detail, UNTIL_HEARD_MS)
  }

  list(): readonly ConditionStatus[] {
    this.#ended(this.#conditions.expire(this.#ports.clock.now()))
    return this.#conditions.list()
  }

  stop(): void {
    this.#expiry.cancel()
    this.#watch.stop()
  }

  get #graceMs(): number {
    return this.#ports.lease() * 1000 + GRACE_MS
  }

  #noteMaster(source: string, atMs: number, intervalMs: number): void {
    const other = this.#sightings.note(source, atMs, intervalMs)
    if (other !== undefined) this.#raise('two-masters', source, `${other} advertises itself as master too`)
  }

  #noteInterval(source: string, theirs: number, ours: number): void {
    if (theirs === ours) this.#end('interval-mismatch', source)
    else this.#raise('interval-mismatch', source, `its advert_int is ${theirs} ms, ours ${ours} ms: theirs is adopted`)
  }

  #duplicate(address: string, mac: string): void {
    this.#raise('duplicate-owner', address, `${address} is answered by ${mac}`, undefined, mac)
    const suppressed = this.#throttle.pass(`duplicate ${address}`)
    if (suppressed !== undefined)
      this.#ports.log.warn({ address, mac, suppressed }, 'another MAC answers for an address that we hold')
  }

  #raise(name: ConditionName, address: string | null, detail: string, ttlMs?: number, mac?: string): void {
    const { clock, today } = this.#ports
    const known = mac ?? (address === null ? undefined : this.#watch.macOf(address))
    const sighting = { address, mac: known ?? null, detail, at: today(), ...(ttlMs === undefined ? {} : { ttlMs }) }
    const isNew = this.#conditions.raise(clock.now(), name, sighting) === 'new'
    if (!isNew) return
    if (address !== null && known === undefined) this.#ask(address)
    const condition = this.#conditions
      .list()
      .find((one) => one.name === name && (one.peer?.address ?? null) === address)
    if (condition !== undefined) this.#ports.onCondition(this.#name, 'raised', condition)
  }

  /** The peer's MAC, where it can be had: an answer comes by ARP. */
  #ask(address: string): void {
    if (address.includes(':') || this.#source === undefined || address === this.#source) return
    this.#watch.askMac(address, this.#source)
  }

  #end(name: ConditionName, address?: string): void {
    if (this.#conditions.has(name)) this.#ended(this.#conditions.clear(this.#ports.clock.now(), name, address))
  }

  #look(): void {
    for (const address of this.#conditions.withoutMac) {
      const mac = this.#watch.macOf(address)
      if (mac !== undefined) this.#conditions.setMac(address, mac)
    }
    this.list()
  }

  #ended(ended: readonly Ended[]): void {
    for (const { condition } of ended) this.#ports.onCondition(this.#name, 'over', condition)
  }
}

/** One entry for each interface that an IPv4 address of ours belongs on. */
function placesOf({ linkOf }: Place, config: VrrpConfig) {
  const all = addressesOf(config).filter(({ family }) => family === 4)
  const devs = [...new Set([null, ...all.map(({ dev }) => dev)])]
  return devs.flatMap((dev) => {
    const link = linkOf(dev)
    const addresses = all.filter((one) => one.dev === dev).map(({ address }) => address)
    return link?.mac.length === 6 ? [{ interfaceIndex: link.index, mac: link.mac, addresses }] : []
  })
}
