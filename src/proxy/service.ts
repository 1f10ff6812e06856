import { formatBind } from '../base/bind.js'
import type { Clock, Timer } from '../base/clock.js'
import { errnoOf, messageOf } from '../base/errors.js'
import { formatHostPort } from '../base/ip.js'
import { type Log, Throttle } from '../base/log.js'
import type { CheckConfig, ServiceConfig } from '../config/schema.js'
import { Checker, type CheckResult, type Probe, SOCKERR } from '../health/checker.js'
import type { DataPlaneEvent, NativeDataPlane, ServiceCounters } from '../os/plane.js'
import { effective, newServer, observe, type Reach, reachOf, type Server } from './pool.js'
import { type ServiceStatus, serviceStatus } from './snapshot.js'
import { tableOf } from './table.js'

export interface ServicePorts {
  readonly clock: Clock
  readonly log: Log
  readonly plane: Pick<NativeDataPlane, 'publish' | 'withdraw'>
  readonly probe: (check: CheckConfig) => Probe
  readonly random: () => number
  readonly today: () => Date
  /** Whether the service can be served, or by whom, has changed. */
  readonly onChange: () => void
}

/** A listener that could not be bound is tried again this often. */
const RETRY_BIND_MS = 1000

/** One service: its servers, their checks; publishes its table whenever what is effective changes. */
export class Service {
  readonly #id: number
  readonly #config: ServiceConfig
  readonly #maxconn: number
  readonly #ports: ServicePorts
  readonly #log: Log
  readonly #throttle: Throttle
  readonly #checkers: Checker[]
  #servers: Server[]
  #fault: string | undefined = 'not started'
  #retry: Timer | undefined
  #isStopped = false

  /** @param maxconn what of the configured maxconn the descriptors allow */
  constructor(id: number, config: ServiceConfig, maxconn: number, ports: ServicePorts) {
    this.#id = id
    this.#config = config
    this.#maxconn = maxconn
    this.#ports = ports
    this.#log = ports.log.child({ service: config.name })
    this.#throttle = new Throttle(ports.clock)
    this.#servers = config.servers.map((server) => newServer(server, ports.today()))
    this.#checkers = config.servers.flatMap(({ check }, index) => {
      if (check === null) return []
      const { clock, random } = ports
      return [
        new Checker(check, { clock, random, probe: ports.probe(check) }, (result) => this.#onCheck(index, result))
      ]
    })
  }

  /** Why the service cannot be served at all, as an instance's fault; undefined when it listens. Servers that are down are no fault. */
  get fault(): string | undefined {
    return this.#fault
  }

  /** What it can do for its clients now. @param isLocal whether an address is this host's own */
  reach(isLocal: (host: string) => boolean): Reach {
    return reachOf(this.#servers, isLocal)
  }

  get binds(): ServiceConfig['bind'] {
    return this.#config.bind
  }

  /** Binds and checks: every first check at once. */
  start(): void {
    if (this.#isStopped) return
    this.#publish()
    for (const checker of this.#checkers) checker.start()
  }

  /** Stops checking and accepting; `closeSessions`: and resets what is connected. */
  stop(closeSessions: boolean): void {
    this.#isStopped = true
    this.#retry?.cancel()
    for (const checker of this.#checkers) checker.stop()
    this.#ports.plane.withdraw(this.#id, closeSessions)
  }

  /** A live connection could not be made: counted by the data plane, told here once a minute for each server. */
  onEvent(event: DataPlaneEvent): void {
    const server = this.#servers[event.server]?.config
    const suppressed = this.#throttle.pass(`${event.type} ${event.server}`)
    if (suppressed === undefined) return
    const facts = { error: event.error, suppressed, ...(server === undefined ? {} : { server: server.name }) }
    this.#log.warn(facts, event.type === 'connect-failed' ? 'connection to server failed' : 'cannot accept connections')
  }

  snapshot(counters: ServiceCounters | undefined): ServiceStatus {
    return serviceStatus(this.#config, this.#servers, this.#maxconn, this.#fault, counters)
  }

  #onCheck(index: number, result: CheckResult): void {
    const before = this.#servers[index]
    if (before === undefined || this.#isStopped) return
    const after = observe(before, result, this.#ports.today())
    this.#servers[index] = after
    if (result.code === SOCKERR) this.#warnShortage(result)
    const hasFlipped = after.verdict.status !== before.verdict.status
    if (hasFlipped) {
      this.#logFlip(after, result)
      this.#publish()
    }
    if (hasFlipped || before.lastCheck?.isOk !== result.isOk) this.#ports.onChange()
  }

  #warnShortage({ detail }: CheckResult): void {
    const suppressed = this.#throttle.pass('shortage')
    if (suppressed !== undefined) this.#log.warn({ error: detail, suppressed }, 'health check could not be made')
  }

  #logFlip(server: Server, result: CheckResult): void {
    const up = this.#servers.filter((one) => effective(one) === 'UP').length
    const facts = {
      server: server.config.name,
      address: formatHostPort(server.config.address),
      status: effective(server),
      check: result.code,
      ...(result.detail === '' ? {} : { detail: result.detail }),
      check_ms: Math.round(result.tookMs),
      up,
      of: this.#servers.length
    }
    if (effective(server) === 'DOWN') this.#log.warn(facts, 'server is DOWN')
    else this.#log.info(facts, 'server is UP')
    const hasUnchecked = this.#servers.some((one) => one.config.check !== null && one.verdict.status === 'UNKNOWN')
    if (up === 0 && !hasUnchecked) this.#log.error({}, 'no server is available: clients are reset at once')
  }

  #publish(): void {
    const before = this.#fault
    if (this.#isStopped) return
    try {
      this.#ports.plane.publish(tableOf(this.#id, this.#config, this.#servers, this.#maxconn))
      this.#fault = undefined
    } catch (error) {
      this.#fault = this.#bindFault(error)
      this.#retry?.cancel()
      this.#retry = this.#ports.clock.after(RETRY_BIND_MS, () => this.#publish())
    }
    if (this.#fault === before) return
    if (this.#fault !== undefined) this.#log.error({ reason: this.#fault }, 'cannot listen')
    else this.#log.info({ bind: this.#config.bind.map(formatBind) }, 'listening')
    this.#ports.onChange()
  }

  #bindFault(error: unknown): string {
    const binds = this.#config.bind.map(formatBind).join(', ')
    switch (errnoOf(error)) {
      case 'EADDRINUSE':
        return `cannot listen on ${binds}: another program listens there (ss -ltnp shows which)`
      case 'EACCES':
        return `cannot listen on ${binds}: ports below 1024 need CAP_NET_BIND_SERVICE`
      default:
        return `cannot listen on ${binds}: ${messageOf(error)}`
    }
  }
}
