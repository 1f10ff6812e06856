import type { ServerSnapshot, ServiceStatus } from '../proxy/snapshot.js'

export type Labels = Readonly<Record<string, string>>

/** Where samples go: a family for each name, made when it is met. */
export interface Samples {
  gauge(name: string, help: string, labels: Labels, value: number | boolean): void
  counter(name: string, help: string, labels: Labels, value: number): void
}

// The names once more, since admin takes proxy's types alone. One that is missing here does not compile.
const CHOICES: Readonly<Record<ServiceStatus['serving'], true>> = {
  active: true,
  backup: true,
  'fail-open': true,
  none: true
}

/** A service and its servers. */
export function serviceMetrics(to: Samples, one: ServiceStatus): void {
  const labels = { service: one.name }
  to.gauge('vipd_proxy_listening', '1 while its listeners are bound', labels, one.listening)
  for (const choice of Object.keys(CHOICES)) {
    to.gauge('vipd_proxy_serving', '1 for who gets the connections', { ...labels, choice }, one.serving === choice)
  }
  to.gauge('vipd_proxy_sessions', 'Sessions now', labels, one.sessions.current)
  to.gauge('vipd_proxy_sessions_max', 'Most sessions at once so far', labels, one.sessions.max)
  to.gauge('vipd_proxy_sessions_limit', 'Most sessions allowed at once', labels, one.maxconn_effective)
  to.gauge('vipd_proxy_queued', 'Sessions that wait for a server', labels, one.queued)
  to.counter('vipd_proxy_sessions_total', 'Sessions so far', labels, one.sessions.total)
  to.counter('vipd_proxy_bytes_in_total', 'Bytes from clients', labels, one.bytes_in)
  to.counter('vipd_proxy_bytes_out_total', 'Bytes to clients', labels, one.bytes_out)
  to.counter('vipd_proxy_refused_total', 'Connections reset because no server was usable', labels, one.refused)
  to.counter('vipd_proxy_denied_total', 'Connections reset by allow and deny', labels, one.denied)
  to.counter('vipd_proxy_source_limited_total', 'Connections reset by source_maxconn', labels, one.source_limited)
  to.counter(
    'vipd_proxy_malformed_total',
    'PROXY headers and ClientHellos that could not be read',
    labels,
    one.malformed
  )
  to.counter('vipd_proxy_accept_pauses_total', 'Times that accepting paused', labels, one.accept_pauses)
  for (const [side, count] of Object.entries(one.timeouts)) {
    to.counter('vipd_proxy_timeouts_total', 'Sessions ended by a timeout', { ...labels, side }, count)
  }
  for (const [side, count] of Object.entries(one.aborts)) {
    to.counter('vipd_proxy_aborts_total', 'Sessions reset by a side', { ...labels, side }, count)
  }
  if (one.rebalance !== null) {
    const asked = 'Sessions asked to close so that their clients are spread anew'
    to.counter('vipd_proxy_rebalance_asked_total', asked, labels, one.rebalance.asked)
    const { skew } = one.rebalance
    if (skew !== null) to.gauge('vipd_proxy_rebalance_skew', 'Most that a server has of its share', labels, skew)
  }
  for (const server of one.servers) serverMetrics(to, server, { ...labels, server: server.name })
}

function serverMetrics(to: Samples, one: ServerSnapshot, labels: Labels): void {
  to.gauge('vipd_proxy_server_up', '1 while it is UP', labels, one.status === 'UP')
  to.gauge('vipd_proxy_server_status', 'The status that it has', { ...labels, status: one.status }, 1)
  to.gauge('vipd_proxy_server_serving', '1 while it gets new connections', labels, one.serving)
  to.gauge('vipd_proxy_server_backup', '1 where it is a backup', labels, one.backup)
  to.gauge('vipd_proxy_server_weight', 'Its weight', labels, one.weight)
  to.gauge('vipd_proxy_server_effective_weight', 'What of its weight counts now', labels, one.effective_weight)
  to.gauge('vipd_proxy_server_sessions', 'Sessions now', labels, one.sessions.current)
  if (one.maxconn !== null) {
    to.gauge('vipd_proxy_server_sessions_limit', 'Most sessions allowed at once', labels, one.maxconn)
  }
  to.counter('vipd_proxy_server_sessions_total', 'Sessions so far', labels, one.sessions.total)
  to.counter('vipd_proxy_server_bytes_in_total', 'Bytes to it', labels, one.bytes_in)
  to.counter('vipd_proxy_server_bytes_out_total', 'Bytes from it', labels, one.bytes_out)
  to.counter('vipd_proxy_server_retries_total', 'Attempts repeated', labels, one.retries)
  to.counter('vipd_proxy_server_redispatches_total', 'Sessions that went elsewhere', labels, one.redispatches)
  to.counter('vipd_proxy_server_connect_errors_total', 'Attempts that failed', labels, one.connect_errors)
  to.counter('vipd_proxy_server_killed_total', 'Sessions closed because it went down or by order', labels, one.killed)
  to.gauge('vipd_proxy_server_failures_in_row', 'Live connections that failed in a row', labels, one.failures_in_row)
  if (one.check === null) return
  to.gauge('vipd_proxy_server_check', 'The result of its last check', { ...labels, result: one.check.result }, 1)
  const { latency_ms } = one.check
  if (latency_ms !== null) {
    to.gauge('vipd_proxy_server_check_seconds', 'How long the last check took', labels, latency_ms / 1000)
  }
}
