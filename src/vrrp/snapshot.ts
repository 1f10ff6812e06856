import type { VrrpConfig } from '../config/schema.js'
import type { VrrpCounters } from './counters.js'
import type { Role, State } from './machine.js'
import { leaseSeconds, worstOverlapMs } from './timing.js'

/** What `vipd status` tells of an instance. */
export interface InstanceStatus {
  readonly name: string
  readonly interface: string
  readonly virtual_router_id: number
  readonly version: 2 | 3
  readonly state: Role
  readonly since: string
  readonly reason: string
  readonly fault: readonly string[]
  readonly priority: number
  readonly effective_priority: number
  readonly advert_int_ms: number
  readonly preempt: boolean
  readonly master: { readonly address: string; readonly priority: number } | null
  readonly virtual_ipaddress: readonly { readonly address: string; readonly held: boolean }[]
  /** Seconds after which the kernel drops the addresses of a daemon that hangs or is dead. */
  readonly lease_s: number
  /** The longest that a master which is killed or hangs may hold the addresses beside its successor. */
  readonly lease_overlap_ms: number
  /** How the wire is carried: npm raw-socket or the addon; null while it is closed. */
  readonly socket: 'raw-socket' | 'addon' | null
  readonly counters: VrrpCounters
}

/** What the election and its driver know, beside the configuration. */
export interface InstanceFacts extends Pick<InstanceStatus, 'virtual_ipaddress' | 'socket' | 'counters' | 'reason'> {
  readonly state: State
  readonly since: Date
}

/** Configuration, election and driver put together. A FAULT has the effective priority 0. */
export function instanceStatus(config: VrrpConfig, facts: InstanceFacts): InstanceStatus {
  const { role, faults, master } = facts.state
  return {
    name: config.name,
    interface: config.interface,
    virtual_router_id: config.virtualRouterId,
    version: config.version,
    state: role,
    since: facts.since.toISOString(),
    reason: facts.reason,
    fault: faults,
    priority: config.priority,
    effective_priority: role === 'FAULT' ? 0 : config.priority,
    advert_int_ms: config.advertIntMs,
    preempt: config.preempt,
    master,
    virtual_ipaddress: facts.virtual_ipaddress,
    lease_s: leaseSeconds(config.advertIntMs),
    lease_overlap_ms: worstOverlapMs(config.advertIntMs),
    socket: facts.socket,
    counters: facts.counters
  }
}
