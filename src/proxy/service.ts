import { isDeepStrictEqual } from 'node:util'
import { formatBind } from '../base/bind.js'
import type { Timer } from '../base/clock.js'
import type { Log } from '../base/log.js'
import type { CheckConfig, ServiceConfig } from '../config/schema.js'
import type { CheckResult, Probe } from '../health/checker.js'
import { isOurOwn } from '../health/shortage.js'
import type { DataPlaneEvent, NativeDataPlane, ServiceCounters } from '../os/plane.js'
import { shareOf } from './balancer.js'
import { type Choice, type ChoiceKind, choose } from './choice.js'
import type { ServiceEstate } from './estate.js'
import { Herald } from './herald.js'
import { type InheritedSockets, listenersOf } from './listeners.js'
import type { MemberPorts } from './member.js'
import { type OrderVerdict, verdictOf } from './order-words.js'
import type { ServerOrder } from './orders.js'
import { effective, healthOf, type Reach, reachOf, type Server } from './pool.js'
import { Publisher } from './publisher.js'
import type { Load } from './rebalance.js'
import { Rebalancer } from './rebalancer.js'
import { Roster } from './roster.js'
import { STEP_PERIOD_MS, STEPS, stepOf } from './slowstart.js'
import { type ServiceStatus, serviceStatus } from './snapshot.js'
import { type Route, type TableBody, tableOf } from './table.js'

export interface ServicePorts extends Omit<MemberPorts, 'probe'> {
  readonly probe: (check: CheckConfig, names: { readonly service: string; readonly server: string }) => Probe
  readonly log: Log
  readonly plane: Pick<NativeDataPlane, 'publish' | 'withdraw' | 'sessions' | 'kill'>
  readonly inherited: InheritedSockets
  /** Whether the service can be served, or by whom, has changed. */
  readonly onChange: () => void
}

/** What a service is told of the others. */
export interface Place {
  /** What of the configured maxconn the descriptors allow. */
  readonly maxconn: number
  readonly routes: readonly Route[]
  /** It listens where another service was told to stop. */
  readonly isHandover: boolean
}

/** One service: its servers, their checks; publishes its table whenever what is effective changes. */
export class Service {
  readonly id: number
  readonly #ports: ServicePorts
  readonly #roster: Roster
  readonly #publisher: Publisher
  #config: ServiceConfig
  #place: Place
  #herald: Herald
  #rebalancer: Rebalancer | undefined
  /** Who the log was told gets the connections. */
  #toldKind: ChoiceKind = 'active'
  #counters: ServiceCounters | undefined
  #published: TableBody | undefined
  #touched: Timer | undefined
  #step: Timer | undefined
  #isStarted = false
  #isStopped = false

  /** @param estate what the process before this one knew of it */
  constructor(id: number, config: ServiceConfig, place: Place, ports: ServicePorts, estate?: ServiceEstate) {
    this.id = id
    this.#ports = ports
    this.#config = config
    this.#place = place
    this.#herald = this.#newHerald()
    const probe: MemberPorts['probe'] = (check, server) => ports.probe(check, { service: this.name, server })
    this.#roster = new Roster({ ...ports, probe }, this.#onMove, estate?.servers)
    this.#publisher = new Publisher({ clock: ports.clock, plane: ports.plane, onFault: this.#onFault })
    this.#roster.configure(config.servers)
    this.#settle()
  }

  get name(): string {
    return this.#config.name
  }

  get config(): ServiceConfig {
    return this.#config
  }

  /** Whether it listens, or should, where clients of these addresses come. */
  concerns(addresses: ReadonlySet<string>): boolean {
    return this.#publisher.concerns(addresses)
  }

  /** Whether it listens on one of these addresses itself, and not on all of the host's. */
  listensAt(addresses: ReadonlySet<string>): boolean {
    return this.#config.bind.some((bind) => bind.kind === 'tcp' && addresses.has(bind.host))
  }

  /** Why clients of these addresses are not served at all; undefined when somebody listens. Servers that are down are no fault. */
  faultOn(addresses: ReadonlySet<string>): string | undefined {
    return this.#publisher.faultOn(addresses)
  }

  /** Why it does not listen where it should; undefined when it does. */
  get fault(): string | undefined {
    return this.#publisher.fault
  }

