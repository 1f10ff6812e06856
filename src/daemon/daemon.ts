import { hostname } from 'node:os'
import { AdminServer } from '../admin/server.js'
import type {
  Control,
  FailoverQuery,
  FailoverVerdict,
  HandOverVerdict,
  KillQuery,
  KillVerdict,
  OrderVerdict,
  ReloadVerdict,
  ServerName,
  SessionQuery,
  SessionsVerdict,
  Status
} from '../admin/status.js'
import type { Timer } from '../base/clock.js'
import { messageOf, VipdError } from '../base/errors.js'
import type { HistoryEvent } from '../base/history.js'
import type { RootLog } from '../base/log.js'
import { loadConfig } from '../config/load.js'
import { formatProblem } from '../config/problem.js'
import type { Config } from '../config/schema.js'
import type { FdStore } from '../os/fd-store.js'
import type { Syslog } from '../os/syslog.js'
import type { Systemd } from '../os/systemd.js'
import type { ServerOrder } from '../proxy/orders.js'
import { build, type Parts, type Ports } from './build.js'
import { virtualAddresses } from './election.js'
import { EventFile, eventFileOf } from './event-file.js'
import { startHeart } from './heart.js'
import { requireCapabilities } from './host.js'
import { hostChecks } from './host-checks.js'
import { type LoadedKeys, loadKeys } from './keys.js'
import { takeAddressLock } from './lock.js'
import { Meter } from './meter.js'
import { Operator } from './operator.js'
import { Peering } from './peering.js'
import { PULSE_PERIOD_MS } from './pulse.js'
import { mergeForReload } from './reload.js'
import { SessionRecorder } from './session-recorder.js'
import { putAway, type SuccessionPorts, succeed } from './succession.js'
import { sweep } from './sweep.js'
import { adoptSessions, type Legacy, offerListeners } from './taking.js'

export interface DaemonSettings {
  readonly config: Config
  /** Where it came from: a reload reads it again. */
  readonly path: string
  readonly version: string
  /** Warnings of the file, as sentences. */
  readonly problems: readonly string[]
  /** What the process before this one leaves to it. */
  readonly legacy?: Legacy | undefined
}

export interface DaemonPorts extends Omit<Ports, 'onHeld'> {
  readonly log: RootLog
  readonly systemd: Systemd
  /** Where the log goes besides stdout. */
  readonly syslog: readonly Pick<Syslog, 'status'>[]
}

const METER_WINDOW_MS = 60_000
const LOOK_PERIOD_MS = 5000
const STOP_SLACK_MS = 5000
const DRAIN_LOOK_MS = 50
const LAST_SESSIONS_MS = 300

/** The running program: order, deadlines, and what the operator may ask. */
export class Daemon implements Control {
  readonly #settings: DaemonSettings
  readonly #ports: DaemonPorts
  readonly #systemd: Systemd
  readonly #parts: Parts
  readonly #admin: AdminServer
  readonly #operator: Operator
  readonly #recorder: SessionRecorder
  readonly #eventFile: EventFile
  readonly #peering: Peering
  readonly #meter = new Meter()
  readonly #timers: Timer[] = []
  /** What is in force. */
  #config: Config
  #loadedAt = new Date()
  #reloading: Promise<unknown> = Promise.resolve()
  #stopping: Promise<void> | undefined
  #unlock: (() => void) | undefined

