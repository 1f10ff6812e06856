import type { Clock, Timer } from '../base/clock.js'
import type { Log } from '../base/log.js'
import type { TrackProcessConfig } from '../config/track-schema.js'
import type { ProcessName, ProcessScanner } from './process-scanner.js'
import type { Tracker, TrackState } from './tracker.js'

export interface ProcessPorts {
  readonly clock: Clock
  readonly log: Log
  /** One for all entries. */
  readonly scanner: Pick<ProcessScanner, 'count'>
  /** The state is another one now. */
  readonly onChange: () => void
}

/** How much of a name the kernel keeps. */
const COMM_LENGTH = 15

/**
 * vrrp_track_process: up while at least `quorum`, at most `quorumMax` processes of a name run. The first count decides at
 * once; after it a change counts when it has lasted `delayMs`.
 */
export class ProcessTracker implements Tracker {
  readonly name: string
  readonly #config: TrackProcessConfig
  readonly #ports: ProcessPorts
  readonly #log: Log
  #level: TrackState = { state: 'init', value: 0, detail: 'has not been counted yet' }
  #counting: { cancel(): void } | undefined
  /** Runs while the counts contradict the level. */
  #delay: Timer | undefined
  #counted: TrackState = this.#level

  constructor(config: TrackProcessConfig, ports: ProcessPorts) {
    this.name = config.name
    this.#config = config
    this.#ports = ports
    this.#log = ports.log.child({ trackProcess: config.name })
  }

  get level(): TrackState {
    return this.#level
  }

  start(): void {
    if (this.#counting !== undefined) return
    this.#counting = this.#ports.scanner.count({
      isWanted: matcher(this.#config),
      onCount: (count, isBlind) => this.#onCount(count, isBlind)
    })
  }

  stop(): void {
    this.#counting?.cancel()
    this.#counting = undefined
    this.#calm()
  }

  #onCount(count: number, isBlind: boolean): void {
    const { quorum, quorumMax, delayMs } = this.#config
    const isUp = count >= quorum && (quorumMax === null || count <= quorumMax)
    this.#counted = { state: isUp ? 'up' : 'down', value: 0, detail: told(this.#config, count, isBlind) }
    if (this.#counted.state === this.#level.state) {
      this.#level = this.#counted
      this.#calm()
    } else if (this.#level.state === 'init' || delayMs === 0) this.#flip()
    else this.#delay ??= this.#ports.clock.after(delayMs, () => this.#flip())
  }

  #calm(): void {
    this.#delay?.cancel()
    this.#delay = undefined
  }

  #flip(): void {
    const from = this.#level.state
    this.#calm()
    this.#level = this.#counted
    const { state: to, detail } = this.#level
    if (to === 'up') this.#log.info({ from, to, detail }, 'process is up')
    else this.#log.warn({ from, to, detail }, 'process is down')
    this.#ports.onChange()
  }
}

/** Which processes are meant: by the whole command line, or by the name of the program alone. */
function matcher({ process, fullCommand }: TrackProcessConfig): (name: ProcessName) => boolean {
  const words = process.trim().split(/\s+/)
  if (fullCommand) {
    const line = words.join(' ')
    return ({ args }) => args.join(' ') === line
  }
  const wanted = baseName(words[0] ?? '')
  const comm = wanted.slice(0, COMM_LENGTH)
  return (name) => name.comm === comm || baseName(name.args[0] ?? '') === wanted
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

function told({ quorum, quorumMax }: TrackProcessConfig, count: number, isBlind: boolean): string {
  const wanted = quorumMax === null ? `${quorum} or more` : `${quorum} to ${quorumMax}`
  return `${count} run, wanted ${wanted}${isBlind ? '; those of other users are hidden (ProtectProc=, hidepid=)' : ''}`
}
