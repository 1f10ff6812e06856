import { setMaxListeners } from 'node:events'
import type { Clock, Timer } from '../base/clock.js'
import type { Log } from '../base/log.js'
import { Throttle } from '../base/throttle.js'
import type { Run, splitCommand } from '../os/exec.js'
import type { programProblem } from '../os/safe-program.js'
import type { Credentials } from '../os/users.js'
import type { NotifyCounters } from './counters.js'
import type { Command } from './transition.js'

export interface ScriptPorts {
  readonly clock: Clock
  readonly log: Log
  readonly run: Run
  readonly split: typeof splitCommand
  /** Why a program must not be run: asked before each script, since files change. */
  readonly problemOf: typeof programProblem
  /** Whom scripts run as, asked before each; undefined: there is no such user, and nothing is run. */
  readonly user: () => Credentials | undefined
}

interface Job extends Command {
  readonly isStop: boolean
}

/** The scripts of one instance or group: one runs, the others wait. */
interface Lane {
  readonly waiting: Job[]
  isBusy: boolean
}

const MAX_WAITING = 32
const MAX_RUNNING = 16
const TIMEOUT_MS = 60_000
/** How long a script of an earlier transition may hold up notify_stop. */
const YIELD_MS = 1000
const STOP_MS = 2000
const MAX_OUTPUT_BYTES = 1024

/**
 * Runs the scripts of transitions: those of an instance or group in their order and one at a time, 60 s each, at most
 * 16 in all. When more than 32 wait for one instance the oldest is dropped. Nobody ever waits for a script but `stop`.
 */
export class Scripts {
  readonly #ports: ScriptPorts
  readonly #counters: NotifyCounters
  readonly #failures: Throttle
  readonly #drops: Throttle
  readonly #lanes = new Map<string, Lane>()
  readonly #hurry = new AbortController()
  #running = 0
  #onIdle: (() => void) | undefined

  constructor(ports: ScriptPorts, counters: NotifyCounters) {
    this.#ports = ports
    this.#counters = counters
    this.#failures = new Throttle(ports.clock)
    this.#drops = new Throttle(ports.clock)
    // Each script that runs listens; Node takes more than ten for a leak.
    setMaxListeners(MAX_RUNNING, this.#hurry.signal)
  }

  /** Runs these after all that was asked for under the same name. */
  add(name: string, commands: readonly Command[], isStop: boolean): void {
    if (commands.length === 0) return
    const lane = this.#lanes.get(name) ?? { waiting: [], isBusy: false }
    this.#lanes.set(name, lane)
    for (const command of commands) {
      lane.waiting.push({ ...command, isStop })
      this.#pump()
      if (lane.waiting.length > MAX_WAITING) this.#dropOldest(name, lane)
    }
  }

  /** Runs what is left of notify_stop and nothing else. Resolves when that is done, after 2 s in any case. */
  async stop(): Promise<void> {
    let given = 0
    for (const lane of this.#lanes.values()) {
      const kept = lane.waiting.filter((job) => job.isStop)
      given += lane.waiting.length - kept.length
      lane.waiting.splice(0, lane.waiting.length, ...kept)
    }
    this.#counters.dropped += given
    if (given > 0) this.#ports.log.warn({ scripts: given }, 'notify scripts were not run: vipd stops')
    const timers: Timer[] = []
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve
      timers.push(this.#ports.clock.after(YIELD_MS, () => this.#hurry.abort()))
      timers.push(this.#ports.clock.after(STOP_MS, resolve))
      this.#pump()
    })
    for (const timer of timers) timer.cancel()
    if (this.#running > 0)
      this.#ports.log.warn({ scripts: this.#running }, 'notify scripts still ran when vipd stopped')
  }

  #dropOldest(name: string, lane: Lane): void {
    const oldest = lane.waiting.shift()
    this.#counters.dropped++
    const suppressed = this.#drops.pass(name)
    if (suppressed === undefined || oldest === undefined) return
    this.#ports.log.warn(
      { name, program: this.#programOf(oldest), suppressed },
      'a notify script was dropped: too many wait'
    )
  }

  #pump(): void {
    for (const [name, lane] of this.#lanes) {
      if (this.#running >= MAX_RUNNING) return
      if (lane.isBusy) continue
      const job = lane.waiting.shift()
      if (job === undefined) this.#lanes.delete(name)
      else this.#start(name, lane, job)
    }
    if (this.#lanes.size === 0) this.#onIdle?.()
  }

  #start(name: string, lane: Lane, job: Job): void {
    lane.isBusy = true
    this.#running++
    void this.#run(job).finally(() => {
      lane.isBusy = false
      this.#running--
      // Whoever had its turn goes to the end.
      this.#lanes.delete(name)
      this.#lanes.set(name, lane)
      this.#pump()
    })
  }

  async #run(job: Job): Promise<void> {
    this.#counters.scripts_run++
    const argv = this.#ports.split(job.line)
    if (argv === undefined) return this.#onFailure(job, 'the command line cannot be read', '')
    const user = this.#ports.user()
    if (user === undefined) return this.#onFailure(job, 'there is no user to run it as', '')
    const problem = await this.#ports.problemOf(argv[0], user.uid)
    if (problem !== undefined) return this.#onFailure(job, problem, '')
    const result = await this.#ports.run([...argv, ...job.extra], {
      timeoutMs: TIMEOUT_MS,
      uid: user.uid,
      gid: user.gid,
      maxOutputBytes: MAX_OUTPUT_BYTES,
      ...(job.isStop ? {} : { signal: this.#hurry.signal })
    })
    if (!result.ok) this.#onFailure(job, result.detail, result.output)
  }

  #onFailure(job: Job, detail: string, output: string): void {
    this.#counters.scripts_failed++
    const suppressed = this.#failures.pass(job.line)
    if (suppressed === undefined) return
    this.#ports.log.warn({ program: this.#programOf(job), detail, output, suppressed }, 'a notify script failed')
  }

  /** Its arguments are not logged: one may be a secret. */
  #programOf(job: Job): string {
    return this.#ports.split(job.line)?.[0] ?? ''
  }
}
