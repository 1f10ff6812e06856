import type { HistoryEvent } from '../base/history.js'
import type { ServiceStatus } from '../proxy/snapshot.js'
import type { InstanceStatus } from '../vrrp/snapshot.js'

/** The whole picture of this node: what every reader reads. Additive only; field names are API. */
export interface Status {
  readonly schema: 1
  readonly version: string
  readonly node: string
  readonly pid: number
  readonly uptime_s: number
  readonly config: {
    readonly path: string
    readonly loaded_at: string
    /** Warnings of the file and shortages of the host, as sentences. */
    readonly problems: readonly string[]
  }
  readonly vrrp: readonly InstanceStatus[]
  readonly vrrp_sync_group: readonly {
    readonly name: string
    readonly state: string
    readonly group: readonly string[]
  }[]
  /** What became of scripts, FIFO lines and mail about transitions. */
  readonly notify: Readonly<Record<string, number>>
  readonly proxy: readonly ServiceStatus[]
  readonly process: {
    readonly event_loop_delay_p99_ms: number
    readonly event_loop_delay_max_ms: number
    readonly rss_bytes: number
    readonly open_fds: number
    readonly worker_threads: number
    /** The data plane's workers go round. */
    readonly data_plane_alive: boolean
    readonly bytes_spliced: number
    readonly events_dropped: number
    readonly netlink_overruns: number
    /** The thread that sends adverts has a real-time priority; null: there is no such thread. */
    readonly advert_sender_real_time: boolean | null
  }
}

/** What became of a reload. */
export interface ReloadVerdict {
  readonly verdict: 'unchanged' | 'applied' | 'needs-restart' | 'invalid'
  /** `file:line:col: what` */
  readonly problems: readonly string[]
  /** What is different now, in words. */
  readonly applied: readonly string[]
  /** What the file would change after a restart, in words. */
  readonly changes: readonly string[]
}

/** What the daemon must offer to its operator. */
export interface Control {
  status(): Promise<Status>
  reload(): Promise<ReloadVerdict>
  /** The events after this number, oldest first. */
  events(since: number): readonly HistoryEvent[]
}

/** Whether the node does its part: no instance in FAULT, every service listening. */
export const isHealthy = (status: Status): boolean =>
  status.vrrp.every((one) => one.state !== 'FAULT') &&
  status.proxy.every((one) => one.listening) &&
  status.process.data_plane_alive
