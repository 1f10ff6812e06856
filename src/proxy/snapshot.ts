import { formatBind } from '../base/bind.js'
import type { ServiceConfig } from '../config/schema.js'
import type { ServiceCounters } from '../os/plane.js'
import type { Choice, ChoiceKind } from './choice.js'
import type { Server } from './pool.js'
import type { RebalanceStatus } from './rebalancer.js'
import { type ServerSnapshot, serverSnapshot } from './server-snapshot.js'

export type { ServerSnapshot } from './server-snapshot.js'

/** What `vipd status` tells of a service. */
export interface ServiceStatus {
  readonly name: string
  readonly bind: readonly string[]
  readonly balance: string
  /** `balance` with what belongs to it: random(2), source consistent. */
  readonly algorithm: string
  /** It listens, if not everywhere: `fault` says where not, and why. */
  readonly listening: boolean
  readonly fault: string | null
  /** Who gets new connections: active, backup, fail-open, none. */
  readonly serving: ChoiceKind
  /** No server is ready: those that are alive get the connections. */
  readonly fail_open: boolean
  /** Configured, and what of it the descriptors allow. */
  readonly maxconn: number
  readonly maxconn_effective: number
  readonly sessions: { readonly current: number; readonly max: number; readonly total: number }
  /** Sessions that wait for a server's slot now. */
  readonly queued: number
  readonly bytes_in: number
  readonly bytes_out: number
  /** Connections reset because no server was usable. */
  readonly refused: number
  /** Connections reset by `deny` and `allow`; by `source_maxconn`. */
  readonly denied: number
  readonly source_limited: number
  /** Connections whose PROXY header or ClientHello could not be read. */
  readonly malformed: number
  readonly accept_pauses: number
  readonly timeouts: {
    readonly connect: number
    readonly client: number
    readonly server: number
    readonly queue: number
    readonly handshake: number
  }
  readonly aborts: { readonly client: number; readonly server: number }
  /** null: off. */
  readonly rebalance: RebalanceStatus | null
  readonly servers: readonly ServerSnapshot[]
  /** Servers that are no longer configured and still have sessions. */
  readonly leaving: readonly { readonly name: string; readonly since_s: number; readonly sessions: number }[]
}

/** A service as it is now, on this side of the boundary. */
export interface ServiceFacts {
  readonly config: ServiceConfig
  readonly servers: readonly Server[]
  readonly leaving: readonly { readonly server: Server; readonly sinceMs: number }[]
  readonly choice: Choice
  readonly maxconn: number
  readonly isListening: boolean
  readonly fault: string | undefined
  readonly rebalance: RebalanceStatus | null
  readonly nowMs: number
}

/** Facts of both sides of the boundary put together: what was decided here, what the data plane counted. */
export function serviceStatus(facts: ServiceFacts, counters: ServiceCounters | undefined): ServiceStatus {
  const { config, choice, nowMs } = facts
  const countersOf = ({ id }: Server) => counters?.servers.find((one) => one.id === id)
  return {
    name: config.name,
    bind: config.bind.map(formatBind),
    balance: config.balance.algorithm,
    algorithm: algorithmOf(config),
    listening: facts.isListening,
    fault: facts.fault ?? null,
    serving: choice.kind,
    fail_open: choice.kind === 'fail-open',
    maxconn: config.maxconn,
    maxconn_effective: facts.maxconn,
    sessions: { current: counters?.current ?? 0, max: counters?.max ?? 0, total: counters?.total ?? 0 },
    queued: counters?.queued ?? 0,
    bytes_in: counters?.bytesIn ?? 0,
    bytes_out: counters?.bytesOut ?? 0,
    refused: counters?.refused ?? 0,
    denied: counters?.denied ?? 0,
    source_limited: counters?.sourceLimited ?? 0,
    malformed: counters?.malformed ?? 0,
    accept_pauses: counters?.acceptPauses ?? 0,
    timeouts: counters?.timeouts ?? { connect: 0, client: 0, server: 0, queue: 0, handshake: 0 },
    aborts: counters?.aborts ?? { client: 0, server: 0 },
    rebalance: facts.rebalance,
    servers: facts.servers.map((server) =>
      serverSnapshot(server, { config, isServing: choice.servers.includes(server), nowMs }, countersOf(server))
    ),
    leaving: facts.leaving.map(({ server, sinceMs }) => ({
      name: server.config.name,
      since_s: Math.floor((nowMs - sinceMs) / 1000),
      sessions: countersOf(server)?.current ?? 0
    }))
  }
}

function algorithmOf({ balance, hashType }: ServiceConfig): string {
  if (balance.algorithm === 'random') return `random(${balance.draws})`
  return balance.algorithm === 'source' ? `source ${hashType}` : balance.algorithm
}
