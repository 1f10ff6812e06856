import { rankOf, type Server } from './pool.js'

/**
 * Who gets new connections, and why them:
 * - active: servers that are UP; those whose last check failed only when all others have failed too
 * - backup: no active one is UP; the first backup that is, or all with `allbackups`
 * - fail-open: nobody is UP; those that answer without saying whether they are ready, else those that say they are
 *   not; active ones before backups
 * - none: every connection is answered by RST at once
 */
export type ChoiceKind = 'active' | 'backup' | 'fail-open' | 'none'

export interface Choice {
  readonly kind: ChoiceKind
  /** In the order of the configuration. */
  readonly servers: readonly Server[]
}

export function choose(servers: readonly Server[], allbackups: boolean): Choice {
  const active = servers.filter(({ config }) => !config.isBackup)
  const backups = servers.filter(({ config }) => config.isBackup)
  const ranked = (among: readonly Server[], rank: number): readonly Server[] =>
    among.filter((server) => rankOf(server) === rank)
  const some = (rank: number): readonly Server[] => {
    const usable = ranked(backups, rank)
    return allbackups ? usable : usable.slice(0, 1)
  }
  const candidates: readonly Choice[] = [
    { kind: 'active', servers: ranked(active, 0) },
    { kind: 'active', servers: ranked(active, 1) },
    { kind: 'backup', servers: some(0) },
    { kind: 'backup', servers: some(1) },
    { kind: 'fail-open', servers: ranked(active, 2) },
    { kind: 'fail-open', servers: ranked(active, 3) },
    { kind: 'fail-open', servers: some(2) },
    { kind: 'fail-open', servers: some(3) }
  ]
  return candidates.find((one) => one.servers.length > 0) ?? { kind: 'none', servers: [] }
}
