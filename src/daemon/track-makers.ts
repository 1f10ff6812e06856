import type { Clock } from '../base/clock.js'
import type { Log } from '../base/log.js'
import { run, splitCommand } from '../os/exec.js'
import type { Netlink } from '../os/netlink.js'
import { programProblem } from '../os/safe-program.js'
import { FileTracker } from '../track/file.js'
import { ProcessTracker } from '../track/process.js'
import { ProcessScanner } from '../track/process-scanner.js'
import { ScriptTracker } from '../track/script.js'
import type { Tracker } from '../track/tracker.js'
import type { ScriptUsers } from './script-users.js'
import { Trackers } from './trackers.js'

export interface TrackMakersPorts {
  readonly clock: Clock
  readonly log: Log
  readonly netlink: Pick<Netlink, 'link'>
  readonly users: Pick<ScriptUsers, 'of'>
  readonly onChange: () => void
}

/** Real scripts, files and processes; one look at /proc serves all processes. */
export function makeTrackers({ clock, log, netlink, users, onChange }: TrackMakersPorts): Trackers {
  const scanner = new ProcessScanner({ clock, log })
  return new Trackers({
    netlink,
    make: {
      script: (config) => {
        const credentials = users.of(config.user)
        if (credentials === undefined) return noUser(config.name, config.user)
        return new ScriptTracker(config, { clock, log, run, splitCommand, programProblem, credentials, onChange })
      },
      file: (config) => new FileTracker(config, { clock, log, onChange }),
      process: (config) => new ProcessTracker(config, { clock, log, scanner, onChange })
    }
  })
}

/** A script that nobody may run is down. */
const noUser = (name: string, user: string | null): Tracker => ({
  name,
  level: { state: 'down', value: 0, detail: `there is no user ${user ?? 'nobody'} to run it as` },
  start: () => undefined,
  stop: () => undefined
})
