import type { Clock } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import type { Log } from '../base/log.js'
import type { TrackScriptConfig } from '../config/track-schema.js'
import { Checker, type CheckResult } from '../health/checker.js'
import { downVerdict, judge, unknownVerdict, type Verdict } from '../health/verdict.js'
import type { Argv, ExecResult, Run } from '../os/exec.js'
import type { Credentials } from '../os/users.js'
import type { Tracker, TrackState } from './tracker.js'

export interface ScriptPorts {
  readonly clock: Clock
  readonly log: Log
  readonly run: Run
  readonly splitCommand: (line: string) => Argv | undefined
  /** Why a program must not be run; undefined when it may. */
  readonly programProblem: (program: string) => Promise<string | undefined>
  /** Who it runs as; empty: as ourselves. */
  readonly credentials: Credentials
  /** The state is another one now. */
  readonly onChange: () => void
}

/** How long it is believed that a program may be run. */
const BELIEVED_MS = 60_000
/** A script is up or down; the two between them are a server's alone. */
const STATES = { UNKNOWN: 'init', UP: 'up', UNSURE: 'down', ALIVE: 'down', DOWN: 'down' } as const
const REFUSED = 'refused'

/**
 * vrrp_script: a program that is run every `intervalMs`, counted from start to start, never twice at once. Exit status 0
 * is a success. The first result decides at once; with `initFail` it is down until it has succeeded `rise` times.
 */
export class ScriptTracker implements Tracker {
  readonly name: string
  readonly #config: TrackScriptConfig
  readonly #ports: ScriptPorts
  readonly #log: Log
  readonly #argv: Argv | undefined
  readonly #checker: Checker
  readonly #cancel = new AbortController()
  #verdict: Verdict
  #detail = 'has not run yet'
  #believedUntil = Number.NEGATIVE_INFINITY
  #output = ''
  #hasResult = false

  constructor(config: TrackScriptConfig, ports: ScriptPorts) {
    this.name = config.name
    this.#config = config
    this.#ports = ports
    this.#log = ports.log.child({ trackScript: config.name })
    this.#argv = config.shell ? ['/bin/sh', '-c', config.script] : ports.splitCommand(config.script)
    this.#verdict = config.initFail ? downVerdict : unknownVerdict
    const schedule = { interMs: config.intervalMs, spreadPercent: 0, timeoutMs: config.timeoutMs }
    this.#checker = new Checker(
      schedule,
      { clock: ports.clock, random: () => 0.5, probe: (timeoutMs, done) => void this.#probe(timeoutMs).then(done) },
      (result) => this.#onResult(result)
    )
  }

  get level(): TrackState {
    return { state: STATES[this.#verdict.status], value: 0, detail: this.#detail }
  }

  /** Runs it at once, then on its schedule. */
  start(): void {
    this.#checker.start()
  }

  stop(): void {
    this.#checker.stop()
    this.#cancel.abort()
  }

  /** Never rejects. */
  async #probe(timeoutMs: number): Promise<CheckResult> {
    const problem = await this.#problem()
    if (this.#argv === undefined || problem !== undefined)
      return { isOk: false, code: REFUSED, detail: problem ?? 'refused', tookMs: 0 }
    const { credentials, run } = this.#ports
    const result = await run(this.#argv, { timeoutMs, signal: this.#cancel.signal, ...credentials })
    this.#output = firstLine(result)
    if (result.ok) return { isOk: true, code: 'ok', detail: 'exit status 0', tookMs: result.tookMs }
    return { isOk: false, code: result.why, detail: result.detail, tookMs: result.tookMs }
  }

  /** A refusal is looked at again before each run: it ends as soon as it is mended. */
  async #problem(): Promise<string | undefined> {
    if (this.#argv === undefined) return `${this.#config.script} is no command line: a quote is not closed`
    const now = this.#ports.clock.now()
    if (now < this.#believedUntil) return undefined
    this.#output = ''
    try {
      const problem = await this.#ports.programProblem(this.#argv[0])
      if (problem === undefined) this.#believedUntil = now + BELIEVED_MS
      return problem
    } catch (error) {
      return messageOf(error)
    }
  }

  #onResult({ isOk, code, detail, tookMs }: CheckResult): void {
    const from = this.level.state
    // What may not run will not succeed next time either: nothing to wait for.
    this.#verdict = code === REFUSED ? downVerdict : judge(this.#verdict, { isOk }, this.#config)
    // The checker's own deadline: not even the look at the program has come back.
    this.#detail = code === 'L4TOUT' ? 'the program did not answer' : detail
    const to = this.level.state
    // With `initFail` it is down before it has failed.
    const isNews = from !== to || (!isOk && !this.#hasResult)
    this.#hasResult = true
    if (!isNews) return
    const facts = { from, to, detail: this.#detail, tookMs: Math.round(tookMs), output: this.#output }
    if (to === 'up') this.#log.info(facts, 'script is up')
    else this.#log.warn(facts, 'script is down')
    this.#ports.onChange()
  }
}

/** What a line of the log takes of it. */
const MAX_LINE = 200

const firstLine = ({ output }: ExecResult): string => (output.trimStart().split('\n')[0] ?? '').slice(0, MAX_LINE)
