import { formatBind } from '../base/bind.js'
import { formatHostPort } from '../base/ip.js'
import type { ServiceConfig } from '../config/schema.js'
import type { ServerCounters, ServiceCounters } from '../os/plane.js'
import { effective, type Server, type ServerStatus } from './pool.js'

/** What `vipd status` tells of a server. */
export interface ServerSnapshot {
  readonly name: string
  readonly address: string
  readonly status: ServerStatus
  readonly since: string
  readonly weight: number
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
  readonly sessions: { readonly current: number; readonly total: number }
  readonly bytes_in: number
  readonly bytes_out: number
  readonly retries: number
  readonly redispatches: number
  readonly connect_errors: number
  readonly killed: number
}

/** What `vipd status` tells of a service. */
export interface ServiceStatus {
  readonly name: string
  readonly bind: readonly string[]
  readonly balance: string
  readonly listening: boolean
  readonly fault: string | null
  /** Configured, and what of it the descriptors allow. */
  readonly maxconn: number
  readonly maxconn_effective: number
  readonly sessions: { readonly current: number; readonly max: number; readonly total: number }
  readonly bytes_in: number
  readonly bytes_out: number
  /** Connections reset because no server was usable. */
  readonly refused: number
  readonly accept_pauses: number
  readonly timeouts: { readonly connect: number; readonly client: number; readonly server: number }
  readonly aborts: { readonly client: number; readonly server: number }
  readonly servers: readonly ServerSnapshot[]
}

/** Facts of both sides of the boundary put together: what was decided here, what the data plane counted. */
export function serviceStatus(
  config: ServiceConfig,
  servers: readonly Server[],
  maxconn: number,
  fault: string | undefined,
  counters: ServiceCounters | undefined
): ServiceStatus {
  return {
    name: config.name,
    bind: config.bind.map(formatBind),
    balance: config.balance.algorithm,
    listening: fault === undefined,
    fault: fault ?? null,
    maxconn: config.maxconn,
    maxconn_effective: maxconn,
    sessions: { current: counters?.current ?? 0, max: counters?.max ?? 0, total: counters?.total ?? 0 },
    bytes_in: counters?.bytesIn ?? 0,
    bytes_out: counters?.bytesOut ?? 0,
    refused: counters?.refused ?? 0,
    accept_pauses: counters?.acceptPauses ?? 0,
    timeouts: counters?.timeouts ?? { connect: 0, client: 0, server: 0 },
    aborts: counters?.aborts ?? { client: 0, server: 0 },
    servers: servers.map((server, index) =>
      serverSnapshot(
        server,
        counters?.servers.find((one) => one.id === index)
      )
    )
  }
}

function serverSnapshot(server: Server, counters: ServerCounters | undefined): ServerSnapshot {
  const { check } = server.config
  const { lastCheck } = server
  return {
    name: server.config.name,
    address: formatHostPort(server.config.address),
    status: effective(server),
    since: server.since.toISOString(),
    weight: server.config.weight,
    check:
      check === null
        ? null
        : {
            type: check.type,
            result: lastCheck?.code ?? 'INI',
            detail: lastCheck?.detail ?? '',
            latency_ms: lastCheck === null ? null : Math.round(lastCheck.tookMs * 1000) / 1000,
            at: lastCheck?.at.toISOString() ?? null,
            streak: server.verdict.streak,
            rise: check.rise,
            fall: check.fall
          },
    sessions: { current: counters?.current ?? 0, total: counters?.total ?? 0 },
    bytes_in: counters?.bytesIn ?? 0,
    bytes_out: counters?.bytesOut ?? 0,
    retries: counters?.retries ?? 0,
    redispatches: counters?.redispatches ?? 0,
    connect_errors: counters?.connectErrors ?? 0,
    killed: counters?.killed ?? 0
  }
}
