import { unknownNameHint } from './hints.js'
import { duplicates, errorAt, type Path, type Problem, warningAt } from './problem.js'
import type { Config, VrrpConfig } from './schema.js'
import { type Tracked, trackedBy, weightsOf } from './tracked.js'
import { weightProblems } from './weight-rules.js'
import { knownNames, type NamedList, type Written } from './written.js'

/** Where the entries stand that a track names. Interfaces have none. */
const ENTRIES = {
  track_script: 'vrrp_script',
  track_file: 'vrrp_track_file',
  track_process: 'vrrp_track_process'
} as const satisfies Partial<Record<Tracked['key'], NamedList>>

/** What instances and groups track: it must exist, once, and its weight must be able to do something. */
export function trackProblems(config: Config, written: Written): Problem[] {
  const weights = weightsOf(config)
  const members = new Map(
    config.groups.flatMap((group) => group.members.map((member) => [member, group.name] as const))
  )
  const known = {
    track_script: knownNames(config.scripts, 'vrrp_script', written),
    track_file: knownNames(config.trackFiles, 'vrrp_track_file', written),
    track_process: knownNames(config.trackProcesses, 'vrrp_track_process', written)
  }
  const shared = (tracked: readonly Tracked[]): Problem[] => [
    ...unknownNames(tracked, known, written),
    ...twice(tracked)
  ]
  return [
    ...config.groups.flatMap((group, i) => {
      const tracked = trackedBy(group, ['vrrp_sync_group', i], weights)
      return [...shared(tracked), ...groupWeights(tracked, group.name)]
    }),
    ...config.vrrp.flatMap((one, i) => {
      const tracked = trackedBy(one, ['vrrp', i], weights)
      const group = members.get(one.name)
      return [
        ...shared(tracked),
        ...ownInterface(one, tracked),
        ...(group === undefined ? weightProblems(one, ['vrrp', i], tracked) : groupWeights(tracked, group))
      ]
    })
  ]
}

/** A number of processes that none can have. */
export const processProblems = (config: Config): Problem[] =>
  config.trackProcesses.flatMap((one, i) =>
    one.quorumMax === null || one.quorumMax >= one.quorum
      ? []
      : [
          errorAt(
            ['vrrp_track_process', i, 'quorum_max'],
            `no number is at least ${one.quorum} and at most ${one.quorumMax}: \`quorum_max\` must not be below \`quorum\``
          )
        ]
  )

const unknownNames = (
  tracked: readonly Tracked[],
  known: Readonly<Record<keyof typeof ENTRIES, ReadonlySet<string>>>,
  written: Written
): Problem[] =>
  tracked.flatMap(({ key, track, path }) => {
    if (key === 'track_interface' || known[key].has(track.name) || written.isPlaceholder(track.name)) return []
    const hint = unknownNameHint(track.name, known[key], ENTRIES[key])
    return [errorAt([...path, 'name'], `\`${ENTRIES[key]}\` has no entry ${track.name}: ${hint}`)]
  })

const twice = (tracked: readonly Tracked[]): Problem[] =>
  duplicates(
    tracked,
    ({ key, track }) => `${key} ${track.name}`,
    (i) => [...(tracked[i]?.path ?? []), 'name'],
    ({ key, track }) => `${track.name} stands twice in \`${key}\`: once is enough`
  )

const ownInterface = (one: VrrpConfig, tracked: readonly Tracked[]): Problem[] =>
  tracked
    .filter(({ key, track }) => key === 'track_interface' && track.name === one.interface)
    .map(({ track, path }) => {
      const place: Path = [...path, 'name']
      return track.reverse && (track.weight ?? 0) === 0
        ? errorAt(place, `${one.name} runs on ${one.interface}, and could never run while it must be down: remove it`)
        : warningAt(place, `${one.interface} is the interface of ${one.name}, and tracked always: remove it`)
    })

/** keepalived leaves weights in a sync group out of account without a word. */
const groupWeights = (tracked: readonly Tracked[], group: string): Problem[] =>
  tracked
    .filter(({ weight }) => weight !== 0)
    .map(({ track, weight, path }) =>
      errorAt(
        [...path, 'weight'],
        `${track.name} has weight ${weight}, and the members of sync group ${group} move together, whatever the priority of one: write \`{ name: ${track.name}, weight: 0 }\`, a failure is then a fault of all`
      )
    )
