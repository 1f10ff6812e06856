import type { Exit } from '../lab/child.js'

/** What the scenarios ask of either proxy. */

export type Side = 'haproxy' | 'vipd'

/** haproxy's NOLB (no new connections, by its own health check) is DRAIN here. */
export type ServerState = 'UP' | 'DOWN' | 'DRAIN' | 'MAINT'

/** What is told of a session at its end, in either's log. */
export interface SessionLog {
  /** Of the client: its address and port. */
  readonly client: string
  readonly termination: string
  readonly backend: string
  /** '' without one. */
  readonly server: string
  /** Milliseconds; −1: never reached. */
  readonly queueMs: number
  readonly connectMs: number
  readonly totalMs: number
  /** Server to client. */
  readonly bytesOut: number
  readonly retries: number
  readonly isRedispatched: boolean
}

export type Order = 'ready' | 'drain' | 'maint' | { readonly weight: number }

export interface Started {
  readonly ok: boolean
  /** What it said, where it did not start. */
  readonly why: string
}

/** A running proxy of either kind. */
export interface Subject {
  readonly side: Side
  /** Of the process that holds the sessions. */
  readonly pid: number
  /** Starts it and waits until it listens; or says why it does not. */
  start(): Promise<Started>
  stop(signal?: NodeJS.Signals): Promise<Exit>
  /** Sends a signal and waits for nothing. */
  signal(signal: NodeJS.Signals): void
  exited(): Promise<Exit>
  /** Another haproxy.cfg. @returns whether it took it */
  reload(cfg: string): Promise<boolean>
  /** Of a server in the first service, unless another is named. */
  state(server: string, service?: string): Promise<ServerState>
  /** The last check's result: L4OK, L7STS … */
  checkResult(server: string): Promise<string>
  order(server: string, order: Order): Promise<void>
  /** Ends the session of the client with this port. */
  kill(port: number): Promise<void>
  /** Ends all sessions of a server. */
  killAll(server: string): Promise<void>
  counts(): Promise<Counts>
  /** What its log has of sessions so far. */
  sessionLogs(): readonly SessionLog[]
  /** The last it printed, for explanations. */
  words(): string
}

export interface Counts {
  /** Sessions of the first service now, and ever. */
  readonly current: number
  readonly total: number
  /** Waiting for a server. */
  readonly queued: number
  readonly servers: Readonly<Record<string, { readonly current: number; readonly total: number }>>
}
