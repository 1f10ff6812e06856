import type { Log } from '../base/log.js'
import type { VrrpConfig } from '../config/schema.js'
import type { VirtualAddress } from '../config/vip-schema.js'
import { Addresses, addressesOf } from './addresses.js'
import type { Advert, BadPacket } from './advert.js'
import { Announcer, macOf, type Whereabouts, whereaboutsOf } from './announcer.js'
import { countAccepted, countedBy, countRefused, newCounters } from './counters.js'
import { Diagnosis } from './diagnosis.js'
import type { Member, SyncGroup } from './group.js'
import type { InstancePorts, InstanceSetup, Surroundings } from './instance-ports.js'
import { type Action, type Event, initialState, type Role, type Settings, type State, step } from './machine.js'
import { LOOK_AGAIN_MS, patienceOf, takeoverNotBefore } from './patience.js'
import type { Local } from './receive.js'
import { Refusal } from './refusal.js'
import { Renewal } from './renewal.js'
import { Rivals } from './rivals.js'
import { type InstanceStatus, instanceStatus } from './snapshot.js'
import { Timers } from './timers.js'
import { farewellMs, HANDING_OVER_MS, leaseSeconds, stallMs } from './timing.js'
import { effectivePriority, faultsOf } from './tracking.js'
import { localOf, Voice } from './voice.js'
import type { Listener, TimedPacket } from './wire.js'

