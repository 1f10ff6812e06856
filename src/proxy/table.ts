import type { ServiceConfig } from '../config/schema.js'
import type { ServiceTable } from '../os/addon.js'
import { rotation } from './balancer.js'
import { effective, isDead, type Server } from './pool.js'

/** A service as it is now → the immutable table that the data plane runs it on. The index of a server is its identity. */
export function tableOf(id: number, config: ServiceConfig, servers: readonly Server[], maxconn: number): ServiceTable {
  return {
    id,
    listeners: config.bind.map(({ host, port }) => ({ address: host, port })),
    backlog: config.backlog,
    servers: servers.map((server, index) => ({
      id: index,
      address: server.config.address.host,
      port: server.config.address.port,
      closeSessions: isDead(server)
    })),
    rotation: rotation(servers.map((server) => ({ weight: effective(server) === 'UP' ? server.config.weight : 0 }))),
    retries: config.retries,
    redispatch: config.redispatch,
    maxconn,
    connectTimeoutMs: config.timeout.connectMs,
    clientTimeoutMs: config.timeout.clientMs,
    serverTimeoutMs: config.timeout.serverMs,
    userTimeoutMs: config.userTimeoutMs,
    keepalive: {
      idleS: Math.ceil(config.keepalive.idleMs / 1000),
      intervalS: Math.ceil(config.keepalive.intervalMs / 1000),
      count: config.keepalive.count
    }
  }
}
