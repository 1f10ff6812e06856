import type { ServerSnapshot, ServiceStatus } from '../proxy/snapshot.js'
import type { Labels, Samples } from './service-metrics.js'

/**
 * A service under the names of haproxy 2.6's own exporter (frontend, backend, server; label `proxy`), so that dashboards and alerts made for
 * it go on. Families for which vipd has no figure are left out: no family is a zero that was not counted. A frontend and a
 * backend of the same name are one service here, and have the same sessions and bytes.
 */
export function haproxyMetrics(to: Samples, one: ServiceStatus): void {
  const labels = { proxy: one.name }
  for (const part of ['frontend', 'backend'] as const) {
    const name = (rest: string): string => `haproxy_${part}_${rest}`
    to.gauge(name('current_sessions'), 'Sessions now', labels, one.sessions.current)
    to.gauge(name('max_sessions'), 'Most sessions at once so far', labels, one.sessions.max)
    to.gauge(name('limit_sessions'), 'Most sessions allowed at once', labels, one.maxconn_effective)
    to.counter(name('sessions_total'), 'Sessions so far', labels, one.sessions.total)
    to.counter(name('bytes_in_total'), 'Bytes from clients', labels, one.bytes_in)
    to.counter(name('bytes_out_total'), 'Bytes to clients', labels, one.bytes_out)
    const isUp = part === 'frontend' ? one.listening : one.serving !== 'none'
    for (const state of ['DOWN', 'UP'])
      to.gauge(name('status'), 'Its state', { ...labels, state }, (state === 'UP') === isUp)
  }
  to.counter('haproxy_frontend_denied_connections_total', 'Connections reset by rules', labels, one.denied)
  backend(to, one, labels)
  for (const server of one.servers) serverMetrics(to, server, { ...labels, server: server.name })
}

function backend(to: Samples, one: ServiceStatus, labels: Labels): void {
  const sum = (key: 'retries' | 'redispatches' | 'connect_errors'): number =>
    one.servers.reduce((all, server) => all + server[key], 0)
  const up = (backup: boolean): number =>
    one.servers.filter((server) => server.status === 'UP' && server.backup === backup).length
  to.gauge('haproxy_backend_current_queue', 'Sessions that wait for a server', labels, one.queued)
  to.gauge('haproxy_backend_active_servers', 'Servers that are UP', labels, up(false))
  to.gauge('haproxy_backend_backup_servers', 'Backups that are UP', labels, up(true))
  to.counter('haproxy_backend_connection_errors_total', 'Attempts that failed', labels, sum('connect_errors'))
  to.counter('haproxy_backend_retry_warnings_total', 'Attempts repeated', labels, sum('retries'))
  to.counter('haproxy_backend_redispatch_warnings_total', 'Sessions that went elsewhere', labels, sum('redispatches'))
  to.counter('haproxy_backend_client_aborts_total', 'Sessions reset by the client', labels, one.aborts.client)
  to.counter('haproxy_backend_server_aborts_total', 'Sessions reset by the server', labels, one.aborts.server)
}

const STATES = ['DOWN', 'UP', 'MAINT', 'DRAIN', 'NOLB'] as const

function serverMetrics(to: Samples, one: ServerSnapshot, labels: Labels): void {
  for (const state of STATES) to.gauge('haproxy_server_status', 'Its state', { ...labels, state }, one.status === state)
  to.gauge('haproxy_server_current_sessions', 'Sessions now', labels, one.sessions.current)
  if (one.maxconn !== null)
    to.gauge('haproxy_server_limit_sessions', 'Most sessions allowed at once', labels, one.maxconn)
  to.counter('haproxy_server_sessions_total', 'Sessions so far', labels, one.sessions.total)
  to.counter('haproxy_server_bytes_in_total', 'Bytes to it', labels, one.bytes_in)
  to.counter('haproxy_server_bytes_out_total', 'Bytes from it', labels, one.bytes_out)
  to.counter('haproxy_server_connection_errors_total', 'Attempts that failed', labels, one.connect_errors)
  to.counter('haproxy_server_retry_warnings_total', 'Attempts repeated', labels, one.retries)
  to.counter('haproxy_server_redispatch_warnings_total', 'Sessions that went elsewhere', labels, one.redispatches)
  to.gauge('haproxy_server_weight', 'What of its weight counts now', labels, one.effective_weight)
  to.gauge('haproxy_server_uweight', 'Its weight', labels, one.weight)
  if (one.check === null) return
  to.gauge('haproxy_server_check_status', 'The last check', { ...labels, state: one.check.result }, 1)
  const { latency_ms } = one.check
  if (latency_ms !== null)
    to.gauge('haproxy_server_check_duration_seconds', 'How long the last check took', labels, latency_ms / 1000)
}
