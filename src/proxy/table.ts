import type { Bind } from '../base/bind.js'
import { formatPrefix } from '../base/ip.js'
import type { ServiceConfig } from '../config/schema.js'
import type { ListenerEntry, ServiceTable } from '../os/plane.js'
import { rotation } from './balancer.js'
import { effective, isDead, type Server } from './pool.js'

/** A service as it is now → the immutable table that the data plane runs it on. The index of a server is its identity. */
export function tableOf(id: number, config: ServiceConfig, servers: readonly Server[], maxconn: number): ServiceTable {
  const { timeout } = config
  return {
    id,
    listeners: config.bind.map(listenerOf),
    backlog: config.backlog,
    servers: servers.map((server, index) => ({
      id: index,
      address: server.config.address.host,
      port: server.config.address.port,
      weight: server.config.weight,
      maxconn: server.config.maxconn,
      sendProxy: server.config.sendProxy === null ? 0 : server.config.sendProxy === 'v1' ? 1 : 2,
      source: server.config.source ?? '',
      closeSessions: isDead(server) && server.config.closesWhenDown ? 'down' : ''
    })),
    rotation: rotation(servers.map((server) => ({ weight: effective(server) === 'UP' ? server.config.weight : 0 }))),
    algorithm: 'rotation',
    draws: config.balance.draws,
    ring: [],
    balanceFactor: config.balanceFactor,
    retries: config.retries,
    redispatch: config.redispatch,
    maxconn,
    rateLimit: config.rateLimit,
    sourceMaxconn: config.sourceMaxconn,
    deny: config.deny.map(formatPrefix),
    allow: config.allow.map(formatPrefix),
    routes: [],
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

function listenerOf(bind: Bind): ListenerEntry {
  const common = { acceptProxy: bind.acceptProxy, maxconn: bind.maxconn ?? 0 }
  switch (bind.kind) {
    case 'tcp':
      return {
        ...common,
        kind: 'tcp',
        address: bind.host,
        port: bind.port,
        v4v6: bind.v4v6,
        interface: bind.interface ?? ''
      }
    case 'unix':
      return { ...common, kind: 'unix', path: bind.path, mode: bind.mode ?? -1 }
    case 'fd':
      return { ...common, kind: 'fd', fd: Number(bind.fd) }
  }
}
