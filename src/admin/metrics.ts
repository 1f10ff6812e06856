import { Counter, Gauge, Registry } from 'prom-client'
import type { ServerSnapshot, ServiceStatus } from '../proxy/snapshot.js'
import type { ConditionName, ConditionStatus } from '../vrrp/conditions.js'
import type { InstanceStatus } from '../vrrp/snapshot.js'
import { isHealthy, type Status } from './status.js'

type Labels = Readonly<Record<string, string>>

/** One scrape: families made as they are met, in a registry of its own. Nothing outlives the answer. */
class Scrape {
  readonly #registry = new Registry()
  readonly #gauges = new Map<string, Gauge>()
  readonly #counters = new Map<string, Counter>()

  gauge(name: string, help: string, labels: Labels, value: number | boolean): void {
    const gauge =
      this.#gauges.get(name) ?? new Gauge({ name, help, labelNames: Object.keys(labels), registers: [this.#registry] })
    this.#gauges.set(name, gauge)
    gauge.set(labels, Number(value))
  }

  counter(name: string, help: string, labels: Labels, value: number): void {
    // The library throws at what is no count: one such number must not cost the whole scrape.
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) return
    const counter =
      this.#counters.get(name) ??
      new Counter({ name, help, labelNames: Object.keys(labels), registers: [this.#registry] })
    this.#counters.set(name, counter)
    counter.inc(labels, value)
  }

  async text(): Promise<string> {
    return await this.#registry.metrics()
  }
}

/** The exposition format's name, for the Content-Type. */
export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE

/** A node's status as Prometheus text. Names and labels are API; times in seconds, sizes in bytes. */
export async function metricsText(status: Status): Promise<string> {
  const scrape = new Scrape()
  scrape.gauge('vipd_build_info', 'Which vipd this is', { version: status.version, node: status.node }, 1)
  scrape.gauge('vipd_healthy', 'No instance in FAULT, every service listening', {}, isHealthy(status))
  for (const one of status.vrrp) instance(scrape, one)
  for (const one of status.proxy) service(scrape, one)
  ourselves(scrape, status)
  return await scrape.text()
}

// The names once more, since admin takes vrrp's types alone. A name that is missing here does not compile.
const CONDITIONS: Readonly<Record<ConditionName, true>> = {
  'foreign-vrid': true,
  'address-list-mismatch': true,
  'version-mismatch': true,
  'interval-mismatch': true,
  'password-mismatch': true,
  ttl: true,
  checksum: true,
  'no-adverts-heard': true,
  'one-way': true,
  'two-masters': true,
  'duplicate-owner': true,
  'duplicate-address': true,
  'unknown-peer': true
}
const ROLES: Readonly<Record<InstanceStatus['state'], true>> = { INIT: true, BACKUP: true, MASTER: true, FAULT: true }

function instance(
  scrape: Scrape,
  one: InstanceStatus & { readonly conditions?: readonly Pick<ConditionStatus, 'name'>[] }
): void {
  const labels = { instance: one.name }
  for (const state of Object.keys(ROLES)) {
    scrape.gauge('vipd_vrrp_state', '1 for the state that it is in', { ...labels, state }, one.state === state)
  }
  const since = Date.parse(one.since) / 1000
  scrape.gauge('vipd_vrrp_state_since_timestamp_seconds', 'When it came into this state', labels, since)
  scrape.gauge('vipd_vrrp_priority', 'Configured priority', labels, one.priority)
  scrape.gauge('vipd_vrrp_effective_priority', 'Priority with what is tracked', labels, one.effective_priority)
  scrape.gauge('vipd_vrrp_advert_interval_seconds', 'Configured advert_int', labels, one.advert_int_ms / 1000)
  for (const { address, held } of one.virtual_ipaddress) {
    scrape.gauge('vipd_vrrp_virtual_address_held', '1 while the address is on this node', { ...labels, address }, held)
  }
  const present = new Set<string>(one.conditions?.map(({ name }) => name))
  for (const condition of Object.keys(CONDITIONS)) {
    const is = present.has(condition)
    scrape.gauge('vipd_vrrp_condition', '1 while something is wrong with a peer', { ...labels, condition }, is)
  }
  counters(scrape, one.counters, labels)
}

const COUNTER_HELP: Readonly<Record<string, string>> = {
  advert_rcvd: 'Adverts accepted',
  advert_sent: 'Adverts sent',
  become_master: 'Times it became master',
  release_master: 'Times it gave mastership up',
  priority_zero_rcvd: 'Adverts of a master that resigned',
  priority_zero_sent: 'Adverts sent to resign',
  garp_sent: 'Gratuitous ARP requests sent',
  gna_sent: 'Unsolicited neighbour advertisements sent',
  address_readded: 'Addresses that something else removed and vipd put back',
  stalled: 'Times it was away for longer than a peer waits, and stepped back',
  rejected: 'Packets refused, by the first reason'
}

/** Whatever an instance counts: a number is a family, a table of numbers a family by reason. */
function counters(scrape: Scrape, counted: object, labels: Labels): void {
  const entries: [string, unknown][] = Object.entries(counted)
  for (const [key, value] of entries) {
    const name = `vipd_vrrp_${key.replace(/^advert_/, 'adverts_').replace(/_rcvd$/, '_received')}_total`
    const help = COUNTER_HELP[key] ?? `VRRP counter ${key}`
    if (typeof value === 'number') scrape.counter(name, help, labels, value)
    if (typeof value !== 'object' || value === null) continue
    const reasons: [string, unknown][] = Object.entries(value)
    for (const [reason, count] of reasons) {
      if (typeof count === 'number') scrape.counter(name, help, { ...labels, reason }, count)
    }
  }
}

function service(scrape: Scrape, one: ServiceStatus): void {
  const labels = { service: one.name }
  scrape.gauge('vipd_proxy_listening', '1 while its listeners are bound', labels, one.listening)
  scrape.gauge('vipd_proxy_sessions', 'Sessions now', labels, one.sessions.current)
  scrape.gauge('vipd_proxy_sessions_max', 'Most sessions at once so far', labels, one.sessions.max)
  scrape.gauge('vipd_proxy_sessions_limit', 'Most sessions allowed at once', labels, one.maxconn_effective)
  scrape.counter('vipd_proxy_sessions_total', 'Sessions so far', labels, one.sessions.total)
  scrape.counter('vipd_proxy_bytes_in_total', 'Bytes from clients', labels, one.bytes_in)
  scrape.counter('vipd_proxy_bytes_out_total', 'Bytes to clients', labels, one.bytes_out)
  scrape.counter('vipd_proxy_refused_total', 'Connections reset because no server was usable', labels, one.refused)
  scrape.counter('vipd_proxy_accept_pauses_total', 'Times that accepting paused', labels, one.accept_pauses)
  for (const [side, count] of Object.entries(one.timeouts)) {
    scrape.counter('vipd_proxy_timeouts_total', 'Sessions ended by a timeout', { ...labels, side }, count)
  }
  for (const [side, count] of Object.entries(one.aborts)) {
    scrape.counter('vipd_proxy_aborts_total', 'Sessions reset by a side', { ...labels, side }, count)
  }
  for (const server of one.servers) serverOf(scrape, server, { ...labels, server: server.name })
}

function serverOf(scrape: Scrape, one: ServerSnapshot, labels: Labels): void {
  scrape.gauge('vipd_proxy_server_up', '1 while it is UP', labels, one.status === 'UP')
  scrape.gauge('vipd_proxy_server_status', 'The status that it has', { ...labels, status: one.status }, 1)
  scrape.gauge('vipd_proxy_server_weight', 'Its weight', labels, one.weight)
  scrape.gauge('vipd_proxy_server_sessions', 'Sessions now', labels, one.sessions.current)
  scrape.counter('vipd_proxy_server_sessions_total', 'Sessions so far', labels, one.sessions.total)
  scrape.counter('vipd_proxy_server_bytes_in_total', 'Bytes to it', labels, one.bytes_in)
  scrape.counter('vipd_proxy_server_bytes_out_total', 'Bytes from it', labels, one.bytes_out)
  scrape.counter('vipd_proxy_server_retries_total', 'Attempts repeated', labels, one.retries)
  scrape.counter('vipd_proxy_server_redispatches_total', 'Sessions that went elsewhere', labels, one.redispatches)
  scrape.counter('vipd_proxy_server_connect_errors_total', 'Attempts that failed', labels, one.connect_errors)
  scrape.counter('vipd_proxy_server_killed_total', 'Sessions closed because it went down', labels, one.killed)
  const latencyMs = one.check?.latency_ms
  if (typeof latencyMs === 'number') {
    scrape.gauge('vipd_proxy_server_check_seconds', 'How long the last check took', labels, latencyMs / 1000)
  }
}

function ourselves(scrape: Scrape, { process: own, uptime_s, config }: Status): void {
  scrape.gauge('vipd_uptime_seconds', 'Since the start', {}, uptime_s)
  scrape.gauge('vipd_config_problems', 'Warnings of the file and shortages of the host', {}, config.problems.length)
  scrape.gauge('process_resident_memory_bytes', 'Resident memory', {}, own.rss_bytes)
  scrape.gauge('process_open_fds', 'Open file descriptors', {}, own.open_fds)
  const delay = 'Event loop delay of the main thread'
  scrape.gauge('vipd_event_loop_delay_p99_seconds', `${delay}, 99th percentile`, {}, own.event_loop_delay_p99_ms / 1000)
  scrape.gauge('vipd_event_loop_delay_max_seconds', `${delay}, the longest`, {}, own.event_loop_delay_max_ms / 1000)
  scrape.gauge('vipd_worker_threads', 'Threads of the data plane', {}, own.worker_threads)
  scrape.gauge('vipd_data_plane_alive', '1 while they go round', {}, own.data_plane_alive)
  scrape.counter('vipd_bytes_spliced_total', 'Bytes that were spliced, not copied', {}, own.bytes_spliced)
  scrape.counter('vipd_events_dropped_total', 'Events of the data plane that were dropped', {}, own.events_dropped)
  scrape.counter('vipd_netlink_overruns_total', 'Times that netlink overran', {}, own.netlink_overruns)
}
