import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../base/clock.js'
import type { AgentConfig, CheckConfig, ServerConfig } from '../config/schema.js'
import { Checker, type CheckResult, type Probe } from '../health/checker.js'
import { phaseOf } from '../health/verdict.js'
import { advised, type Moment, observe, observeConnects, ordered, reconfigured } from './changes.js'
import type { ServerOrder } from './orders.js'
import { effective, type Server } from './pool.js'

export interface MemberPorts {
  readonly clock: Clock
  readonly random: () => number
  readonly today: () => Date
  readonly probe: (check: CheckConfig, server: string) => Probe
  readonly agentProbe: (agent: AgentConfig) => Probe
}

/** What became of a server, and by which check. */
export type OnMove = (before: Server, after: Server, result: CheckResult | undefined) => void

/** One server of a service while it is configured: what is known of it, and the checks that find it out. */
export class Member {
  readonly #ports: MemberPorts
  readonly #onMove: OnMove
  #server: Server
  #checker: Checker | undefined
  #agent: Checker | undefined
  #isStarted = false

  /** @param server as it begins, or as the process before this one knew it */
  constructor(server: Server, ports: MemberPorts, onMove: OnMove) {
    this.#ports = ports
    this.#onMove = onMove
    this.#server = server
  }

  get server(): Server {
    return this.#server
  }

  /** Its first check starts at once. */
  start(): void {
    this.#isStarted = true
    this.#attend()
  }

  /** No result comes after it. */
  stop(): void {
    this.#isStarted = false
    this.#attend()
  }

  order(order: ServerOrder): void {
    this.#become(ordered(this.#server, order, this.#now))
  }

  /** Another configuration of the same server. Checks that are as they were go on undisturbed. */
  configure(config: ServerConfig): void {
    const before = this.#server.config
    this.#become(reconfigured(this.#server, config, this.#now))
    // A program that checks is told the name.
    if (!isDeepStrictEqual([before.check, before.name], [config.check, config.name]))
      this.#checker = stopped(this.#checker)
    if (!isDeepStrictEqual(before.agent, config.agent)) this.#agent = stopped(this.#agent)
    this.#attend()
  }

  /** A live connection to it failed. */
  onConnectFailed(): void {
    if (this.#server.config.observe) this.#checker?.expedite()
  }

  /** @param failuresInRow of live connections, as the data plane counts them */
  look(failuresInRow: number): void {
    const { server, isDoubted } = observeConnects(this.#server, failuresInRow, this.#now)
    this.#become(server)
    if (isDoubted) this.#checker?.expedite()
  }

  get #now(): Moment {
    return { ms: this.#ports.clock.now(), today: this.#ports.today() }
  }

  #become(after: Server, result?: CheckResult): void {
    const before = this.#server
    this.#server = after
    this.#attend()
    if (after !== before) this.#onMove(before, after, result)
  }

  /** Makes its checks and its agent run or stand still, as its state has it. */
  #attend(): void {
    const { config, admin } = this.#server
    // An agent alone can end the maintenance that it asked for: beside the check, or as the check.
    const mayAsk = this.#isStarted && admin.state !== 'maint'
    const isAdvised = mayAsk && config.agent !== null
    const isChecked =
      mayAsk && config.check !== null && (effective(this.#server) !== 'MAINT' || config.check.type === 'agent')
    if (!isChecked) this.#checker = stopped(this.#checker)
    if (!isAdvised) this.#agent = stopped(this.#agent)
    // Made before it is started: a probe may answer at once.
    if (isChecked && this.#checker === undefined) {
      this.#checker = this.#newChecker()
      this.#checker?.start()
    }
    if (isAdvised && this.#agent === undefined) {
      this.#agent = this.#newAgent()
      this.#agent?.start()
    }
  }

  #newChecker(): Checker | undefined {
    const { config } = this.#server
    const { check } = config
    if (check === null) return undefined
    const { clock, random } = this.#ports
    const phase = () => phaseOf(this.#server.verdict)
    const ports = { clock, random, probe: this.#ports.probe(check, config.name), phase }
    return new Checker(check, ports, (result) => this.#become(observe(this.#server, result, this.#now), result))
  }

  #newAgent(): Checker | undefined {
    const { agent } = this.#server.config
    if (agent === null) return undefined
    const { clock, random } = this.#ports
    const schedule = { interMs: agent.interMs, timeoutMs: agent.interMs, spreadPercent: 0 }
    const ports = { clock, random, probe: this.#ports.agentProbe(agent) }
    return new Checker(schedule, ports, (result) => this.#become(advised(this.#server, result, this.#now)))
  }
}

function stopped(checker: Checker | undefined): undefined {
  checker?.stop()
  return undefined
}
