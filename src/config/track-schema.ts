import * as z from 'zod'
import { command, duration, flag, integer, interfaceName, map, name, user } from './fields.js'

/** What an instance's priority hangs on: scripts, files, processes, interfaces. keepalived's words and defaults. */

const weight = integer(-253, 253, '0 is boolean: a failure is a fault')

/** A name, or a map with a weight of its own. */
const track = (what: z.ZodType<string>, key: string) =>
  z
    .union(
      [
        what,
        map(
          {
            name: what,
            weight: weight
              .optional()
              .describe('Added to the priority: when up if positive, when down if negative; 0: down is a fault'),
            reverse: flag.default(false).describe('Up counts as down, down as up')
          },
          'name, weight, reverse'
        )
      ],
      { error: () => `must be the name of ${key}, or a map of name, weight, reverse` }
    )
    .transform((raw) =>
      typeof raw === 'string'
        ? { name: raw, weight: null, reverse: false }
        : { name: raw.name, weight: raw.weight ?? null, reverse: raw.reverse }
    )

const tracks = (what: z.ZodType<string>, key: string) =>
  z.array(track(what, key), { error: () => `must be a list: each item the name of ${key}, or a map` }).optional()

/** Keys of an instance and of a sync group. */
export const trackFields = {
  track_interface: tracks(interfaceName, 'an interface').describe('Other interfaces that must be up'),
  track_script: tracks(name, 'an entry of vrrp_script').describe('Scripts that must succeed'),
  track_file: tracks(name, 'an entry of vrrp_track_file').describe('Files with a number that is added to the priority'),
  track_process: tracks(name, 'an entry of vrrp_track_process').describe('Processes that must run')
}

/** One thing that is tracked; `weight` null: as its own entry has it. */
export interface Track {
  readonly name: string
  readonly weight: number | null
  readonly reverse: boolean
}

export const tracksOf = (raw: {
  track_interface?: readonly Track[] | undefined
  track_script?: readonly Track[] | undefined
  track_file?: readonly Track[] | undefined
  track_process?: readonly Track[] | undefined
}) => ({
  interfaces: raw.track_interface ?? [],
  scripts: raw.track_script ?? [],
  files: raw.track_file ?? [],
  processes: raw.track_process ?? []
})

const DAY_MS = 86_400_000

export const trackScript = map(
  {
    name,
    script: command,
    shell: flag.default(false).describe('Run by /bin/sh -c; else the program itself, its arguments split at blanks'),
    interval: duration('s', 100, DAY_MS).default(1000).describe('Time between two runs'),
    timeout: duration('s', 100, DAY_MS)
      .optional()
      .describe('A run is killed with all its children after this long; interval unless given'),
    weight: weight.default(0),
    rise: integer(1, 1000).default(1).describe('Consecutive successes that bring it up'),
    fall: integer(1, 1000).default(1).describe('Consecutive failures that take it down'),
    user: user.optional().describe('Runs as this user; global_defs.script_user unless given'),
    init_fail: flag.default(false).describe('Down until it has succeeded `rise` times; else one success is enough')
  },
  'name, script, interval, timeout, weight, rise, fall, user, init_fail'
).transform((raw) => ({
  name: raw.name,
  script: raw.script,
  shell: raw.shell,
  intervalMs: raw.interval,
  timeoutMs: raw.timeout ?? raw.interval,
  weight: raw.weight,
  rise: raw.rise,
  fall: raw.fall,
  /** null: as global_defs has it. */
  user: raw.user ?? null,
  initFail: raw.init_fail
}))

export const trackFile = map(
  {
    name,
    file: z
      .string({ error: () => 'must be the path of a file' })
      .regex(/^\//, { error: () => 'must be an absolute path' })
      .describe('Its first line is a number from -254 to 254; a missing file is 0'),
    weight: integer(-254, 254)
      .default(1)
      .describe('The number is multiplied by this and added to the priority; a sum of -254 or less is a fault')
  },
  'name, file, weight'
)

export const trackProcess = map(
  {
    name,
    process: command,
    full_command: flag.default(false).describe('Compare the whole command line, not the name alone'),
    quorum: integer(1, 65_535).default(1).describe('How many must run'),
    quorum_max: integer(0, 65_535).optional().describe('How many may run'),
    weight: weight.default(0),
    delay: duration('s', 0, 3_600_000).default(0).describe('A change counts when it has lasted this long')
  },
  'name, process, full_command, quorum, quorum_max, weight, delay'
).transform((raw) => ({
  name: raw.name,
  process: raw.process,
  fullCommand: raw.full_command,
  quorum: raw.quorum,
  quorumMax: raw.quorum_max ?? null,
  weight: raw.weight,
  delayMs: raw.delay
}))

export type TrackScriptConfig = z.output<typeof trackScript>
export type TrackFileConfig = z.output<typeof trackFile>
export type TrackProcessConfig = z.output<typeof trackProcess>
