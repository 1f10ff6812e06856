import type { Clock, Timer } from '../base/clock.js'
import { type Log, Throttle } from '../base/log.js'
import type { VrrpConfig } from '../config/schema.js'
import type { Netlink } from '../os/netlink.js'
import { Addresses } from './addresses.js'
import { type Advert, passwordBytes } from './advert.js'
import { Announcer } from './announcer.js'
import { newCounters, type VrrpCounters } from './counters.js'
import { type Action, type Event, initialState, type Role, type State, step, type TimerName } from './machine.js'
import { ownAdvert } from './own-advert.js'
import { type InstanceStatus, instanceStatus } from './snapshot.js'
import { earliestTakeoverMs, leaseSeconds, RENEWAL_AFTER } from './timing.js'
import { type Fitness, faultsOf } from './tracking.js'
import type { Listener, Wire } from './wire.js'

export interface InstancePorts {
  readonly clock: Clock
  readonly log: Log
  readonly wire: Pick<Wire, 'add' | 'send' | 'flush' | 'kind' | 'heard'>
  readonly kernel: Pick<Netlink, 'holdAddress' | 'removeAddress' | 'addressState'>
  readonly sendFrame: (interfaceIndex: number, frame: Uint8Array) => void
  /** Wall time, for people alone. */
  readonly today: () => Date
}

/** Two renewals come no closer than this, however fast the adverts. */
const LEAST_BETWEEN_RENEWALS_MS = 200
/** A master that was heard within this many intervals is alive. */
const RIVAL_INTERVALS = 1.5
/** Adverts that cannot depose a master are answered no more often than this. */
const LEAST_BETWEEN_ANSWERS_MS = 100
const RETRY_REFUSED_ADDRESS_MS = 5000
/** More than a socket's buffer holds: a flood of packets cannot put off a takeover for ever. */
const MOST_LOOKS = 1000

/** The driver of one election: owns its timers, performs what the machine decides, and proves to be alive before it renews the lease. */
export class Instance implements Listener {
  readonly local: Listener['local']
  readonly #config: VrrpConfig
  readonly #ports: InstancePorts
  readonly #log: Log
  readonly #addresses: Addresses
  readonly #announcer: Announcer
  readonly #throttle: Throttle
  readonly #counters = newCounters()
  readonly #timers = new Map<TimerName | 'renew' | 'retry', Timer>()
  #state: State
  #fitness: Fitness
  #addressFault: string | undefined
  #lastAdvertAt = Number.NEGATIVE_INFINITY
  #lastRenewalAt = Number.NEGATIVE_INFINITY
  /** When somebody who has to yield to us was last heard as master. */
  #lastRivalAt = Number.NEGATIVE_INFINITY
  /** A master of lower priority beside us: when it was last heard, and since when without a break. */
  #rivalHeardAt = Number.NEGATIVE_INFINITY
  #lastAnswerAt = Number.NEGATIVE_INFINITY
  #rivalSince = Number.NEGATIVE_INFINITY
  #since: Date
  #reason = 'start'
  #isStopped = false

