import { diffConfig } from '../config/diff.js'
import type { Config } from '../config/schema.js'

/** What a reload makes of a new configuration. */
export interface Merged {
  /** What is in force from now on: VRRP as it is new, the proxy as it was. */
  readonly config: Config
  /** In words, what of it takes effect now, and what only after a restart. */
  readonly applied: readonly string[]
  readonly changes: readonly string[]
}

/** Tells apart what is applied at once and what takes a restart. */
export function mergeForReload(before: Config, after: Config): Merged {
  const live = pick(after, before)
  // The first instance of a proxy-only daemon would need what was not set up at the start.
  const isStarted = before.vrrp.length > 0 || after.vrrp.length === 0
  const config = isStarted ? { ...before, ...live } : before
  return { config, applied: diffConfig(before, config), changes: diffConfig(config, after) }
}

/** The parts of a configuration that a running daemon takes over. */
const pick = (config: Config, before: Config) => ({
  // The thread that sends adverts has its priority from the start on.
  global: { ...config.global, realTimePriority: before.global.realTimePriority },
  scripts: config.scripts,
  trackFiles: config.trackFiles,
  trackProcesses: config.trackProcesses,
  groups: config.groups,
  vrrp: config.vrrp
})