  constructor(settings: DaemonSettings, ports: DaemonPorts) {
    this.#settings = settings
    this.#config = settings.config
    this.#ports = ports
    this.#systemd = ports.systemd
    requireCapabilities(settings.config, ports.addon.missingCapabilities())
    const onHeld = (addresses: readonly string[]): void => this.#peering.held(addresses)
    this.#parts = build(settings.config, { ...ports, onHeld }, settings.legacy)
    const { services, plane, history } = this.#parts
    this.#peering = new Peering({ ...ports, plane, version: settings.version, status: () => this.status() })
    this.#operator = new Operator({ ...ports, services, plane, history, today: () => new Date() })
    this.#recorder = new SessionRecorder({
      ...ports,
      plane,
      names: (service, server) => services.names(service, server)
    })
    this.#eventFile = new EventFile(eventFileOf(settings.config.admin.socket), {
      ...ports,
      history,
      onProblem: (what) => ports.log.warn({}, what)
    })
    this.#admin = new AdminServer(this, (error) => ports.log.warn({ error: messageOf(error) }, 'admin request failed'))
  }

  /** Ready when it takes part in the election and its listeners were tried. Throws a VipdError when it cannot run at all. */
  async start(): Promise<void> {
    const { config, path, version, problems, legacy } = this.#settings
    const { log, clock } = this.#ports
    await this.#eventFile.load()
    // The socket first: it is also the lock that keeps a second daemon from sweeping this one's addresses.
    if (legacy === undefined) await this.#admin.listen(config.admin)
    const loaded = await loadKeys(config, process.env)
    if (loaded.problems.length > 0) throw new VipdError('KEY_UNREADABLE', loaded.problems.join('; '))
    await this.#startNetlink()
    await this.#apply(config, loaded)
    // A SIGTERM may have come meanwhile: what has been stopped is not started.
    if (this.#stopping !== undefined) return
    for (const shortage of this.#parts.shortages) log.warn({}, shortage)
    for (const problem of problems) log.warn({}, problem)
    if (legacy !== undefined) offerListeners(legacy, this.#parts.plane)
    this.#parts.services.start()
    if (legacy !== undefined) adoptSessions(legacy, this.#parts.plane)
    this.#recorder.configure(this.#config)
    this.#timers.push(startHeart(clock, this.#parts.sender, this.#parts.isPlaneAlive))
    this.#parts.election.begin()
    // Who asked for it waits until this process knows itself.
    if (legacy !== undefined) await this.#admin.listen(config.admin)
    this.#meter.start()
    this.#timers.push(
      clock.every(PULSE_PERIOD_MS, () => this.#parts.pulse()),
      clock.every(LOOK_PERIOD_MS, () => void this.#parts.look(interfacesOf(this.#config))),
      clock.every(METER_WINDOW_MS, () => this.#meter.turn())
    )
    this.#eventFile.start()
    this.#startWatchdog()
    this.#systemd.ready(this.#summary())
    log.info(
      { version, config: path, vrrp: config.vrrp.length, proxy: config.proxy.length, threads: this.#parts.threads },
      'vipd started'
    )
  }

  /** Priority 0 at once, then drain, then gone; the same promise for everybody who asks. Bounded by hard_stop_after and five seconds. */
  stop(reason: string): Promise<void> {
    this.#stopping ??= this.#stop(reason)
    return this.#stopping
  }

  /** Who ends waits for no other node any more. @returns false: it did not */
  hasten(): boolean {
    return this.#stopping !== undefined && this.#parts.election.hasten()
  }

  async status(): Promise<Status> {
    const counters = this.#parts.plane.counters()
    const { path, version, problems } = this.#settings
    return {
      schema: 1,
      version,
      node: hostname(),
      pid: process.pid,
      uptime_s: Math.floor(process.uptime()),
      config: { path, loaded_at: this.#loadedAt.toISOString(), problems: [...problems, ...this.#parts.shortages] },
      vrrp: this.#parts.election.instances.map((instance) => instance.snapshot()),
      vrrp_sync_group: this.#parts.election.groups.map(({ name, role, members }) => ({
        name,
        state: role,
        group: members
      })),
      peers: this.#peering.status(),
      notify: { ...this.#parts.notifier.counters },
      proxy: this.#parts.services.snapshots(counters),
      log: { ...this.#recorder.status(counters), syslog: this.#ports.syslog.map(({ status }) => status) },
      process: {
        ...(await this.#meter.read()),
        worker_threads: this.#parts.threads,
        data_plane_alive: this.#parts.isPlaneAlive(),
        bytes_spliced: counters.bytesSpliced,
        events_dropped: counters.eventsDropped,
        netlink_overruns: this.#parts.netlink.overruns,
        advert_sender_real_time: this.#parts.sender?.isRealTime ?? null
      }
    }
  }

  events(since: number): readonly HistoryEvent[] {
    return this.#parts.history.since(since)
  }

  orderServer(name: ServerName, order: ServerOrder): OrderVerdict {
    return this.#operator.order(name, order)
  }

  failover(query: FailoverQuery): FailoverVerdict {
    const verdict = this.#parts.away.order(this.#config.vrrp, query)
    const facts = { instances: verdict.ok ? verdict.instances : [], for_ms: query.forMs }
    if (verdict.ok) this.#ports.log.warn(facts, query.forMs > 0 ? 'failover ordered' : 'failover ended')
    return verdict
  }

  /** A fresh process of the program that is installed now takes over, and this one ends. One at a time, and never beside a reload. */
  handOver(): Promise<HandOverVerdict> {
    return this.#inTurn(async () => {
      if (this.#stopping !== undefined) return { ok: false, error: 'this process is ending already' }
      return await succeed(this.#settings.path, this.#sessionsLeft(), this.#succession)
    })
  }

  /** All goes into the service manager's store, for the process that it starts next. @returns false: it does not, and nothing has changed */
  keep(store: FdStore): Promise<boolean> {
    const put = () => putAway(store, this.#config.admin.socket, this.#succession)
    return this.#inTurn(async () => this.#stopping === undefined && (await put()))
  }

  get #succession(): SuccessionPorts {
    const { away, election, services } = this.#parts
    const { version } = this.#settings
    const estate = () => ({ version, services: services.estate, masters: election.masters, away: away.left })
    return { ...this.#ports, parts: this.#parts, estate, quiet: () => this.#quiet() }
  }

  /** Everything but the election and the data plane stands still, and what only one process can have is given back. */
  async #quiet(): Promise<void> {
    // A signal that comes now finds nothing to stop.
    this.#stopping = new Promise(() => undefined)
    for (const timer of this.#timers) timer.cancel()
    this.#parts.away.stop()
    this.#peering.stop()
    this.#recorder.stop()
    await this.#eventFile.stop()
    this.#admin.leave()
    this.#unlock?.()
  }

  sessions(query: SessionQuery): Promise<SessionsVerdict> {
    return this.#operator.sessions(query)
  }

  killSessions(query: KillQuery): Promise<KillVerdict> {
    return this.#operator.kill(query)
  }

  /**
   * Validates the file as it is now, whole; then applies it in place and names what takes a restart. A file with an
   * error changes nothing. One at a time.
   */
  reload(): Promise<ReloadVerdict> {
    return this.#inTurn(() => this.#reload())
  }

  #inTurn<Answer>(what: () => Promise<Answer>): Promise<Answer> {
    const turn = this.#reloading.then(what)
    this.#reloading = turn.catch(() => undefined)
    return turn
  }

  /** What a reload would make of the file as it is now. Changes nothing. */
  async preview(): Promise<ReloadVerdict> {
    return (await this.#read()).verdict
  }

  async #reload(): Promise<ReloadVerdict> {
    const { verdict, next } = await this.#read()
    if (next === undefined || this.#stopping !== undefined) return verdict
    // Keys are read again although the file names the same: that is how they are rotated.
    await this.#apply(next.config, next.loaded)
    this.#config = next.config
    this.#recorder.configure(next.config)
    this.#loadedAt = new Date()
    return { ...verdict, problems: [...verdict.problems, ...this.#parts.services.faults] }
  }

  /** The file as it is now; without `next` it is not valid. */
  async #read(): Promise<{ readonly verdict: ReloadVerdict; readonly next?: { config: Config; loaded: LoadedKeys } }> {
    const { path } = this.#settings
    const file = await loadConfig(path, hostChecks)
    const problems = file.problems.map((problem) => formatProblem(path, problem))
    const invalid = { verdict: 'invalid', applied: [], changes: [] } as const
    if (file.config === undefined || this.#stopping !== undefined) return { verdict: { ...invalid, problems } }
    const loaded = await loadKeys(file.config, process.env)
    if (loaded.problems.length > 0) return { verdict: { ...invalid, problems: [...problems, ...loaded.problems] } }
    const { config, applied, changes } = mergeForReload(this.#config, file.config, this.#parts.planned)
    const verdict = changes.length > 0 ? 'needs-restart' : applied.length > 0 ? 'applied' : 'unchanged'
    return { verdict: { verdict, problems, applied, changes }, next: { config, loaded } }
  }

  async #apply(config: Config, { keys, common }: LoadedKeys): Promise<void> {
    const { users, narrator, notifier, services, trackers, election } = this.#parts
    await users.configure(config)
    narrator.configure(config)
    notifier.configure(config.global)
    await this.#parts.look(interfacesOf(config))
    if (this.#stopping !== undefined) return
    // In one go: an instance is judged by what its own configuration tracks, and by who listens on its addresses.
    services.configure(config)
    trackers.configure(config)
    this.#peering.configure(config, common)
    await election.configure(config, keys)
  }

  async #startNetlink(): Promise<void> {
    if (this.#settings.config.vrrp.length === 0) return
    try {
      await this.#parts.netlink.start()
    } catch (error) {
      const why = `cannot read the kernel's links and addresses: ${messageOf(error)}`
      throw new VipdError('NETLINK_FAILED', why, {}, error)
    }
    this.#unlock = await takeAddressLock()
    // What the process before this one holds is ours now.
    if (this.#settings.legacy !== undefined) return
    if (this.#unlock === undefined) {
      // Another vipd is alive here: what carries the mark may be its own.
      this.#ports.log.warn({}, 'another vipd runs in this network namespace: nothing is swept')
      return
    }
    const swept = await sweep(this.#parts.netlink, this.#config)
    if (swept.length > 0) this.#ports.log.warn({ addresses: swept }, 'removed addresses that a dead daemon had left')
  }

  /** Fed only while the data plane moves; that this runs at all shows that the main loop does. */
  #startWatchdog(): void {
    const { watchdogMs } = this.#systemd
    if (watchdogMs === undefined) return
    const feed = (): void => {
      if (this.#parts.isPlaneAlive()) this.#systemd.watchdog()
      this.#systemd.status(this.#summary())
    }
    this.#timers.push(this.#ports.clock.every(watchdogMs / 3, feed))
  }

  #summary(): string {
    const roles = this.#parts.election.instances.map((instance) => `${instance.name} ${instance.role}`)
    return roles.length === 0 ? 'proxy only' : roles.join(', ')
  }

  async #stop(reason: string): Promise<void> {
    const { log, clock } = this.#ports
    const { election, trackers, notifier, services, plane, prober, probes, netlink, sender } = this.#parts
    log.info({ reason, sessions: this.#sessionsLeft(), at_most_ms: this.#config.hardStopAfterMs }, 'vipd stops')
    this.#systemd.stopping()
    for (const timer of this.#timers) timer.cancel()
    this.#parts.away.stop()
    this.#peering.stop()
    const limitMs = this.#config.hardStopAfterMs
    const limit = clock.after(limitMs + STOP_SLACK_MS, () => {
      log.error({}, 'stopping took too long')
      process.exit(1)
    })
    // Until another node has the addresses clients are answered here; and told by RST before they go.
    await election.stop()
    services.stop(virtualAddresses(this.#config))
    trackers.stop()
    await Promise.all([notifier.stop(), this.#drained(limitMs)])
    // What is left is ended by order, so that its record says so.
    services.close()
    await this.#drained(LAST_SESSIONS_MS)
    this.#recorder.stop()
    plane.stop()
    probes.close()
    prober.close()
    sender?.close()
    election.close()
    netlink.stop()
    this.#meter.stop()
    await Promise.all([this.#eventFile.stop(), this.#admin.close()])
    limit.cancel()
    log.info({}, 'vipd stopped')
  }

  #sessionsLeft(): number {
    return this.#parts.plane.counters().services.reduce((sum, { current }) => sum + current, 0)
  }

  /** Resolves when no session is left, or after `limitMs`. */
  #drained(limitMs: number): Promise<void> {
    const { clock } = this.#ports
    const until = clock.now() + limitMs
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.#sessionsLeft() === 0 || clock.now() >= until) resolve()
        else clock.after(DRAIN_LOOK_MS, look)
      }
      look()
    })
  }
}

const interfacesOf = (config: Pick<Config, 'vrrp'>): readonly string[] => [
  ...new Set(config.vrrp.map((one) => one.interface))
]