  constructor(config: VrrpConfig, ports: InstancePorts) {
    this.#config = config
    this.#ports = ports
    this.#log = ports.log.child({ instance: config.name, vrid: config.virtualRouterId, interface: config.interface })
    this.#throttle = new Throttle(ports.clock)
    this.#state = initialState(config)
    this.#since = ports.today()
    const password = config.authentication === null ? null : passwordBytes(config.authentication.pass)
    this.local = { version: config.version, vrid: config.virtualRouterId, advertIntMs: config.advertIntMs, password }
    this.#fitness = {
      interface: config.interface,
      link: undefined,
      source: undefined,
      wireFault: undefined,
      addressFault: undefined,
      outside: []
    }
    this.#announcer = new Announcer(config.garp, {
      clock: ports.clock,
      log: this.#log,
      sendFrame: ports.sendFrame,
      mayAnnounce: () => this.#isStillMaster()
    })
    this.#addresses = new Addresses(leaseSeconds(config.advertIntMs), {
      kernel: ports.kernel,
      log: this.#log,
      now: ports.clock.now,
      onHeld: () => this.#onHeld(),
      onRefused: (reason) => this.#onRefused(reason)
    })
    this.#addresses.set(config.virtualIpaddress)
    ports.wire.add(this)
  }

  get name(): string {
    return this.#config.name
  }

  get role(): Role {
    return this.#state.role
  }

  /** What the instance's fitness hangs on, as it is now. The first call starts the election. */
  update(fitness: Omit<Fitness, 'interface' | 'addressFault'>): void {
    if (this.#isStopped) return
    const hasMoved = macOf(this.#fitness) !== macOf(fitness)
    this.#fitness = { ...fitness, interface: this.#config.interface, addressFault: this.#addressFault }
    this.#stepBackIfStalled()
    this.#addresses.place((dev) => (dev === null ? (fitness.link?.index ?? null) : null))
    this.#dispatch({ type: 'faults', faults: faultsOf(this.#fitness) })
    this.#addresses.kernelChanged()
    // A bond takes over another port's MAC: whoever knows the old one has to learn it.
    if (hasMoved && this.#addresses.isHeld) this.#onHeld()
  }

  onAdvert(advert: Advert, source: string): void {
    this.#counters.advert_rcvd++
    if (advert.priority === 0) this.#counters.priority_zero_rcvd++
    // One that resigns has nothing more to announce.
    if (advert.priority <= this.#config.priority) {
      this.#lastRivalAt = advert.priority === 0 ? Number.NEGATIVE_INFINITY : this.#ports.clock.now()
    }
    const { priority, advertIntMs } = advert
    if (this.#isAnswered(priority, source)) return
    this.#dispatch({ type: 'advert', source, own: this.#own(), priority, advertIntMs })
  }

  /**
   * A master that hears an advert which cannot depose it answers; but who sends thousands a second gets ten. A rival that
   * goes on does not hear us: the operator is told.
   */
  #isAnswered(priority: number, source: string): boolean {
    if (!this.#isStillMaster() || priority >= this.#config.priority) return false
    const now = this.#ports.clock.now()
    if (priority > 0) this.#noteRival(now, priority, source)
    if (now - this.#lastAnswerAt >= Math.min(LEAST_BETWEEN_ANSWERS_MS, this.#config.advertIntMs / 2)) {
      this.#lastAnswerAt = now
      return false
    }
    this.#announcer.again()
    return true
  }

  #noteRival(now: number, priority: number, source: string): void {
    const { advertIntMs } = this.#config
    if (now - this.#rivalHeardAt > 3 * advertIntMs) this.#rivalSince = now
    this.#rivalHeardAt = now
    if (now - this.#rivalSince < advertIntMs) return
    const suppressed = this.#throttle.pass('rival')
    if (suppressed === undefined) return
    this.#log.warn({ source, priority, suppressed }, 'another master of lower priority goes on: it does not hear us')
  }

  onRejected(why: keyof VrrpCounters['rejected']): void {
    this.#counters.rejected[why]++
  }

  /** Leaves the election (a master says so by priority 0 at once). Resolves when the advert has left and the addresses are gone. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#dispatch({ type: 'shutdown' })
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
    await Promise.all([this.#addresses.settled(), this.#ports.wire.flush()])
  }

  snapshot(): InstanceStatus {
    return instanceStatus(this.#config, {
      state: this.#state,
      since: this.#since,
      reason: this.#reason,
      virtual_ipaddress: this.#addresses.snapshot(),
      socket: this.#ports.wire.kind,
      counters: { ...this.#counters, garp_sent: this.#announcer.sent, address_readded: this.#addresses.readded }
    })
  }

  #own(): string {
    return this.#fitness.source ?? '0.0.0.0'
  }

  #dispatch(event: Event): void {
    this.#stepBackIfStalled()
    this.#apply(event)
  }

  /**
   * A master that was away for so long that a peer may have taken over (SIGSTOP, a frozen VM) steps back before it
   * sends anything or touches the addresses: what it believes is older than what the others know.
   */
  #stepBackIfStalled(): void {
    if (this.#state.role !== 'MASTER') return
    const silenceMs = this.#ports.clock.now() - this.#lastAdvertAt
    if (silenceMs < earliestTakeoverMs(this.#config.advertIntMs)) return
    this.#counters.stalled++
    this.#log.warn({ silence_ms: Math.round(silenceMs) }, 'no advert sent for longer than a peer waits: stepping back')
    this.#apply({ type: 'stalled' })
  }

  #apply(event: Event): void {
    const { state, actions } = step(this.#config, this.#state, event)
    this.#state = state
    for (const action of actions) this.#perform(action)
  }

  #perform(action: Action): void {
    switch (action.do) {
      case 'advertise':
        this.#advertise(action.priority)
        break
      case 'arm':
        this.#arm(action.timer, action.afterMs)
        break
      case 'cancel':
        this.#cancel(action.timer)
        break
      case 'hold':
        this.#addresses.want(true)
        break
      case 'release':
        this.#cancel('renew')
        this.#announcer.stop()
        this.#addresses.want(false)
        break
      case 'announce':
        this.#announcer.again()
        break
      case 'report':
        this.#report(action.from, action.to, action.reason)
        break
      case 'warn':
        this.#warnOwnAddress(action.source)
    }
  }

  #warnOwnAddress(source: string): void {
    const suppressed = this.#throttle.pass('own-address')
    if (suppressed === undefined) return
    this.#log.warn({ source, suppressed }, 'adverts come from our own address: another node has it too')
  }

  #advertise(priority: number): void {
    const { advertIntMs } = this.#config
    const isSent = this.#ports.wire.send(ownAdvert(this.#config, this.local.password, priority))
    if (isSent) this.#counters.advert_sent++
    if (priority === 0) {
      if (isSent) this.#counters.priority_zero_sent++
      return
    }
    // The last word of a master that steps down is no reason to hold on.
    if (this.#state.role !== 'MASTER') return
    this.#lastAdvertAt = this.#ports.clock.now()
    this.#renew()
    // The lease runs from the advert: it ends before a peer that heard the same advert last takes over.
    const renewMs = advertIntMs * RENEWAL_AFTER
    if (renewMs >= LEAST_BETWEEN_RENEWALS_MS) this.#after('renew', renewMs, () => this.#onRenewal())
  }

  #onRenewal(): void {
    if (this.#isStillMaster()) this.#renew()
  }

  #isStillMaster(): boolean {
    this.#stepBackIfStalled()
    return this.#state.role === 'MASTER'
  }

  #renew(): void {
    const now = this.#ports.clock.now()
    if (now - this.#lastRenewalAt < LEAST_BETWEEN_RENEWALS_MS) return
    this.#lastRenewalAt = now
    this.#addresses.renew()
  }

  #arm(timer: TimerName, afterMs: number): void {
    this.#after(timer, afterMs, () => {
      if (timer === 'advert') {
        this.#dispatch({ type: 'timeout', timer, own: this.#own() })
        return
      }
      this.#whenDrained(timer, MOST_LOOKS)
    })
  }

  /**
   * Adverts may lie unread in the socket: Node runs expired timers before it reads, and each look at a socket yields
   * one packet, which may be another router's. The timeout counts once a look has found nothing.
   */
  #whenDrained(timer: TimerName, looksLeft: number): void {
    const { wire, clock } = this.#ports
    const heard = wire.heard
    const look = (): void => {
      if (wire.heard !== heard && looksLeft > 0) this.#whenDrained(timer, looksLeft - 1)
      else this.#dispatch({ type: 'timeout', timer, own: this.#own() })
    }
    this.#timers.set(timer, clock.afterInput(look))
  }

  #after(name: TimerName | 'renew' | 'retry', afterMs: number, run: () => void): void {
    this.#cancel(name)
    this.#timers.set(name, this.#ports.clock.after(afterMs, run))
  }

  #cancel(name: TimerName | 'renew' | 'retry'): void {
    this.#timers.get(name)?.cancel()
    this.#timers.delete(name)
  }

  #report(from: Role, to: Role, reason: string): void {
    if (to === 'MASTER') this.#counters.become_master++
    if (from === 'MASTER') this.#counters.release_master++
    this.#since = this.#ports.today()
    this.#reason = reason
    const facts = { from, to, reason, priority: this.#config.priority }
    if (to === 'FAULT') this.#log.error(facts, 'state changed')
    else this.#log.info(facts, 'state changed')
  }

  #onHeld(): void {
    const { link } = this.#fitness
    if (link === undefined || this.#state.role !== 'MASTER') return
    this.#announcer.start(
      this.#config.virtualIpaddress.map(({ address }) => ({ interfaceIndex: link.index, mac: link.mac, address }))
    )
    // Somebody was master a moment ago, and may announce the addresses a moment after us.
    const sinceRivalMs = this.#ports.clock.now() - this.#lastRivalAt
    if (sinceRivalMs <= RIVAL_INTERVALS * this.#config.advertIntMs) this.#announcer.again()
  }

  #onRefused(reason: string): void {
    this.#setAddressFault(reason)
    this.#after('retry', RETRY_REFUSED_ADDRESS_MS, () => this.#setAddressFault(undefined))
  }

  #setAddressFault(reason: string | undefined): void {
    this.#addressFault = reason
    this.update(this.#fitness)
  }
}

const macOf = ({ link }: Pick<Fitness, 'link'>): string => link?.mac.join(':') ?? ''
