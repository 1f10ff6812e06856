import { addressProblems, sharedAddresses } from './address-rules.js'
import { authProblems } from './auth-rules.js'
import { globalProblems } from './global-rules.js'
import { groupProblems } from './group-rules.js'
import { peerProblems } from './peer-rules.js'
import { duplicates, errorAt, type Problem, sameNames } from './problem.js'
import { proxyProblems } from './proxy-rules.js'
import type { Config } from './schema.js'
import { processProblems, trackProblems } from './track-rules.js'
import { holders, transportProblems } from './transport-rules.js'
import { electionProblems } from './vrrp-rules.js'
import { type Written, writtenIn } from './written.js'

/** Rules that look at more than one value. Every problem, of every kind. */
export function crossCheck(config: Config, written: Written = writtenIn(undefined)): Problem[] {
  if (config.vrrp.length === 0 && config.proxy.length === 0) {
    return [errorAt([], 'there is nothing to do: it needs at least one entry in `vrrp:` or `proxy:`')]
  }
  const virtual = holders(config)
  return [
    ...globalProblems(config),
    ...peerProblems(config, virtual),
    ...sameNames(config.scripts, 'vrrp_script', 'script'),
    ...sameNames(config.trackFiles, 'vrrp_track_file', 'file'),
    ...sameNames(config.trackProcesses, 'vrrp_track_process', 'process'),
    ...processProblems(config),
    ...sameNames(config.groups, 'vrrp_sync_group', 'sync group'),
    ...groupProblems(config, written),
    ...sameNames(config.vrrp, 'vrrp', 'instance'),
    ...config.vrrp.flatMap((one, i) => [
      ...electionProblems(one, i, config),
      ...authProblems(one, i),
      ...transportProblems(one, i, virtual, written),
      ...addressProblems(one, i)
    ]),
    ...trackProblems(config, written),
    ...sameVirtualRouters(config),
    ...sharedAddresses(config),
    ...proxyProblems(config, written)
  ]
}

/** RFC 9568 §5.2.3: a VRID is unique on a link, for each family. */
const sameVirtualRouters = (config: Config): Problem[] =>
  duplicates(
    config.vrrp,
    (one) => `${one.interface} ${one.family} ${one.virtualRouterId}`,
    (i) => ['vrrp', i, 'virtual_router_id'],
    (one, first) =>
      `VRID ${one.virtualRouterId} is already used on ${one.interface} by ${first.name}: give each group on a link its own, 1 to 255`
  )
