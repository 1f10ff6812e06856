import t from 'tap'
import { metricsText } from '../../../src/admin/metrics.js'
import { status } from '../../fakes/status.js'

/** Families that haproxy 2.6.12's own exporter has for a proxy, of those that we give. */
const FAMILIES: Readonly<Record<string, string>> = {
  frontend:
    'current_sessions max_sessions limit_sessions sessions_total bytes_in_total bytes_out_total status denied_connections_total',
  backend:
    'current_sessions max_sessions limit_sessions sessions_total bytes_in_total bytes_out_total status current_queue active_servers backup_servers connection_errors_total retry_warnings_total redispatch_warnings_total client_aborts_total server_aborts_total',
  server:
    'status current_sessions limit_sessions sessions_total bytes_in_total bytes_out_total connection_errors_total retry_warnings_total redispatch_warnings_total weight uweight check_status check_duration_seconds'
}
const known = new Set(
  Object.entries(FAMILIES).flatMap(([part, names]) => names.split(' ').map((name) => `haproxy_${part}_${name}`))
)

t.test('haproxy’s names are given when asked for, and are all haproxy’s', async (t) => {
  const one = status()
  t.notMatch(await metricsText(one), /haproxy_/)
  const text = await metricsText(one, true)
  t.match(text, /^vipd_proxy_sessions\{/m, 'besides our own')
  const given = new Set([...text.matchAll(/^(haproxy_\w+)\{/gm)].map(([, name = '']) => name))
  t.strictSame(
    [...given].filter((name) => !known.has(name)),
    []
  )
  t.ok(given.size >= 30, `${given.size}`)
})

t.test('they say what status says', async (t) => {
  const one = status()
  const [service] = one.proxy
  if (service === undefined) throw new Error('no service')
  const servers = service.servers.map((server, i) =>
    i === 0
      ? { ...server, retries: 3, redispatches: 2, connect_errors: 5, bytes_in: 70, weight: 9, effective_weight: 4 }
      : server
  )
  const changed = { ...service, servers, denied: 6, queued: 7, aborts: { client: 8, server: 9 } }
  const text = await metricsText({ ...one, proxy: [changed] }, true)
  const proxy = `proxy="${service.name}"`
  const server = `${proxy},server="${servers[0]?.name}"`
  for (const line of [
    `haproxy_frontend_current_sessions{${proxy}} ${service.sessions.current}`,
    `haproxy_backend_sessions_total{${proxy}} ${service.sessions.total}`,
    `haproxy_frontend_bytes_out_total{${proxy}} ${service.bytes_out}`,
    `haproxy_frontend_denied_connections_total{${proxy}} 6`,
    `haproxy_frontend_status{${proxy},state="UP"} 1`,
    `haproxy_backend_current_queue{${proxy}} 7`,
    `haproxy_backend_active_servers{${proxy}} ${servers.filter((one) => one.status === 'UP').length}`,
    `haproxy_backend_retry_warnings_total{${proxy}} ${servers.reduce((sum, one) => sum + one.retries, 0)}`,
    `haproxy_backend_client_aborts_total{${proxy}} 8`,
    `haproxy_backend_server_aborts_total{${proxy}} 9`,
    `haproxy_server_status{${server},state="UP"} 1`,
    `haproxy_server_status{${server},state="DOWN"} 0`,
    `haproxy_server_retry_warnings_total{${server}} 3`,
    `haproxy_server_redispatch_warnings_total{${server}} 2`,
    `haproxy_server_connection_errors_total{${server}} 5`,
    `haproxy_server_bytes_in_total{${server}} 70`,
    `haproxy_server_uweight{${server}} 9`,
    `haproxy_server_weight{${server}} 4`
  ])
    t.ok(text.includes(`${line}\n`), line)
})

t.test('a service that has nobody is DOWN as a backend', async (t) => {
  const one = status()
  const proxy = one.proxy.map((service) => ({ ...service, serving: 'none' as const, listening: true }))
  const text = await metricsText({ ...one, proxy }, true)
  t.match(text, /haproxy_backend_status\{proxy="[^"]+",state="DOWN"\} 1\n/)
  t.match(text, /haproxy_frontend_status\{proxy="[^"]+",state="UP"\} 1\n/)
})
