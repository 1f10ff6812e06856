import type { Path } from './problem.js'
import type { Config, GroupConfig, VrrpConfig } from './schema.js'
import type { Track } from './track-schema.js'

/** One thing that an instance or a group tracks, with its place and the weight that counts. */
export interface Tracked {
  readonly key: 'track_interface' | 'track_script' | 'track_file' | 'track_process'
  readonly track: Track
  /** The track's own weight, else that of its entry; interfaces have none. */
  readonly weight: number
  readonly path: Path
}

/** Everything that an instance or a group tracks, in the order of the keys. Weights of unknown entries are 0. */
export function trackedBy(one: Pick<VrrpConfig | GroupConfig, 'track'>, at: Path, weights: Weights): Tracked[] {
  const lists = [
    ['track_interface', one.track.interfaces],
    ['track_script', one.track.scripts],
    ['track_file', one.track.files],
    ['track_process', one.track.processes]
  ] as const
  return lists.flatMap(([key, tracks]) =>
    tracks.map((track, i) => ({
      key,
      track,
      weight: track.weight ?? weights[key].get(track.name) ?? 0,
      path: [...at, key, i]
    }))
  )
}

/** The weights that entries have of their own, by name. */
export type Weights = Readonly<Record<Tracked['key'], ReadonlyMap<string, number>>>

/** The weights of a configuration's own entries. */
export const weightsOf = (config: Config): Weights => ({
  track_interface: new Map(),
  track_script: byName(config.scripts),
  track_file: byName(config.trackFiles),
  track_process: byName(config.trackProcesses)
})

const byName = (entries: readonly { readonly name: string; readonly weight: number }[]) =>
  new Map(entries.map(({ name, weight }) => [name, weight]))
