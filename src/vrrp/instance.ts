import type { Clock, Timer } from '../base/clock.js'
import type { Log } from '../base/log.js'
import type { VrrpConfig } from '../config/schema.js'
import type { NativeAdvertSender } from '../os/addon.js'
import type { Netlink } from '../os/netlink.js'
import type { Link } from '../os/rtnetlink.js'
import { Addresses } from './addresses.js'
import { type Advert, type BadPacket, passwordBytes } from './advert.js'
import { Announcer } from './announcer.js'
import { Beat } from './beat.js'
import { newCounters } from './counters.js'
import { Diagnosis, type DiagnosisPorts } from './diagnosis.js'
import type { Member, SyncGroup } from './group.js'
import { type Action, type Event, initialState, type Role, type Settings, type State, step } from './machine.js'
import { datagrams } from './outbox.js'
import { ownAdvert } from './own-advert.js'
import { takeoverNotBefore } from './patience.js'
import type { Local } from './receive.js'
import { Rivals } from './rivals.js'
import type { Signature } from './signature.js'
import { type InstanceStatus, instanceStatus } from './snapshot.js'
import { earliestTakeoverMs, leaseSeconds, LEAST_BETWEEN_RENEWALS_MS, nextRenewalAt } from './timing.js'
import { effectivePriority, type Fitness, faultsOf } from './tracking.js'
import type { Listener, TimedPacket, Wire } from './wire.js'

/** What happened to an instance, for those who are to be told. */
export interface Transition {
  readonly from: Role
  readonly to: Role
  readonly priority: number
  readonly reason: string
}

export interface InstancePorts extends Pick<DiagnosisPorts, 'openArp' | 'onCondition'> {
  readonly clock: Clock
  readonly log: Log
  readonly wire: Pick<Wire, 'add' | 'remove' | 'send' | 'flush' | 'drain' | 'kind' | 'native' | 'sendErrors'>
  readonly kernel: Pick<Netlink, 'holdAddress' | 'removeAddress' | 'hasAddress'>
  readonly sendFrame: (interfaceIndex: number, frame: Uint8Array) => void
  /** The thread that sends adverts on time; null: the main loop does. */
  readonly sender: Pick<NativeAdvertSender, 'plan' | 'clear' | 'state'> | null
  /** This instance's number at the sender. */
  readonly id: number
  readonly isRouter: (interfaceIndex: number) => boolean
  /** Wall time, for people alone. */
  readonly today: () => Date
  readonly onTransition: (transition: Transition) => void
  readonly onPriority: (priority: number) => void
}

/** What an instance hangs on, as it is now. */
export interface Surroundings extends Omit<Fitness, 'interface' | 'addressFault'> {
  /** Where an address of ours belongs: on the interface of this name, or on the instance's own. */
  readonly linkOf: (dev: string | null) => Link | undefined
  readonly linkUpAt: number
  /** Anything was received on the link since it came up. */
  readonly isHeard: boolean
}

/** What is given to an instance: its configuration and what was made of it. */
export interface InstanceSetup {
  readonly config: VrrpConfig
  readonly startupDelayMs: number
  /** Signs and checks signatures (auth_hmac); null: neither. */
  readonly signature: Signature | null
}

type TimerName = 'masterDown' | 'preemptDelay' | 'renew' | 'retry'

const RETRY_REFUSED_ADDRESS_MS = 5000
/** Who may not take over yet looks again this often. */
const LOOK_AGAIN_MS = 250

/** The driver of one election: owns its timers, performs what the machine decides, and proves to be alive before it renews the lease. */
export class Instance implements Listener, Member {
  readonly #ports: InstancePorts
  readonly #log: Log
  readonly #addresses: Addresses
  readonly #announcer: Announcer
  readonly #diagnosis: Diagnosis
  readonly #rivals: Rivals
  readonly #beat: Beat
  readonly #counters = newCounters()
  readonly #timers = new Map<TimerName, { readonly timer: Timer; readonly at: number }>()
  readonly #startedAt: number
  #group: SyncGroup | null = null
  #setup: InstanceSetup
  #local: Local
  #state: State
  #around: Surroundings | undefined
  #priority: number
  #addressFault: string | undefined
  #native: unknown
  #lastRenewalAt = Number.NEGATIVE_INFINITY
  #since: Date
  #reason = 'start'
  #isStopped = false

