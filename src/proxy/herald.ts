import type { Clock } from '../base/clock.js'
import { formatHostPort } from '../base/ip.js'
import type { Log } from '../base/log.js'
import { Throttle } from '../base/throttle.js'
import { type CheckResult, SOCKERR } from '../health/checker.js'
import type { DataPlaneEvent } from '../os/plane.js'
import type { ChoiceKind } from './choice.js'
import { effective, healthOf, type Server } from './pool.js'
import { reasonOf } from './reasons.js'

/** What stands beside a server that is told of. */
export interface Setting {
  readonly service: string
  readonly up: number
  readonly of: number
  readonly sessions: number
}

/** Tells the log what becomes of a service and its servers. A server that comes is told as loud as one that goes. */
export class Herald {
  readonly #log: Log
  readonly #throttle: Throttle

  constructor(log: Log, clock: Pick<Clock, 'now'>) {
    this.#log = log
    this.#throttle = new Throttle(clock)
  }

  /** A server has another status. @param result the check that gave it */
  moved(server: Server, result: CheckResult | undefined, setting: Setting): void {
    const { name, address } = server.config
    const status = effective(server)
    const reason = reasonOf(server, `${setting.service}/${name}`, false)
    const facts = {
      server: name,
      address: formatHostPort(address),
      status,
      ...(result === undefined ? {} : checkFacts(result)),
      ...(reason === null ? {} : { reason }),
      sessions: setting.sessions,
      up: setting.up,
      of: setting.of
    }
    switch (status) {
      case 'UP':
        this.#log.warn(facts, 'server is UP')
        break
      case 'DOWN':
        // It comes out of maintenance, and nothing is wrong with it as far as anybody knows.
        if (healthOf(server) === 'unknown') this.#log.info(facts, 'server is checked first')
        else this.#log.warn(facts, 'server is DOWN')
        break
      case 'DRAIN':
        this.#log.warn(facts, 'server drains')
        break
      case 'MAINT':
        this.#log.warn(facts, 'server is in maintenance')
        break
    }
  }

  /** A check found something else than the one before it, and the server is what it was. */
  checked(server: Server, result: CheckResult): void {
    if (result.code === SOCKERR) {
      const suppressed = this.#throttle.pass('shortage')
      if (suppressed !== undefined)
        this.#log.warn({ error: result.detail, suppressed }, 'health check could not be made')
      return
    }
    const suppressed = this.#throttle.pass(`check ${server.id} ${result.code}`)
    if (suppressed === undefined) return
    const facts = { server: server.config.name, ...checkFacts(result), streak: server.verdict.streak, suppressed }
    this.#log.info(facts, 'health check has another result')
  }

  /** What of a server's check itself is to be mended is something else; undefined: nothing any more. */
  unfit(server: Server, problem: string | undefined): void {
    const suppressed = this.#throttle.pass(`problem ${server.id} ${problem}`)
    if (suppressed === undefined) return
    const facts = { server: server.config.name, suppressed, ...(problem === undefined ? {} : { problem }) }
    if (problem === undefined) this.#log.info(facts, 'health check is in order again')
    else this.#log.warn(facts, 'health check needs mending')
  }

  /** Others get the connections than before. */
  chosen(kind: ChoiceKind): void {
    switch (kind) {
      case 'active':
        this.#log.warn({}, 'servers are UP again: they get the connections')
        break
      case 'backup':
        this.#log.warn({}, 'no server but backups is UP: they get the connections')
        break
      case 'fail-open':
        this.#log.warn({}, 'no server is ready: those that are alive get the connections')
        break
      case 'none':
        this.#log.error({}, 'no server is available: clients are reset at once')
        break
    }
  }

  /** A live connection could not be made: counted by the data plane, told here once a minute for each server. */
  failed(event: DataPlaneEvent, server: string | undefined): void {
    const suppressed = this.#throttle.pass(`${event.type} ${event.server}`)
    if (suppressed === undefined) return
    const facts = { error: event.error, suppressed, ...(server === undefined ? {} : { server }) }
    this.#log.warn(facts, event.type === 'connect-failed' ? 'connection to server failed' : 'cannot accept connections')
  }

  /** A server that drains, or is no longer configured, has no session left. */
  drained(server: Server): void {
    const { name, address } = server.config
    this.#log.info({ server: name, address: formatHostPort(address) }, 'server has no session left')
  }

  listening(binds: readonly string[], fault: string | undefined): void {
    if (fault === undefined) this.#log.info({ bind: binds }, 'listening')
    else this.#log.error({ reason: fault }, 'cannot listen')
  }
}

const checkFacts = ({ code, detail, tookMs }: CheckResult): object => ({
  check: code,
  ...(detail === '' ? {} : { detail }),
  check_ms: Math.round(tookMs)
})
