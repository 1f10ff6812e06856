import type { HistoryEvent } from '../base/history.js'
import type { PeersStatus } from '../peers/peers.js'
import type { ServerOrder } from '../proxy/orders.js'
import type { SessionView } from '../proxy/session-view.js'
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
  /** The other nodes, and the channel to them; null: there is none. */
  readonly peers: PeersStatus | null
  /** What became of scripts, FIFO lines and mail about transitions. */
  readonly notify: Readonly<Record<string, number>>
  readonly proxy: readonly ServiceStatus[]
  /** What the log lost, and what became of what was sent to syslog. */
  readonly log: {
    /** Sessions that were logged, and those whose record was lost. */
    readonly sessions: number
    readonly sessions_dropped: number
    /** Lines that stdout did not take in time. */
    readonly lines_dropped: number
    readonly syslog: readonly {
      readonly target: string
      readonly sent: number
      readonly waiting: number
      readonly dropped: number
      /** Why the last one could not be sent; null once one could. */
      readonly error: string | null
    }[]
  }
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

/** `SERVICE/SERVER` as two names. */
export interface ServerName {
  readonly service: string
  readonly server: string
}

/** What became of a request; where nothing did, why, in a sentence. */
export type Verdict<Facts> = ({ readonly ok: true } & Facts) | { readonly ok: false; readonly error: string }

/** The facts of a verdict that something became of. */
export type Done<Asked> = Omit<Extract<Asked, { readonly ok: true }>, 'ok'>

/** What a server is now, and what there is to say of it. */
export type OrderVerdict = Verdict<{ readonly status: string; readonly detail: string }>

/** Which sessions are to be told: null is any. */
export interface SessionQuery {
  readonly service: string | null
  readonly server: string | null
  /** The oldest so many. */
  readonly limit: number
}

/** `total`: how many sessions there are of what was asked for, told or not. */
export type SessionsVerdict = Verdict<{ readonly sessions: readonly SessionView[]; readonly total: number }>

/** Sessions by their numbers, or all of a server. */
export type KillQuery =
  | { readonly kind: 'ids'; readonly ids: readonly number[] }
  | ({ readonly kind: 'server' } & ServerName)

/** `unknown`: those of the ids that no session has. */
export type KillVerdict = Verdict<{ readonly ended: number; readonly unknown: readonly string[] }>

/** Which instance, null for all, hands over and stays away for how long; 0 ends it. */
export interface FailoverQuery {
  readonly instance: string | null
  readonly forMs: number
}

export type FailoverVerdict = Verdict<{ readonly instances: readonly string[] }>

/** What became of handing over to another process of the program that is installed now: its number. */
export type HandOverVerdict = Verdict<{ readonly pid: number; readonly sessions: number; readonly took_ms: number }>

/** What the daemon must offer to its operator. */
export interface Control {
  status(): Promise<Status>
  reload(): Promise<ReloadVerdict>
  /** What a reload would do now; nothing is changed. */
  preview(): Promise<ReloadVerdict>
  /** The events after this number, oldest first. */
  events(since: number): readonly HistoryEvent[]
  orderServer(name: ServerName, order: ServerOrder): OrderVerdict
  failover(query: FailoverQuery): FailoverVerdict
  /** Hands everything over to a fresh process; resolves when that has it. */
  handOver(): Promise<HandOverVerdict>
  sessions(query: SessionQuery): Promise<SessionsVerdict>
  killSessions(query: KillQuery): Promise<KillVerdict>
}

/** Whether the node does its part: no instance in FAULT, every service listening. */
export const isHealthy = (status: Status): boolean =>
  status.vrrp.every((one) => one.state !== 'FAULT') &&
  status.proxy.every((one) => one.listening) &&
  status.process.data_plane_alive