  /** What it can do for its clients now. @param isLocal whether an address is this host's own */
  reach(isLocal: (host: string) => boolean): Reach {
    return reachOf(this.#roster.servers, this.#choice.kind !== 'none', isLocal)
  }

  /** Binds and checks: every first check at once. */
  start(): void {
    if (this.#isStarted || this.#isStopped) return
    this.#isStarted = true
    this.#publish()
    this.#roster.start()
    this.#rebalancer?.start()
  }

  /** Another configuration of the same service; sessions, counters and what is known of servers that stay are not touched. */
  configure(config: ServiceConfig, place: Place): void {
    const before = this.#config
    this.#config = config
    this.#place = place
    if (before.name !== config.name) this.#herald = this.#newHerald()
    this.#roster.configure(config.servers)
    const isSamePace = isDeepStrictEqual(before.rebalance, config.rebalance)
    if (!isSamePace || before.name !== config.name || !isSpreading(config)) {
      this.#rebalancer?.stop()
      this.#rebalancer = undefined
    }
    this.#settle()
    if (!this.#isStarted) return
    if (this.fault === undefined && isDeepStrictEqual(before.bind, config.bind)) this.#flush()
    else this.#publish()
    this.#rebalancer?.start()
  }

  /** Stops checking and accepting; `closeSessions`: and resets what is connected. */
  stop(closeSessions: boolean): void {
    this.#isStopped = true
    this.#touched?.cancel()
    this.#step?.cancel()
    this.#rebalancer?.stop()
    this.#roster.stop()
    this.#publisher.stop(this.id, closeSessions)
  }

  /** For the process that comes after: what is known of it. */
  get estate(): ServiceEstate {
    return { name: this.name, id: this.id, servers: this.#roster.estate }
  }

  /** Another process has its listeners and sessions: nothing of it is touched any more. */
  leave(): void {
    this.#isStopped = true
    this.#touched?.cancel()
    this.#step?.cancel()
    this.#rebalancer?.stop()
    this.#roster.stop()
    this.#publisher.leave()
  }

  /** What the operator asks of a server. @returns undefined: there is no such server */
  order(server: string, order: ServerOrder): OrderVerdict | undefined {
    const member = this.#roster.find(server)
    if (member === undefined) return undefined
    member.order(order)
    this.#flush()
    return verdictOf(member.server, `${this.name}/${server}`, this.#sessionsOf(member.server))
  }

  get serverNames(): readonly string[] {
    return this.#config.servers.map(({ name }) => name)
  }

  /** The name of a server that has this identity, or had it not long ago. */
  serverName(id: number): string | undefined {
    return this.#roster.nameOf(id)
  }

  serverId(name: string): number | undefined {
    return this.#roster.find(name)?.server.id
  }

  onEvent(event: DataPlaneEvent): void {
    this.#herald.failed(event, this.serverName(event.server))
    if (event.type === 'connect-failed' && !isOurOwn(event.error)) this.#roster.byId(event.server)?.onConnectFailed()
  }

  /** What the data plane has counted, several times a second: failed connects, sessions that have ended. */
  look(counters: ServiceCounters | undefined): void {
    if (this.#isStopped) return
    const before = this.#counters
    this.#counters = counters
    for (const { id, failuresInRow } of counters?.servers ?? []) this.#roster.byId(id)?.look(failuresInRow)
    const released = this.#roster.release(counters?.servers ?? [])
    if (released.length > 0) this.#touch()
    for (const { server } of released) this.#herald.drained(server)
    const isDrained = (server: Server): boolean => currentOf(before, server) > 0 && this.#sessionsOf(server) === 0
    for (const server of this.#roster.servers)
      if (effective(server) === 'DRAIN' && isDrained(server) && !this.#choice.servers.includes(server))
        this.#herald.drained(server)
  }

  snapshot(counters: ServiceCounters | undefined): ServiceStatus {
    return serviceStatus(
      {
        config: this.#config,
        servers: this.#roster.servers,
        leaving: this.#roster.leaving,
        choice: this.#choice,
        maxconn: this.#place.maxconn,
        isListening: this.#publisher.isListening,
        fault: this.fault,
        rebalance: this.#rebalancer?.status() ?? null,
        nowMs: this.#ports.clock.now()
      },
      counters
    )
  }

  /** What is effective may have changed: it is published once all that came with it is known. */
  #touch(): void {
    this.#touched ??= this.#ports.clock.afterInput(() => this.#flush())
  }

  /** Publishes what is effective, if it is something else. */
  #flush(): void {
    this.#touched?.cancel()
    this.#touched = undefined
    if (!this.#isStarted || this.#isStopped) return
    this.#tellChoice()
    if (!isDeepStrictEqual(this.#body(), this.#published)) this.#publish()
    else this.#awaitStep()
  }

  #publish(): void {
    this.#published = this.#body()
    this.#publisher.publish(this.#published)
    this.#awaitStep()
  }

  #body(): TableBody {
    return tableOf({
      id: this.id,
      config: this.#config,
      servers: this.#roster.servers,
      leaving: this.#roster.leaving.map(({ server }) => server),
      routes: this.#place.routes,
      maxconn: this.#place.maxconn,
      nowMs: this.#ports.clock.now()
    })
  }

  /** Shares that grow are looked at once a second. */
  #awaitStep(): void {
    this.#step?.cancel()
    if (this.#roster.servers.some((server) => isGrowing(server, this.#ports.clock.now())))
      this.#step = this.#ports.clock.after(STEP_PERIOD_MS, () => this.#flush())
  }

  /** Before the first checks nothing is said of who is missing. */
  #tellChoice(): void {
    const { kind } = this.#choice
    const isEarly = kind === 'none' && this.#roster.servers.some(awaitsCheck)
    if (isEarly || kind === this.#toldKind) return
    this.#toldKind = kind
    this.#herald.chosen(kind)
  }

  /** What servers have that get connections; undefined while backups do, or shares still grow. */
  #loads(): readonly Load[] | undefined {
    const nowMs = this.#ports.clock.now()
    const { kind, servers } = this.#choice
    if (kind !== 'active' || servers.some((server) => isGrowing(server, nowMs))) return undefined
    return servers.map((server) => ({
      server: server.id,
      current: this.#sessionsOf(server),
      weight: shareOf(server, this.#config, nowMs)
    }))
  }

  get #choice(): Choice {
    return choose(this.#roster.servers, this.#config.allbackups)
  }

  #newHerald(): Herald {
    return new Herald(this.#ports.log.child({ service: this.name }), this.#ports.clock)
  }

  /** What hangs on the configuration alone. */
  #settle(): void {
    const { bind, rebalance } = this.#config
    this.#publisher.place(bind, listenersOf(bind, this.#ports.inherited), this.#place.isHandover)
    this.#rebalancer =
      rebalance === null || !isSpreading(this.#config)
        ? undefined
        : (this.#rebalancer ??
          new Rebalancer(this.id, rebalance, {
            clock: this.#ports.clock,
            log: this.#ports.log.child({ service: this.name }),
            plane: this.#ports.plane,
            loads: () => this.#loads(),
            serverName: (id) => this.serverName(id) ?? String(id)
          }))
  }

  readonly #onMove = (before: Server, after: Server, result: CheckResult | undefined): void => {
    if (this.#isStopped) return
    if (hasMoved(before, after)) this.#herald.moved(after, result, this.#settingOf(after))
    else if (result !== undefined && result.code !== before.lastCheck?.code) this.#herald.checked(after, result)
    if (result !== undefined && result.problem !== before.lastCheck?.problem) this.#herald.unfit(after, result.problem)
    this.#touch()
    const wasOk = before.lastCheck?.isOk
    if (effective(before) !== effective(after) || wasOk !== after.lastCheck?.isOk) this.#ports.onChange()
  }

  readonly #onFault = (): void => {
    this.#herald.listening(this.#config.bind.map(formatBind), this.fault)
    this.#ports.onChange()
  }

  #settingOf(server: Server) {
    const { servers } = this.#roster
    const up = servers.filter((one) => effective(one) === 'UP').length
    return { service: this.name, up, of: servers.length, sessions: this.#sessionsOf(server) }
  }

  #sessionsOf(server: Server): number {
    return currentOf(this.#counters, server)
  }
}

/** A server that is not checked yet has the status of a dead one; that it is dead is news all the same. */
const hasMoved = (before: Server, after: Server): boolean =>
  effective(before) !== effective(after) || (awaitsCheck(before) && !awaitsCheck(after))

const awaitsCheck = (server: Server): boolean => effective(server) === 'DOWN' && healthOf(server) === 'unknown'

const currentOf = (counters: ServiceCounters | undefined, { id }: Server): number =>
  counters?.servers.find((one) => one.id === id)?.current ?? 0

const isGrowing = (server: Server, nowMs: number): boolean =>
  effective(server) === 'UP' && stepOf(server, nowMs) < STEPS

/** Whether a client that connects again may get another server: else there is nothing to be gained by closing its session. */
const isSpreading = ({ balance }: ServiceConfig): boolean =>
  balance.algorithm !== 'source' && balance.algorithm !== 'first'