/** The driver of one election: owns its timers, performs what the machine decides, and proves to be alive before it renews the lease. */
export class Instance implements Listener, Member {
  readonly #ports: InstancePorts
  readonly #log: Log
  readonly #addresses: Addresses
  readonly #announcer: Announcer
  readonly #diagnosis: Diagnosis
  readonly #rivals: Rivals
  readonly #voice: Voice
  readonly #counters = newCounters()
  readonly #timers: Timers<'masterDown' | 'preemptDelay'>
  readonly #renewal: Renewal
  readonly #refusal: Refusal
  readonly #startedAt: number
  #group: SyncGroup | null = null
  #setup: InstanceSetup
  #local: Local
  #state: State
  #around: Surroundings | undefined
  #priority: number
  #since: Date
  #reason = 'start'
  #isStopped = false
  #keepsMs = 0

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
    this.#diagnosis = new Diagnosis(config.name, { ...ports, log: this.#log, lease: () => leaseSeconds(this.config) })
    this.#timers = new Timers(ports.clock)
    this.#voice = new Voice(ports, {
      setup: () => this.#setup,
      source: () => this.#own(),
      priority: () => this.#priority,
      onDue: () => this.#dispatch({ type: 'timeout', timer: 'advert', own: this.#own() }),
      onError: (error) => this.#diagnosis.notOnTime(error)
    })
    this.#announcer = new Announcer(config.garp, { ...ports, log: this.#log, mayAnnounce: () => this.#isStillMaster() })
    this.#addresses = new Addresses(leaseSeconds(config), {
      kernel: ports.kernel,
      log: this.#log,
      clock: ports.clock,
      onHeld: (fresh) => this.#onHeld(fresh),
      onRefused: (reason) => this.#refusal.note(reason),
      beforeGone: (leaving) => ports.beforeGone(leaving.map(({ address }) => address))
    })
    this.#addresses.set(addressesOf(config))
    this.#refusal = new Refusal(ports.clock, () => this.#judge())
    this.#renewal = new Renewal({
      clock: ports.clock,
      lastSentAt: () => this.#voice.lastSentAt,
      advertIntMs: () => this.#setup.config.advertIntMs,
      listen: () => ports.wire.drain(),
      mayRenew: () => this.#isStillMaster(),
      renew: () => this.#addresses.renew()
    })
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

  /** What the instance hangs on, as it is now. The first call starts the election. @param resumes the process before was master */
  update(around: Surroundings, resumes = false): void {
    if (this.#isStopped) return
    const hasMoved = this.#around !== undefined && macOf(this.#around.link) !== macOf(around.link)
    this.#around = around
    this.#stepBackIfStalled()
    this.#voice.follow(around.source)
    this.#addresses.place((dev) => around.linkOf(dev)?.index ?? null)
    this.#setPriority()
    if (resumes) this.#dispatch({ type: 'resume', own: this.#own() })
    this.#judge()
    this.#addresses.kernelChanged()
    this.#diagnosis.place(around, this.#setup.config)
    // A bond takes over another port's MAC: whoever knows the old one has to learn it.
    if (hasMoved && this.#addresses.isHeld) this.#announcer.start(this.#whereabouts(addressesOf(this.config)))
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
    // By the pace that was in force: by a faster one a master that was on time would be called stalled.
    this.#stepBackIfStalled()
    const was = this.#settings()
    const before = this.#setup.config
    const { config } = setup
    this.#setup = setup
    this.#local = localOf(setup)
    this.#announcer.configure(config.garp)
    this.#addresses.set(addressesOf(config), leaseSeconds(config))
    this.#announcer.keep(this.#whereabouts(addressesOf(config)))
    if (this.#around !== undefined) this.#priority = effectivePriority(config.priority, this.#around)
    if (this.#priority !== was.priority) this.#ports.onPriority(this.#priority)
    if (JSON.stringify(before) !== JSON.stringify(config)) this.#apply({ type: 'settings', was })
    else this.#voice.refresh()
  }

  onAdvert(advert: Advert, packet: TimedPacket): void {
    const { config } = this
    const { priority, advertIntMs } = advert
    if (this.#isStopped) {
      if (priority > 0) this.hasten(HANDING_OVER_MS)
      return
    }
    countAccepted(this.#counters, advert, config, this.#diagnosis.accepted(advert, packet, config))
    this.#rivals.note(priority, this.#priority)
    if (this.#isLowerRival(priority, packet.source)) return
    const ageMs = Math.max(0, this.#ports.clock.now() - packet.receivedAtMs)
    this.#dispatch({ type: 'advert', source: packet.source, own: this.#own(), priority, advertIntMs, ageMs })
  }

  onRejected(why: BadPacket, packet: TimedPacket): void {
    if (this.#isStopped) return
    countRefused(this.#counters, why, packet, this.#local)
    this.#diagnosis.refused(why, packet)
  }

  takeOver(): void {
    this.#dispatch({ type: 'timeout', timer: 'masterDown', own: this.#own() })
  }

  yieldTo(reason: string): void {
    this.#dispatch({ type: 'yield', reason })
  }

  groupChanged(): void {
    this.#judge()
  }

  /** Leaves the election (a master says so by priority 0 at once). Resolves when the addresses are gone. @param keeps them until another node has them */
  async stop(keeps = false): Promise<void> {
    this.#isStopped = true
    this.#keepsMs = keeps ? farewellMs(this.config.version, this.config.advertIntMs) : 0
    this.#dispatch({ type: 'shutdown' })
    await Promise.all([this.leave(), this.#addresses.settled()])
    this.#ports.wire.remove(this)
    this.#group?.remove(this)
  }

  /** Addresses that are kept for another node are kept for this long yet. @returns whether any is */
  hasten(lingerMs: number): boolean {
    return this.#addresses.hasten(lingerMs)
  }

  /** Says once more that it lives, then nothing, and leaves the addresses as they are: another process goes on with both. */
  leave(): Promise<void> {
    this.#isStopped = true
    if (this.role === 'MASTER') this.#voice.say(this.#priority, false) // Three intervals from now for the other process.
    this.#voice.stop()
    this.#announcer.stop()
    this.#timers.cancelAll()
    this.#renewal.stop()
    this.#refusal.stop()
    this.#diagnosis.stop()
    return this.#ports.wire.flush()
  }

  snapshot(): InstanceStatus {
    const { wire, sender } = this.#ports
    return instanceStatus(this.#setup.config, {
      state: this.#state,
      since: this.#since,
      reason: this.#reason,
      effectivePriority: this.#priority,
      source: this.#around?.source ?? null,
      virtual_ipaddress: this.#addresses.snapshot(),
      socket: wire.kind,
      sender: sender === null ? 'main loop' : 'thread',
      worstLatenessMs: this.#voice.facts.worstLatenessMs,
      tier: this.#around?.tier ?? 'serving',
      tracked: this.#around?.tracked ?? [],
      syncGroup: this.#group?.name ?? null,
      conditions: this.#diagnosis.list(),
      counters: countedBy(this.#counters, {
        voice: this.#voice,
        announcer: this.#announcer,
        addresses: this.#addresses
      })
    })
  }

  #settings(): Settings {
    return { ...this.#setup.config, priority: this.#priority }
  }

  #own(): string {
    return this.#around?.source ?? (this.#setup.config.family === 6 ? '::' : '0.0.0.0')
  }

  #setPriority(): void {
    if (this.#around === undefined) return
    const priority = effectivePriority(this.config.priority, this.#around)
    if (priority === this.#priority) return
    const was = this.#settings()
    this.#priority = priority
    this.#log.info({ from: was.priority, to: priority, tier: this.#around.tier }, 'effective priority changed')
    this.#ports.onPriority(priority)
    this.#dispatch({ type: 'settings', was })
  }

  #judge(): void {
    const around = this.#around
    if (around === undefined || this.#isStopped) return
    const own = faultsOf({ ...around, interface: this.config.interface, addressFault: this.#refusal.fault })
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
    const silenceMs = this.#ports.clock.now() - this.#voice.lastSentAt
    if (silenceMs < stallMs(this.#setup.config)) return
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
        if (action.timer === 'advert') this.#voice.start(action.afterMs)
        else this.#arm(action.timer, action.afterMs)
        break
      case 'shift':
        this.#timers.shift(action.timer, action.byMs)
        break
      case 'cancel':
        if (action.timer === 'advert') this.#voice.stop()
        else this.#timers.cancel(action.timer)
        break
      case 'hold':
        this.#addresses.want(true)
        this.#diagnosis.claimed()
        break
      case 'release':
        this.#renewal.stop()
        this.#announcer.stop()
        this.#addresses.want(false, this.#state.master === null ? this.#keepsMs : HANDING_OVER_MS)
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

  /** The last word of a master that steps down is no reason to hold on. */
  #advertise(priority: number): void {
    const isMaster = this.#state.role === 'MASTER'
    this.#voice.say(priority, isMaster)
    if (isMaster) this.#renewal.go()
  }

  #isStillMaster(): boolean {
    this.#stepBackIfStalled()
    return this.#state.role === 'MASTER'
  }

  #arm(timer: 'masterDown' | 'preemptDelay', afterMs: number): void {
    // An accepted advert arms it: this member has a master.
    if (timer === 'masterDown') this.#group?.unclaim(this)
    this.#timers.after(timer, afterMs, () => this.#onTimer(timer))
  }

  /** Adverts may lie unread in the socket, for Node runs expired timers before it reads: they come first, and may arm the timer anew. */
  #onTimer(timer: 'masterDown' | 'preemptDelay'): void {
    this.#ports.wire.drain()
    if (this.#timers.has(timer)) return
    if (timer === 'preemptDelay') {
      this.#dispatch({ type: 'timeout', timer, own: this.#own() })
      return
    }
    const patience = patienceOf(this.#startedAt, this.#setup, this.#around)
    const waitMs = takeoverNotBefore(patience) - this.#ports.clock.now()
    if (waitMs > 0) {
      this.#timers.after(timer, Math.min(waitMs, LOOK_AGAIN_MS), () => this.#onTimer(timer))
      return
    }
    if (this.#group === null) {
      this.takeOver()
      return
    }
    // Others may not agree, or not yet: this one goes on waiting for a master.
    this.#timers.after(timer, this.#setup.config.advertIntMs, () => this.#onTimer(timer))
    this.#group.claim(this)
  }

  #report(from: Role, to: Role, reason: string): void {
    if (to === 'MASTER') this.#counters.become_master++
    if (from === 'MASTER') this.#counters.release_master++
    this.#since = this.#ports.today()
    this.#reason = reason
    const facts = { from, to, reason, priority: this.#priority }
    this.#log[to === 'FAULT' ? 'error' : 'warn'](facts, 'state changed')
    this.#diagnosis.moved(to)
    this.#ports.onTransition(facts)
    this.#group?.moved(this, from, reason)
  }

  /** These are on their interfaces, newly or again. */
  #onHeld(fresh: readonly VirtualAddress[]): void {
    if (this.#state.role !== 'MASTER') return
    if (this.#addresses.isHeld) this.#refusal.overcome()
    this.#announcer.announce(this.#whereabouts(fresh))
    // Somebody was master a moment ago, and may announce the addresses a moment after us.
    if (this.#rivals.isRecent(this.config.advertIntMs)) this.#announcer.again()
    this.#ports.onHeld(fresh.map(({ address }) => address))
  }

  #whereabouts(addresses: readonly VirtualAddress[]): Whereabouts[] {
    return this.#around === undefined ? [] : whereaboutsOf(addresses, this.#around.linkOf)
  }
}
