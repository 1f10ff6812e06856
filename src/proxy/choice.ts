import { effective, isLastResort, type Server } from './pool.js'

/**
 * Who gets new connections, and why them:
 * - active: servers that are UP
 * - backup: no active one is UP; the first backup, or all with `allbackups`
 * - fail-open: nobody is UP; those that answer without being (known to be) ready, active ones before backups
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
  const isUp = (server: Server): boolean => effective(server) === 'UP'
  const someOf = (usable: readonly Server[]): readonly Server[] => (allbackups ? usable : usable.slice(0, 1))
  const candidates: readonly Choice[] = [
    { kind: 'active', servers: active.filter(isUp) },
    { kind: 'backup', servers: someOf(backups.filter(isUp)) },
    { kind: 'fail-open', servers: active.filter(isLastResort) },
    { kind: 'fail-open', servers: someOf(backups.filter(isLastResort)) }
  ]
  return candidates.find((one) => one.servers.length > 0) ?? { kind: 'none', servers: [] }
}
