import type { ServerConfig } from '../config/schema.js'
import { type CheckResult, SOCKERR } from '../health/checker.js'
import { judge, unknownVerdict, type Verdict } from '../health/verdict.js'

/** A server: what is configured, what was observed. What is effective follows from both. */
export interface Server {
  readonly config: ServerConfig
  readonly verdict: Verdict
  readonly lastCheck: (CheckResult & { readonly at: Date }) | null
  readonly since: Date
}

export type ServerStatus = 'UP' | 'DOWN' | 'DRAIN'

export const newServer = (config: ServerConfig, today: Date): Server => ({
  config,
  verdict: unknownVerdict,
  lastCheck: null,
  since: today
})

/**
 * | check      | verdict       | weight | effective |
 * |------------|---------------|--------|-----------|
 * | none       | -             | > 0    | UP        |
 * | configured | UP            | > 0    | UP        |
 * | any        | UP or none    | 0      | DRAIN     |
 * | configured | DOWN, UNKNOWN | any    | DOWN      |
 */
export function effective(server: Server): ServerStatus {
  const isHealthy = server.config.check === null || server.verdict.status === 'UP'
  if (!isHealthy) return 'DOWN'
  return server.config.weight > 0 ? 'UP' : 'DRAIN'
}

/** Its sessions are to be ended: a check has found it dead, which an unchecked server is not. */
export const isDead = (server: Server): boolean => server.config.check !== null && server.verdict.status === 'DOWN'

/** A check's result on top of what was known. One that could not be made here changes nothing. */
export function observe(server: Server, result: CheckResult, today: Date): Server {
  const { check } = server.config
  if (check === null) return server
  if (result.code === SOCKERR) return { ...server, lastCheck: { ...result, at: today } }
  const verdict = judge(server.verdict, result, check)
  const hasFlipped = verdict.status !== server.verdict.status
  return { ...server, verdict, lastCheck: { ...result, at: today }, since: hasFlipped ? today : server.since }
}

/** What a service can do for its clients: it has a server; only the server on this host answers; nobody does. */
export type Reach = 'serving' | 'local' | 'nothing'

/** @param isLocal whether an address is this host's own */
export function reachOf(servers: readonly Server[], isLocal: (host: string) => boolean): Reach {
  if (servers.some((server) => effective(server) === 'UP')) return 'serving'
  const answers = (server: Server): boolean => server.verdict.status === 'UP' || server.lastCheck?.isOk === true
  return servers.some((server) => isLocal(server.config.address.host) && answers(server)) ? 'local' : 'nothing'
}
