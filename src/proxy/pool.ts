import type { ServerConfig } from '../config/schema.js'
import { type CheckResult, SOCKERR } from '../health/checker.js'
import { judge, unknownVerdict, type Verdict } from '../health/verdict.js'
import type { ServerOrder } from './orders.js'

export type AdminState = 'ready' | 'drain' | 'maint'

/** What the operator or the agent wants of a server, beside its checks. */
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
  /** It was down or in maintenance: when it comes up, its share grows slowly. */
  readonly isCold: boolean
  /** Monotonic time at which its share began to grow; null: it has never been cold. */
  readonly rampFromMs: number | null
  /** Since when it has its status. */
  readonly since: Date
}

export type ServerStatus = 'UP' | 'DRAIN' | 'DOWN' | 'MAINT'

/** The same moment by both clocks. */
export interface Moment {
  readonly ms: number
  readonly today: Date
}

const noAgent: Agent = { isDown: false, weightPercent: 100, state: 'ready', maxconn: null, last: null }

/** @param isCold it joins servers that are busy already: its share grows slowly */
export const newServer = (id: number, config: ServerConfig, today: Date, isCold = false): Server => ({
  id,
  config,
  verdict: unknownVerdict,
  lastCheck: null,
  admin: { state: config.isDisabled ? 'maint' : 'ready', weight: null },
  agent: noAgent,
  isCold,
  rampFromMs: null,
  since: today
})

/** What its checks say. unchecked: it has none, and is taken for ready. unready: it answers, and is not (known to be) ready. */
export type Health = 'unchecked' | 'unknown' | 'ready' | 'unready' | 'dead'

export function healthOf({ config, verdict, agent }: Server): Health {
  if (agent.isDown) return 'dead'
  if (config.check === null) return 'unchecked'
  switch (verdict.status) {
    case 'UNKNOWN':
      return 'unknown'
    case 'UP':
      return 'ready'
    case 'DOWN':
      return 'dead'
  }
}

/** What is configured or ordered, by the share of it that the agent advises; 0 takes no new connections. */
export const weightOf = ({ config, admin, agent }: Server): number =>
  ((admin.weight ?? config.weight) * agent.weightPercent) / 100

/**
 * | ordered, or by the agent | checks           | weight | effective | new connections              | old ones         |
 * |--------------------------|------------------|--------|-----------|------------------------------|------------------|
 * | maint                    | any              | any    | MAINT     | none; it is not checked      | closed           |
 * | ready, drain             | none yet         | any    | DOWN      | none                         | go on            |
 * | ready, drain             | dead             | any    | DOWN      | none                         | closed           |
 * | drain                    | ready, not ready | any    | DRAIN     | none                         | go on            |
 * | ready                    | ready, not ready | 0      | DRAIN     | none                         | go on            |
 * | ready                    | not ready        | > 0    | DRAIN     | when no server is ready      | go on            |
 * | ready                    | ready            | > 0    | UP        | its share                    | go on            |
 *
 * A server without a check counts as ready. `disabled` is the order `maint` from the start. What is closed stays open
 * with `on_marked_down: none`.
 */
export function effective(server: Server): ServerStatus {
  if (server.admin.state === 'maint' || server.agent.state === 'maint') return 'MAINT'
  switch (healthOf(server)) {
    case 'unknown':
    case 'dead':
      return 'DOWN'
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

/** It answers, is not known to be ready, and nobody holds it back: better than nothing. */
export const isLastResort = (server: Server): boolean =>
  effective(server) === 'DRAIN' && healthOf(server) === 'unready' && !isHeldBack(server)

/** Its sessions are to be ended: it was found dead, which one that was not checked yet is not, or taken out. */
export const isDead = (server: Server): boolean => effective(server) === 'MAINT' || healthOf(server) === 'dead'

/** A check's result on top of what was known. One that could not be made here changes nothing. */
export function observe(server: Server, result: CheckResult, now: Moment): Server {
  const { check } = server.config
  if (check === null) return server
  const lastCheck = { ...result, at: now.today }
  if (result.code === SOCKERR) return { ...server, lastCheck }
  return moved(server, { ...server, lastCheck, verdict: judge(server.verdict, result.isOk, check) }, now)
}

/** What the operator asks for. One that comes out of maintenance is checked before it serves. */
export function ordered(server: Server, order: ServerOrder, now: Moment): Server {
  switch (order.kind) {
    case 'weight':
      return moved(server, { ...server, admin: { ...server.admin, weight: order.weight } }, now)
    case 'state':
      return moved(server, { ...server, admin: { ...server.admin, state: order.state } }, now)
  }
}

/** The server under another configuration of the same name and address: what was seen and counted of it stays. */
export function reconfigured(server: Server, config: ServerConfig, now: Moment): Server {
  const isOrderOver = config.isDisabled !== server.config.isDisabled
  const isWeightOver = config.weight !== server.config.weight
  const state = isOrderOver ? (config.isDisabled ? 'maint' : 'ready') : server.admin.state
  const admin = { state, weight: isWeightOver ? null : server.admin.weight }
  const wasServing = server.config.check === null && effective(server) !== 'MAINT'
  // Nobody loses a server because it is checked from now on: its first failures count.
  const verdict = wasServing && config.check !== null ? trusted : server.verdict
  const agent = config.agent === null ? noAgent : server.agent
  return moved(server, { ...server, config, admin, verdict, agent }, now)
}

const trusted: Verdict = { status: 'UP', streak: 0 }

/** What follows from another status: since when, whether it is cold, whether it warms up. */
function moved(before: Server, after: Server, now: Moment): Server {
  const status = effective(after)
  const hasMoved = status !== effective(before)
  const isOut = isDead(after)
  const warms = status === 'UP' && after.isCold
  return {
    ...after,
    verdict: status === 'MAINT' ? unknownVerdict : after.verdict,
    since: hasMoved ? now.today : before.since,
    isCold: isOut || (after.isCold && !warms),
    rampFromMs: warms ? now.ms : isOut ? null : after.rampFromMs
  }
}

/** What a service can do for its clients: it has a server; only the server on this host answers; nobody does. */
export type Reach = 'serving' | 'local' | 'nothing'

/** @param isServing somebody gets connections; @param isLocal whether an address is this host's own */
export function reachOf(
  servers: readonly Server[],
  isServing: boolean,
  isLocal: (host: string) => boolean
): Reach {
  if (isServing) return 'serving'
  const answers = ({ lastCheck }: Server): boolean => lastCheck?.isOk === true
  const isNear = ({ config }: Server): boolean => isLocal(config.address.host)
  return servers.some((one) => isNear(one) && (healthOf(one) === 'ready' || answers(one))) ? 'local' : 'nothing'
}
