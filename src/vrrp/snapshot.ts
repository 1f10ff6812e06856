import type { VrrpConfig } from '../config/schema.js'
import type { ConditionStatus } from './conditions.js'
import type { VrrpCounters } from './counters.js'
import type { Role, State } from './machine.js'
import { leaseSeconds, worstOverlapMs } from './timing.js'
import type { Tier, Tracked } from './tracking.js'

/** What `vipd status` tells of an instance. */
export interface InstanceStatus {
  readonly name: string
  readonly interface: string
  readonly virtual_router_id: number
  readonly version: 2 | 3
  readonly family: 'ipv4' | 'ipv6'
  readonly state: Role
  readonly since: string
  readonly reason: string
  readonly fault: readonly string[]
  readonly priority: number
  readonly effective_priority: number
  readonly advert_int_ms: number
  readonly down_timer_adverts: number
  readonly preempt: boolean
  readonly preempt_delay_ms: number
  readonly master: { readonly address: string; readonly priority: number } | null
  readonly virtual_ipaddress: readonly { readonly address: string; readonly held: boolean; readonly dev?: string }[]
  /** Where adverts come from, and go to. */
  readonly source: string | null
  readonly unicast_peer: readonly string[] | null
  readonly group: string | null
  /** What the checksum of our adverts covers; both forms are accepted. */
  readonly checksum: 'message' | 'pseudo-header'
  readonly authentication: 'none' | 'PASS' | 'HMAC'
  readonly sync_group: string | null
  /** What this node can do for clients: serving, local (only its own apiserver answers) or nothing. */
  readonly tier: Tier
  readonly tracked: readonly {
    readonly name: string
    readonly state: Tracked['state']
    readonly weight: number
    readonly detail: string
  }[]
  /** What is not as it should be, and how to mend it. */
  readonly conditions: readonly ConditionStatus[]
  /** Seconds after which the kernel drops the addresses of a daemon that hangs or is dead. */
  readonly lease_s: number
  /** The longest that a master which is killed or hangs may hold the addresses beside its successor. */
  readonly lease_overlap_ms: number
  /** How the main loop sends: npm raw-socket or the addon; null while the wire is closed. */
  readonly socket: 'raw-socket' | 'addon' | null
  /** Who sends the adverts of a master on time, and how late it was at the worst. */
  readonly sender: 'thread' | 'main loop'
  readonly sender_worst_lateness_ms: number | null
  readonly counters: VrrpCounters
}

/** What the election and its driver know, beside the configuration. */
export interface InstanceFacts
  extends Pick<InstanceStatus, 'virtual_ipaddress' | 'socket' | 'counters' | 'reason' | 'sender' | 'conditions'> {
  readonly state: State
  readonly since: Date
  readonly effectivePriority: number
  readonly source: string | null
  readonly worstLatenessMs: number | null
  readonly tier: Tier
  readonly tracked: readonly Tracked[]
  readonly syncGroup: string | null
}

/** Configuration, election and driver put together. A FAULT has the effective priority 0. */
export function instanceStatus(config: VrrpConfig, facts: InstanceFacts): InstanceStatus {
  const { role, faults, master } = facts.state
  const { unicast } = config
  return {
    name: config.name,
    interface: config.interface,
    virtual_router_id: config.virtualRouterId,
    version: config.version,
    family: config.family === 6 ? 'ipv6' : 'ipv4',
    state: role,
    since: facts.since.toISOString(),
    reason: facts.reason,
    fault: faults,
    priority: config.priority,
    effective_priority: role === 'FAULT' ? 0 : facts.effectivePriority,
    advert_int_ms: config.advertIntMs,
    down_timer_adverts: config.downTimerAdverts,
    preempt: config.preempt,
    preempt_delay_ms: config.preemptDelayMs,
    master,
    virtual_ipaddress: facts.virtual_ipaddress,
    source: facts.source,
    unicast_peer: unicast?.peers.map((peer) => peer.address) ?? null,
    group: unicast === null ? config.group : null,
    checksum: config.version === 2 ? 'message' : config.family === 6 ? 'pseudo-header' : config.checksum,
    authentication: config.authHmac !== null ? 'HMAC' : config.authentication !== null ? 'PASS' : 'none',
    sync_group: facts.syncGroup,
    tier: facts.tier,
    tracked: facts.tracked.map(({ label, state, weight, detail }) => ({ name: label, state, weight, detail })),
    conditions: facts.conditions,
    lease_s: leaseSeconds(config),
    lease_overlap_ms: worstOverlapMs(config),
    socket: facts.socket,
    sender: facts.sender,
    sender_worst_lateness_ms: facts.worstLatenessMs === null ? null : Math.round(facts.worstLatenessMs * 100) / 100,
    counters: facts.counters
  }
}
