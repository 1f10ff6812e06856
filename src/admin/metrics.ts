import { Counter, Gauge, Registry } from 'prom-client'
import type { ConditionName, ConditionStatus } from '../vrrp/conditions.js'
import type { InstanceStatus } from '../vrrp/snapshot.js'
import { haproxyMetrics } from './haproxy-metrics.js'
import { type Labels, type Samples, serviceMetrics } from './service-metrics.js'
import { isHealthy, type Status } from './status.js'

/** One scrape: families made as they are met, in a registry of its own. Nothing outlives the answer. */
class Scrape implements Samples {
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

/**
 * A node's status as Prometheus text. Names and labels are API; times in seconds, sizes in bytes.
 * @param asHaproxy services under the names of haproxy's exporter as well
 */
export async function metricsText(status: Status, asHaproxy = false): Promise<string> {
  const scrape = new Scrape()
  scrape.gauge('vipd_build_info', 'Which vipd this is', { version: status.version, node: status.node }, 1)
  scrape.gauge('vipd_healthy', 'No instance in FAULT, every service listening', {}, isHealthy(status))
  for (const one of status.vrrp) instance(scrape, one)
  for (const one of status.proxy) {
    serviceMetrics(scrape, one)
    if (asHaproxy) haproxyMetrics(scrape, one)
  }
  peersOf(scrape, status)
  logOf(scrape, status)
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

function peersOf(scrape: Scrape, { peers }: Status): void {
  if (peers === null) return
  for (const { address, is_heard, error, clients } of peers.nodes) {
    const labels = { peer: address }
    scrape.gauge('vipd_peer_heard', '1 while the other node is heard on the peer channel', labels, is_heard)
    scrape.gauge('vipd_peer_reached', '1 while the other node can be told', labels, error === null)
    scrape.gauge('vipd_peer_clients', 'Clients of its virtual addresses that it has told of', labels, clients)
  }
  for (const [reason, count] of Object.entries(peers.refused))
    scrape.counter('vipd_peer_refused_total', 'Who was not listened to on the peer channel', { reason }, count)
  const told = 'Times that clients of another node were told that their connections are gone'
  scrape.counter('vipd_tickles_sent_total', told, {}, peers.tickled)
}

function logOf(scrape: Scrape, { log }: Status): void {
  scrape.counter('vipd_log_sessions_total', 'Sessions that were logged', {}, log.sessions)
  scrape.counter('vipd_log_sessions_dropped_total', 'Sessions whose record was lost', {}, log.sessions_dropped)
  scrape.counter('vipd_log_lines_dropped_total', 'Lines that stdout did not take in time', {}, log.lines_dropped)
  for (const { target, sent, waiting, dropped } of log.syslog) {
    scrape.counter('vipd_syslog_sent_total', 'Messages sent', { target }, sent)
    scrape.counter('vipd_syslog_dropped_total', 'Messages lost', { target }, dropped)
    scrape.gauge('vipd_syslog_waiting', 'Messages that wait for the target', { target }, waiting)
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
