import { diffConfig } from '../config/diff.js'
import type { Config } from '../config/schema.js'

/** What a reload makes of a new configuration. */
export interface Merged {
  /** What is in force from now on. */
  readonly config: Config
  /** In words, what of it takes effect now, and what only after a restart. */
  readonly applied: readonly string[]
  readonly changes: readonly string[]
}

/** Sessions at once over all services that a configuration asks for. */
export const sessionsWanted = ({ maxconn, proxy }: Pick<Config, 'maxconn' | 'proxy'>): number =>
  maxconn ?? proxy.reduce((sum, service) => sum + service.maxconn, 0)

/**
 * Tells apart what is applied at once and what takes a restart.
 * @param planned sessions at once that the data plane was made for: it is made once, with its threads and descriptors
 */
export function mergeForReload(before: Config, after: Config, planned: number): Merged {
  const config = { ...before, peers: after.peers, ...electionOf(before, after), ...proxyOf(before, after, planned) }
  const applied = diffConfig(before, config)
  return { config, applied, changes: [...diffConfig(config, after), ...growth(config, planned)] }
}

/** VRRP as it is new. The first instance of a proxy-only daemon would need what was not set up at the start. */
function electionOf(before: Config, after: Config) {
  if (before.vrrp.length === 0 && after.vrrp.length > 0) return {}
  return {
    // The thread that sends adverts has its priority from the start on.
    global: { ...after.global, realTimePriority: before.global.realTimePriority },
    scripts: after.scripts,
    trackFiles: after.trackFiles,
    trackProcesses: after.trackProcesses,
    groups: after.groups,
    vrrp: after.vrrp
  }
}

/** The proxy as it is new. A daemon without a service has no descriptors for sessions. */
function proxyOf(before: Config, after: Config, planned: number) {
  if (before.proxy.length === 0 && planned === 0 && after.proxy.length > 0) return {}
  return { proxy: after.proxy, hardStopAfterMs: after.hardStopAfterMs }
}

/** Services may ask for more sessions together than there were planned: each has its own, all together what there is. */
function growth(config: Config, planned: number): readonly string[] {
  const wanted = sessionsWanted(config)
  if (config.maxconn !== undefined || wanted <= planned) return []
  return [`sessions at once over all services: ${planned} → ${wanted}`]
}
