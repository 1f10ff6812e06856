import { formatHostPort } from '../base/ip.js'
import type { ServiceConfig } from '../config/schema.js'
import type { ServerCounters } from '../os/plane.js'
import { shareOf } from './balancer.js'
import { type AdminState, effective, type Server, type ServerStatus } from './pool.js'
import { reasonOf } from './reasons.js'
import { STEPS, stepOf } from './slowstart.js'
import { maxconnOf } from './table.js'

/** What `vipd status` tells of a server. */
export interface ServerSnapshot {
  readonly name: string
  readonly address: string
  readonly status: ServerStatus
  /** Why it is not plainly UP, and what mends it; null when it is. */
  readonly reason: string | null
  readonly since: string
  /** It gets new connections now. */
  readonly serving: boolean
  readonly backup: boolean
  /** What the operator ordered. */
  readonly admin: AdminState
  /** Configured or ordered; and what of it counts now, by slowstart and agent. */
  readonly weight: number
  readonly effective_weight: number
  /** How much of its share it has while it warms up; null: all of it. */
  readonly slowstart_percent: number | null
  /** Sessions at once that it may have now; null: no limit. */
  readonly maxconn: number | null
  /** null: it is not checked. `result` INI: not checked yet. `streak`: results in a row against the status. */
  readonly check: {
    readonly type: string
    readonly result: string
    readonly detail: string
    readonly latency_ms: number | null
    readonly at: string | null
    readonly streak: number
    readonly rise: number
    readonly fall: number
  } | null
  /** null: it has no agent. `result` INI: it has not been asked yet. */
  readonly agent: {
    readonly result: string
    readonly detail: string
    readonly state: AdminState
    readonly weight_percent: number
    readonly maxconn: number | null
    readonly at: string | null
  } | null
  /** Since when it gets no new connections while it answers, and what is left; null: it does not drain. */
  readonly drain: { readonly since: string; readonly sessions_left: number } | null
  readonly sessions: { readonly current: number; readonly total: number }
  readonly bytes_in: number
  readonly bytes_out: number
  readonly retries: number
  readonly redispatches: number
  readonly connect_errors: number
  /** Live connections that failed in a row. */
  readonly failures_in_row: number
  readonly killed: number
}

/** What of the service decides what is told of a server. */
export interface ServerSetting {
  readonly config: ServiceConfig
  readonly isServing: boolean
  readonly nowMs: number
}

export function serverSnapshot(
  server: Server,
  setting: ServerSetting,
  counters: ServerCounters | undefined
): ServerSnapshot {
  const { config, admin } = server
  const { isServing, nowMs } = setting
  const status = effective(server)
  const since = server.since.toISOString()
  const step = stepOf(server, nowMs)
  const current = counters?.current ?? 0
  return {
    name: config.name,
    address: formatHostPort(config.address),
    status,
    reason: reasonOf(server, `${setting.config.name}/${config.name}`, isServing),
    since,
    serving: isServing,
    backup: config.isBackup,
    admin: admin.state,
    weight: admin.weight ?? config.weight,
    effective_weight: Math.round((shareOf(server, setting.config, nowMs) * 100) / STEPS) / 100,
    slowstart_percent: status === 'UP' && step < STEPS ? Math.floor((step * 100) / STEPS) : null,
    maxconn: maxconnOf(server, nowMs) || null,
    check: checkOf(server),
    agent: agentOf(server),
    drain: status === 'DRAIN' && !isServing ? { since, sessions_left: current } : null,
    sessions: { current, total: counters?.total ?? 0 },
    bytes_in: counters?.bytesIn ?? 0,
    bytes_out: counters?.bytesOut ?? 0,
    retries: counters?.retries ?? 0,
    redispatches: counters?.redispatches ?? 0,
    connect_errors: counters?.connectErrors ?? 0,
    failures_in_row: counters?.failuresInRow ?? 0,
    killed: counters?.killed ?? 0
  }
}

function checkOf({ config, lastCheck, verdict }: Server): ServerSnapshot['check'] {
  const { check } = config
  if (check === null) return null
  return {
    type: check.type,
    result: lastCheck?.code ?? 'INI',
    detail: lastCheck?.detail ?? '',
    latency_ms: lastCheck === null ? null : Math.round(lastCheck.tookMs * 1000) / 1000,
    at: lastCheck?.at.toISOString() ?? null,
    streak: verdict.streak,
    rise: check.rise,
    fall: check.fall
  }
}

function agentOf({ config, agent }: Server): ServerSnapshot['agent'] {
  if (config.agent === null) return null
  return {
    result: agent.last?.code ?? 'INI',
    detail: agent.last?.detail ?? '',
    state: agent.state,
    weight_percent: agent.weightPercent,
    maxconn: agent.maxconn,
    at: agent.last?.at.toISOString() ?? null
  }
}