  constructor(setup: InstanceSetup, ports: InstancePorts) {
    const { config } = setup
    this.#setup = setup
    this.#ports = ports
    this.#log = ports.log.child({ instance: config.name, vrid: config.virtualRouterId, interface: config.interface })
    this.#state = initialState(config)
    this.#priority = config.priority
    this.#since = ports.today()
    this.#startedAt = ports.clock.now()
    this.#local = localOf(setup)
    this.#rivals = new Rivals(ports.clock)
    const { clock, sendFrame } = ports
    this.#diagnosis = new Diagnosis(config.name, {
      ...ports,
      log: this.#log,
      lease: () => leaseSeconds(this.#setup.config)
    })
    this.#beat = new Beat({ clock, wire: ports.wire, sender: ports.sender, id: ports.id, onDue: () => this.#onDue() })
    this.#announcer = new Announcer(config.garp, {
      clock,
      log: this.#log,
      sendFrame,
      isRouter: ports.isRouter,
      mayAnnounce: () => this.#isStillMaster()
    })
    this.#addresses = new Addresses(leaseSeconds(config), {
      kernel: ports.kernel,
      log: this.#log,
      now: clock.now,
      onHeld: () => this.#onHeld(),
      onRefused: (reason) => this.#onRefused(reason)
    })
    this.#addresses.set([...config.virtualIpaddress, ...config.virtualIpaddressExcluded])
    ports.wire.add(this)
  }

  get name(): string {
    return this.#setup.config.name
  }

  get role(): Role {
    return this.#state.role
  }

  get local(): Local {
    return this.#local
  }

  get config(): VrrpConfig {
    return this.#setup.config
  }

  /** What the instance hangs on, as it is now. The first call starts the election. */
  update(around: Surroundings): void {
    if (this.#isStopped) return
    const hasMoved = this.#around !== undefined && macsOf(this.#around) !== macsOf(around)
    this.#around = around
    this.#stepBackIfStalled()
    this.#followWire()
    this.#addresses.place((dev) => around.linkOf(dev)?.index ?? null)
    this.#setPriority()
    this.#judge()
    this.#addresses.kernelChanged()
    this.#diagnosis.place(around, this.#setup.config)
    // A bond takes over another port's MAC: whoever knows the old one has to learn it.
    if (hasMoved && this.#addresses.isHeld) this.#onHeld()
  }

  /** The group that it moves with from now on; null: it moves by itself. */
  join(group: SyncGroup | null): void {
    if (group === this.#group) return
    this.#group?.remove(this)
    this.#group = group
    group?.add(this)
    this.groupChanged()
  }

  /** Another configuration of the same virtual router, in force from now on. A mastership stays where it is. */
  configure(setup: InstanceSetup): void {
    const was = this.#settings()
    const before = this.#setup.config
    const { config } = setup
    this.#setup = setup
    this.#local = localOf(setup)
    this.#announcer.configure(config.garp)
    this.#addresses.set([...config.virtualIpaddress, ...config.virtualIpaddressExcluded], leaseSeconds(config))
    if (this.#around !== undefined) this.#priority = effectivePriority(config.priority, this.#around)
    if (JSON.stringify(before) !== JSON.stringify(config)) this.#dispatch({ type: 'settings', was })
    else this.#beat.refresh()
  }

  onAdvert(advert: Advert, packet: TimedPacket): void {
    const { advertIntMs, version, checksum } = this.#setup.config
    const { priority } = advert
    this.#counters.advert_rcvd++
    if (priority === 0) this.#counters.priority_zero_rcvd++
    if (version === 3 && advert.advertIntMs !== advertIntMs) this.#counters.other_interval_rcvd++
    if (version === 3 && this.#setup.config.family === 4 && advert.checksum !== checksum)
      this.#counters.other_checksum_rcvd++
    if (!this.#diagnosis.accepted(advert, packet, this.#setup.config)) this.#counters.addr_list_err++
    this.#rivals.note(priority, this.#priority)
    if (this.#isLowerRival(priority, packet.source)) return
    const ageMs = Math.max(0, this.#ports.clock.now() - packet.receivedAtMs)
    const event = { source: packet.source, own: this.#own(), priority, advertIntMs: advert.advertIntMs, ageMs }
    this.#dispatch({ type: 'advert', ...event })
  }

  onRejected(why: BadPacket, packet: TimedPacket): void {
    this.#counters.rejected[why]++
    const isPass = this.#local.password !== null
    if (why === 'auth' && packet.payload[4] !== (isPass ? 1 : 0)) this.#counters.authtype_mismatch++
    this.#diagnosis.refused(why, packet)
  }

  takeOver(): void {
    this.#dispatch({ type: 'timeout', timer: 'masterDown', own: this.#own() })
  }

  yieldTo(reason: string): void {
    this.#dispatch({ type: 'yield', reason })
  }

  groupChanged(): void {
    if (this.#around !== undefined && !this.#isStopped) this.#judge()
  }

  /** Leaves the election (a master says so by priority 0 at once). Resolves when the advert has left and the addresses are gone. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#dispatch({ type: 'shutdown' })
    for (const name of [...this.#timers.keys()]) this.#cancel(name)
    this.#diagnosis.stop()
    await Promise.all([this.#addresses.settled(), this.#ports.wire.flush()])
    this.#ports.wire.remove(this)
    this.#group?.remove(this)
  }

  snapshot(): InstanceStatus {
    const { wire, sender } = this.#ports
    const onTime = this.#beat.onTime
    return instanceStatus(this.#setup.config, {
      state: this.#state,
      since: this.#since,
      reason: this.#reason,
      effectivePriority: this.#priority,
      source: this.#around?.source ?? null,
      virtual_ipaddress: this.#addresses.snapshot(),
      socket: wire.kind,
      sender: sender === null ? 'main loop' : 'thread',
      worstLatenessMs: onTime?.worstLatenessMs ?? null,
      tier: this.#around?.tier ?? 'serving',
      tracked: this.#around?.tracked ?? [],
      syncGroup: this.#group?.name ?? null,
      conditions: this.#diagnosis.list(),
      counters: {
        ...this.#counters,
        advert_sent: this.#counters.advert_sent + (onTime?.sent ?? 0),
        send_err: wire.sendErrors + (onTime?.errors ?? 0),
        garp_sent: this.#announcer.sent,
        gna_sent: this.#announcer.naSent,
        address_readded: this.#addresses.readded,
        dad_failed_mended: this.#addresses.dadMended
      }
    })
  }

  #settings(): Settings {
    return { ...this.#setup.config, priority: this.#priority }
  }

  #own(): string {
    return this.#around?.source ?? (this.#setup.config.family === 6 ? '::' : '0.0.0.0')
  }

  /** A socket that was opened anew is another one for the sender too. */
  #followWire(): void {
    const { native } = this.#ports.wire
    if (native === this.#native) return
    this.#native = native
    if (native !== undefined && this.#state.role === 'MASTER') this.#beat.refresh()
  }

  #setPriority(): void {
    const { config } = this.#setup
    const priority = this.#around === undefined ? config.priority : effectivePriority(config.priority, this.#around)
    if (priority === this.#priority) return
    const was = this.#settings()
    this.#priority = priority
    this.#log.info({ from: was.priority, to: priority, tier: this.#around?.tier }, 'effective priority changed')
    this.#ports.onPriority(priority)
    this.#dispatch({ type: 'settings', was })
  }

  #judge(): void {
    const around = this.#around
    if (around === undefined) return
    const { interface: name } = this.#setup.config
    const own = faultsOf({ ...around, interface: name, addressFault: this.#addressFault })
    this.#group?.setFaults(this, own)
    this.#dispatch({ type: 'faults', faults: [...own, ...(this.#group?.faultsFor(this) ?? [])] })
  }

  /** A master that hears an advert which cannot depose it answers, but not to each of thousands. @returns whether that was all */
  #isLowerRival(priority: number, source: string): boolean {
    if (!this.#isStillMaster() || priority >= this.#priority) return false
    this.#counters.lower_priority_rcvd++
    const rivalry = this.#rivals.meet(priority, this.#setup.config.advertIntMs)
    if (rivalry.isDeaf) this.#diagnosis.deafRival(source, priority)
    if (rivalry.isAnswered) return false
    this.#announcer.again()
    return true
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
    const silenceMs = this.#ports.clock.now() - this.#beat.lastSentAt
    if (silenceMs < earliestTakeoverMs(this.#setup.config)) return
    this.#counters.stalled++
    this.#log.warn({ silence_ms: Math.round(silenceMs) }, 'no advert sent for longer than a peer waits: stepping back')
    this.#apply({ type: 'stalled' })
  }

  #apply(event: Event): void {
    const { state, actions } = step(this.#settings(), this.#state, event)
    this.#state = state
    for (const action of actions) this.#perform(action)
  }

  #perform(action: Action): void {
    switch (action.do) {
      case 'advertise':
        this.#advertise(action.priority)
        break
      case 'arm':
        if (action.timer === 'advert') this.#startBeat(action.afterMs)
        else this.#arm(action.timer, action.afterMs)
        break
      case 'shift':
        this.#shift(action.timer, action.byMs)
        break
      case 'cancel':
        if (action.timer === 'advert') this.#beat.stop()
        else this.#cancel(action.timer)
        break
      case 'hold':
        this.#addresses.want(true)
        this.#diagnosis.claimed()
        break
      case 'release':
        this.#cancel('renew')
        this.#announcer.stop()
        this.#addresses.want(false)
        this.#diagnosis.released()
        break
      case 'announce':
        this.#announcer.again()
        break
      case 'report':
        this.#report(action.from, action.to, action.reason)
        break
      case 'warn':
        this.#diagnosis.ownAddress(action.source)
    }
  }

  #advertise(priority: number): void {
    // The thread says nothing any more when priority 0 leaves: it would call the mastership back.
    if (priority === 0) this.#beat.stop()
    const isSent = this.#ports.wire.send(this.#datagrams(priority, 0))
    if (isSent) this.#counters.advert_sent++
    if (isSent && priority === 0) this.#counters.priority_zero_sent++
    // The last word of a master that steps down is no reason to hold on.
    if (this.#state.role !== 'MASTER') return
    this.#beat.noteSent()
    this.#renew()
  }

  #datagrams(priority: number, inMs: number) {
    const { config, signature } = this.#setup
    return datagrams(config, ownAdvert(config, this.#local.password, priority), this.#own(), signature, inMs)
  }

  #startBeat(afterMs: number): void {
    const { config, signature } = this.#setup
    this.#beat.start({
      afterMs,
      intervalMs: config.advertIntMs,
      silenceMs: earliestTakeoverMs(config),
      make: (inMs) => this.#datagrams(this.#priority, inMs),
      signedAheadMs: signature?.aheadMs ?? null
    })
  }

  /** The main loop has to send: there is no thread for it, or no socket. */
  #onDue(): void {
    this.#dispatch({ type: 'timeout', timer: 'advert', own: this.#own() })
  }

  #isStillMaster(): boolean {
    this.#stepBackIfStalled()
    return this.#state.role === 'MASTER'
  }

  /** The lease runs from the advert: it ends before a peer that heard the same advert last takes over. */
  #renew(): void {
    const { now } = this.#ports.clock
    if (now() - this.#lastRenewalAt >= LEAST_BETWEEN_RENEWALS_MS) {
      this.#lastRenewalAt = now()
      this.#addresses.renew()
    }
    const next = nextRenewalAt(now(), this.#beat.lastSentAt, this.#setup.config.advertIntMs)
    this.#after('renew', next - now(), () => this.#isStillMaster() && this.#renew())
  }

  #arm(timer: 'masterDown' | 'preemptDelay', afterMs: number): void {
    // An accepted advert arms it: this member has a master.
    if (timer === 'masterDown') this.#group?.unclaim(this)
    this.#after(timer, afterMs, () => this.#onTimer(timer))
  }

  /** Adverts may lie unread in the socket, for Node runs expired timers before it reads: they come first, and may arm the timer anew. */
  #onTimer(timer: 'masterDown' | 'preemptDelay'): void {
    this.#cancel(timer)
    this.#ports.wire.drain()
    if (this.#timers.has(timer)) return
    if (timer === 'preemptDelay') {
      this.#dispatch({ type: 'timeout', timer, own: this.#own() })
      return
    }
    const waitMs = this.#notBefore() - this.#ports.clock.now()
    if (waitMs > 0) {
      this.#after(timer, Math.min(waitMs, LOOK_AGAIN_MS), () => this.#onTimer(timer))
      return
    }
    if (this.#group === null) {
      this.takeOver()
      return
    }
    // Others may not agree, or not yet: this one goes on waiting for a master.
    this.#after(timer, this.#setup.config.advertIntMs, () => this.#onTimer(timer))
    this.#group.claim(this)
  }

  #notBefore(): number {
    const { linkStableMs, listenFirstMs } = this.#setup.config
    const { linkUpAt = this.#startedAt, isHeard = true } = this.#around ?? {}
    const { startupDelayMs } = this.#setup
    return takeoverNotBefore({
      startedAt: this.#startedAt,
      startupDelayMs,
      linkUpAt,
      linkStableMs,
      isHeard,
      listenFirstMs
    })
  }

  #shift(timer: 'masterDown', byMs: number): void {
    const running = this.#timers.get(timer)
    if (running === undefined) return
    this.#after(timer, Math.max(0, running.at + byMs - this.#ports.clock.now()), () => this.#onTimer(timer))
  }

  #after(name: TimerName, afterMs: number, run: () => void): void {
    this.#cancel(name)
    const { clock } = this.#ports
    this.#timers.set(name, { timer: clock.after(afterMs, run), at: clock.now() + afterMs })
  }

  #cancel(name: TimerName): void {
    this.#timers.get(name)?.timer.cancel()
    this.#timers.delete(name)
  }

  #report(from: Role, to: Role, reason: string): void {
    if (to === 'MASTER') this.#counters.become_master++
    if (from === 'MASTER') this.#counters.release_master++
    this.#since = this.#ports.today()
    this.#reason = reason
    const facts = { from, to, reason, priority: this.#priority }
    if (to === 'FAULT') this.#log.error(facts, 'state changed')
    else this.#log.info(facts, 'state changed')
    this.#diagnosis.moved(to)
    this.#ports.onTransition(facts)
    this.#group?.moved(this, from, reason)
  }

  #onHeld(): void {
    const { config } = this.#setup
    const around = this.#around
    if (around === undefined || this.#state.role !== 'MASTER') return
    const where = [...config.virtualIpaddress, ...config.virtualIpaddressExcluded].flatMap((one) => {
      const link = around.linkOf(one.dev)
      return link === undefined ? [] : [{ interfaceIndex: link.index, mac: link.mac, address: one.address }]
    })
    this.#announcer.start(where)
    // Somebody was master a moment ago, and may announce the addresses a moment after us.
    if (this.#rivals.isRecent(config.advertIntMs)) this.#announcer.again()
  }

  #onRefused(reason: string): void {
    this.#setAddressFault(reason)
    this.#after('retry', RETRY_REFUSED_ADDRESS_MS, () => this.#setAddressFault(undefined))
  }

  #setAddressFault(reason: string | undefined): void {
    this.#addressFault = reason
    this.#judge()
  }
}

function localOf({ config, signature }: InstanceSetup): Local {
  const { version, virtualRouterId: vrid, advertIntMs, authentication, unicast } = config
  const password = authentication === null ? null : passwordBytes(authentication.pass)
  return { version, vrid, advertIntMs, password, unicast, signature }
}

const macsOf = ({ link }: Pick<Surroundings, 'link'>): string => link?.mac.join(':') ?? ''
