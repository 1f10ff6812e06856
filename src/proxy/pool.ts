import type { ServerConfig } from '../config/schema.js'
import type { CheckResult } from '../health/checker.js'
import { noFailures, type Passive } from '../health/passive.js'
import { isDoubtful, isDead as isFoundDead, unknownVerdict, type Verdict } from '../health/verdict.js'

export type AdminState = 'ready' | 'drain' | 'maint'

/** What its agent has said of a server. */
export interface Agent {
  /** It said that the server is down; one that cannot be asked says nothing. */
  readonly isDown: boolean
  readonly weightPercent: number
  readonly state: AdminState
  /** null: what is configured. */
  readonly maxconn: number | null
  readonly last: (CheckResult & { readonly at: Date }) | null
}

/** A server: what is configured, ordered and observed. What is effective follows from all three. */
export interface Server {
  /** Identity towards the data plane. */
  readonly id: number
  readonly config: ServerConfig
  readonly verdict: Verdict
  readonly lastCheck: (CheckResult & { readonly at: Date }) | null
  readonly admin: { readonly state: AdminState; readonly weight: number | null }
  readonly agent: Agent
  /** Live connections that failed in a row, as last seen; and of those the ones that count for `error_limit`. */
  readonly failuresInRow: number
  readonly passive: Passive
  /** It was down or in maintenance: when it comes up, its share grows slowly. */
  readonly isCold: boolean
  /** Monotonic time at which its share began to grow; null: it has never been cold. */
  readonly rampFromMs: number | null
  /** Since when it has its status. */
  readonly since: Date
}

export type ServerStatus = 'UP' | 'DRAIN' | 'DOWN' | 'MAINT'

export const noAgent: Agent = { isDown: false, weightPercent: 100, state: 'ready', maxconn: null, last: null }

/** @param isCold it joins servers that are busy already: its share grows slowly */
export const newServer = (id: number, config: ServerConfig, today: Date, isCold = false): Server => ({
  id,
  config,
  verdict: unknownVerdict,
  lastCheck: null,
  admin: { state: config.isDisabled ? 'maint' : 'ready', weight: null },
  agent: noAgent,
  failuresInRow: 0,
  passive: noFailures,
  isCold,
  rampFromMs: null,
  since: today
})

/**
 * What its checks and its agent say: it has no check and is taken for ready; none has finished yet; it is ready; it
 * answers without saying whether it is ready; it answers that it is not ready; it is gone, as it had said that it
 * would; it is dead.
 */
export type Health = 'unchecked' | 'unknown' | 'ready' | 'unsure' | 'unready' | 'gone' | 'dead'

export function healthOf({ config, verdict, agent }: Server): Health {
  if (agent.isDown) return 'dead'
  if (config.check === null) return 'unchecked'
  switch (verdict.status) {
    case 'UNKNOWN':
      return 'unknown'
    case 'UP':
      return 'ready'
    case 'UNSURE':
      return 'unsure'
    case 'ALIVE':
      return 'unready'
    case 'DOWN':
      return isFoundDead(verdict) ? 'dead' : 'gone'
  }
}

/** What is configured or ordered, by the share of it that the agent advises; 0 takes no new connections. */
export const weightOf = ({ config, admin, agent }: Server): number =>
  ((admin.weight ?? config.weight) * agent.weightPercent) / 100

/**
 * | ordered, or by the agent | checks                   | weight | effective | new connections               | old ones |
 * |--------------------------|--------------------------|--------|-----------|-------------------------------|----------|
 * | maint                    | any                      | any    | MAINT     | none; it is not checked       | closed   |
 * | ready, drain             | none yet                 | any    | DOWN      | none                          | go on    |
 * | ready, drain             | dead                     | any    | DOWN      | none                          | closed   |
 * | ready, drain             | gone, as it had said     | any    | DOWN      | none                          | go on    |
 * | drain                    | ready, unsure, not ready | any    | DRAIN     | none                          | go on    |
 * | ready                    | ready, unsure, not ready | 0      | DRAIN     | none                          | go on    |
 * | ready                    | not ready                | > 0    | DRAIN     | when none is UP or unsure     | go on    |
 * | ready                    | unsure                   | > 0    | DRAIN     | when none is UP               | go on    |
 * | ready                    | ready, the last failed   | > 0    | UP        | when no other is UP           | go on    |
 * | ready                    | ready                    | > 0    | UP        | its share                     | go on    |
 *
 * A server without a check counts as ready. `disabled` is the order `maint` from the start. What is closed here stays
 * open with `on_marked_down: none`.
 */
export function effective(server: Server): ServerStatus {
  if (server.admin.state === 'maint' || server.agent.state === 'maint') return 'MAINT'
  switch (healthOf(server)) {
    case 'unknown':
    case 'gone':
    case 'dead':
      return 'DOWN'
    case 'unsure':
    case 'unready':
      return 'DRAIN'
    case 'unchecked':
    case 'ready':
      return isHeldBack(server) ? 'DRAIN' : 'UP'
  }
}

/** Somebody said that it gets no new connections. */
const isHeldBack = (server: Server): boolean =>
  server.admin.state === 'drain' || server.agent.state === 'drain' || weightOf(server) === 0

/**
 * Its place among those that may get connections, the best first; null: it may not.
 * UP, UP but its last check failed, unsure, alive but not ready.
 */
export function rankOf(server: Server): 0 | 1 | 2 | 3 | null {
  const status = effective(server)
  const health = healthOf(server)
  if (status === 'UP') return health === 'ready' && isDoubtful(server.verdict) ? 1 : 0
  if (status !== 'DRAIN' || isHeldBack(server)) return null
  return health === 'unsure' ? 2 : 3
}

/** Its sessions are to be ended: it was found dead, which one that was not checked yet is not, or taken out. */
export const isDead = (server: Server): boolean => effective(server) === 'MAINT' || healthOf(server) === 'dead'

/** What a service can do for its clients: it has a server; only the server on this host answers; nobody does. */
export type Reach = 'serving' | 'local' | 'nothing'

/** @param isServing somebody gets connections; @param isLocal whether an address is this host's own */
export function reachOf(servers: readonly Server[], isServing: boolean, isLocal: (host: string) => boolean): Reach {
  if (isServing) return 'serving'
  const answers = ({ lastCheck }: Server): boolean => lastCheck?.isOk === true
  const isNear = ({ config }: Server): boolean => isLocal(config.address.host)
  return servers.some((one) => isNear(one) && (healthOf(one) === 'ready' || answers(one))) ? 'local' : 'nothing'
}
