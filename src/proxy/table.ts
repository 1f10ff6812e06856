import { formatPrefix } from '../base/ip.js'
import type { ServiceConfig } from '../config/schema.js'
import type { ServerEntry, ServiceTable } from '../os/plane.js'
import { balance, shareOf } from './balancer.js'
import { choose } from './choice.js'
import { effective, isDead, type Server } from './pool.js'
import { stepOf, stepOfMaxconn } from './slowstart.js'

export type Route = ServiceTable['routes'][number]

/** A service as it is now. */
export interface ServiceState {
  readonly id: number
  readonly config: ServiceConfig
  readonly servers: readonly Server[]
  /** Servers that are no longer configured: they keep their sessions and get no more. */
  readonly leaving: readonly Server[]
  readonly routes: readonly Route[]
  readonly maxconn: number
  readonly nowMs: number
}

/** A service's table but for its listeners: those are what may fail. */
export type TableBody = Omit<ServiceTable, 'listeners'>

/** A service as it is now → the immutable table that the data plane runs it on. */
export function tableOf(state: ServiceState): TableBody {
  const { config, servers, nowMs } = state
  const { timeout } = config
  const chosen = choose(servers, config.allbackups).servers
  const shares = servers.flatMap((server, index) =>
    chosen.includes(server) ? [{ name: server.config.name, index, weight: shareOf(server, config, nowMs) }] : []
  )
  return {
    id: state.id,
    backlog: config.backlog,
    servers: [...servers, ...state.leaving].map((server) => entryOf(server, state, chosen)),
    ...balance(config, shares),
    retries: config.retries,
    redispatch: config.redispatch,
    abortsOnClose: config.abortsOnClose,
    maxconn: state.maxconn,
    rateLimit: config.rateLimit,
    sourceMaxconn: config.sourceMaxconn,
    deny: config.deny.map(formatPrefix),
    allow: config.allow.map(formatPrefix),
    routes: state.routes,
    isTransparent: config.isTransparent,
    connectTimeoutMs: timeout.connectMs,
    clientTimeoutMs: timeout.clientMs,
    serverTimeoutMs: timeout.serverMs,
    tunnelTimeoutMs: timeout.tunnelMs,
    clientFinTimeoutMs: timeout.clientFinMs,
    serverFinTimeoutMs: timeout.serverFinMs,
    queueTimeoutMs: timeout.queueMs,
    handshakeTimeoutMs: timeout.clientHsMs,
    userTimeoutMs: config.userTimeoutMs,
    keepalive: {
      idleS: Math.ceil(config.keepalive.idleMs / 1000),
      intervalS: Math.ceil(config.keepalive.intervalMs / 1000),
      count: config.keepalive.count
    },
    sessionLog: config.sessionLog,
    logSample: config.logSample
  }
}

function entryOf(server: Server, state: ServiceState, chosen: readonly Server[]): ServerEntry {
  const { config, id } = server
  return {
    id,
    address: config.address.host,
    port: config.address.port,
    weight: shareOf(server, state.config, state.nowMs),
    maxconn: maxconnOf(server, state.nowMs),
    sendProxy: config.sendProxy === null ? 0 : config.sendProxy === 'v1' ? 1 : 2,
    source: config.source ?? '',
    closeSessions: closing(server, state, chosen)
  }
}

/** Sessions at once that it may have now; 0: no limit. */
export const maxconnOf = (server: Server, nowMs: number): number =>
  stepOfMaxconn(server.agent.maxconn ?? server.config.maxconn, stepOf(server, nowMs))

/** Why its sessions are to be ended now. A server that is no longer configured keeps what it has. */
function closing(server: Server, { servers }: ServiceState, chosen: readonly Server[]): ServerEntry['closeSessions'] {
  if (!servers.includes(server)) return ''
  if (isDead(server)) return server.config.closesWhenDown ? 'down' : ''
  const isIdleBackup = server.config.isBackup && !chosen.includes(server)
  return isIdleBackup && servers.some(takesOverFromBackups) ? 'up' : ''
}

const takesOverFromBackups = (server: Server): boolean =>
  server.config.closesBackupsWhenUp && !server.config.isBackup && effective(server) === 'UP'
