import type { Clock, Timer } from '../base/clock.js'
import type { Log } from '../base/log.js'
import type { ServiceConfig } from '../config/schema.js'
import type { LiveSession, NativeDataPlane } from '../os/plane.js'
import { type Load, type Surplus, skewOf, surplusOf } from './rebalance.js'

export type RebalanceConfig = NonNullable<ServiceConfig['rebalance']>

export interface RebalancerPorts {
  readonly clock: Clock
  readonly log: Log
  readonly plane: Pick<NativeDataPlane, 'sessions' | 'kill'>
  /** What the servers that get connections have; undefined while nothing is to be moved. */
  readonly loads: () => readonly Load[] | undefined
  readonly serverName: (server: number) => string
}

/** What `vipd status` tells of it. */
export interface RebalanceStatus {
  readonly max_skew: number
  readonly per_minute: number
  /** How uneven the sessions are: the most that a server has of its share. null: not looked at now. */
  readonly skew: number | null
  /** Sessions that were asked to close; one that had a byte meanwhile goes on. */
  readonly asked: number
}

const MINUTE_MS = 60_000
const LEAST_PERIOD_MS = 1000

/**
 * Closes the oldest quiet sessions of a server that has too many, a few at a time, so that their clients connect again
 * and are spread. Looks at a steady pace and asks for no more than `per_minute` in any minute.
 */
export class Rebalancer {
  readonly #service: number
  readonly #config: RebalanceConfig
  readonly #ports: RebalancerPorts
  readonly #periodMs: number
  #timer: Timer | undefined
  #looks = 0
  #asked = 0
  #isLooking = false

  constructor(service: number, config: RebalanceConfig, ports: RebalancerPorts) {
    this.#service = service
    this.#config = config
    this.#ports = ports
    this.#periodMs = Math.max(LEAST_PERIOD_MS, MINUTE_MS / config.perMinute)
  }

  start(): void {
    this.#timer ??= this.#ports.clock.every(this.#periodMs, () => this.#look())
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  status(): RebalanceStatus {
    const { maxSkew, perMinute } = this.#config
    const loads = this.#ports.loads()
    const skew = loads === undefined ? null : Math.round(skewOf(loads) * 100) / 100
    return { max_skew: maxSkew, per_minute: perMinute, skew, asked: this.#asked }
  }

  #look(): void {
    const allowed = this.#allowance()
    if (this.#isLooking || allowed === 0) return
    const surplus = this.#surplus()
    if (surplus === undefined) return
    this.#isLooking = true
    const { quietMs } = this.#config
    const filter = { service: this.#service, server: surplus.server, quietMs, most: allowed }
    try {
      this.#ports.plane.sessions(filter, (sessions) => {
        this.#isLooking = false
        this.#close(sessions, allowed)
      })
    } catch {
      // Too many questions wait for their answers: the next look asks again.
      this.#isLooking = false
    }
  }

  /** What this look may ask for: over any minute's worth of looks they add up to `per_minute`. */
  #allowance(): number {
    const perLook = (this.#config.perMinute * this.#periodMs) / MINUTE_MS
    const before = Math.floor(this.#looks * perLook + ROUNDING)
    this.#looks++
    return Math.floor(this.#looks * perLook + ROUNDING) - before
  }

  #surplus(): Surplus | undefined {
    const loads = this.#ports.loads()
    return loads === undefined ? undefined : surplusOf(loads, this.#config.maxSkew)
  }

  /** What is right now, and not when the sessions were asked for, decides. They come oldest first. */
  #close(sessions: readonly LiveSession[], allowed: number): void {
    const surplus = this.#surplus()
    if (surplus === undefined || this.#timer === undefined) return
    const chosen = sessions
      .filter(
        ({ backend, server, state }) =>
          backend === this.#service && server === surplus.server && state === 'established'
      )
      .slice(0, Math.min(allowed, surplus.excess))
    if (chosen.length === 0) return
    for (const { id } of chosen) this.#ports.plane.kill(id, this.#config.quietMs)
    this.#asked += chosen.length
    this.#ports.log.info(
      { server: this.#ports.serverName(surplus.server), sessions: chosen.length, above_share: surplus.excess },
      'sessions closed so that their clients are spread anew'
    )
  }
}

/** Whole numbers that arithmetic has left a little below themselves. */
const ROUNDING = 1e-9
