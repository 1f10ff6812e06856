import type { Clock, Timer } from '../base/clock.js'

/** What a probe found, in haproxy's codes. */
export interface CheckResult {
  /** Ready: it may have new connections. */
  readonly isOk: boolean
  /** Not ready, but it answers: sessions go on, new ones go elsewhere. Absent: as `isOk`. */
  readonly isAlive?: boolean
  /** It said that it is shutting down: not ready at once, however large `fall` is. */
  readonly isLeaving?: boolean
  /** What an agent asked for: a share of the weight in percent, a state, a limit of sessions. */
  readonly advice?: {
    readonly weightPercent?: number
    readonly state?: 'ready' | 'drain' | 'maint'
    readonly maxconn?: number
  }
  /** L4OK, L4CON, L4TOUT … */
  readonly code: string
  /** What the system said: 'ECONNREFUSED'. */
  readonly detail: string
  readonly tookMs: number
}

/** The code of a check that could not be made here: no verdict on the server (haproxy's SOCKERR). */
export const SOCKERR = 'SOCKERR'

/** One probe of one target, to be answered within `timeoutMs`. Answers exactly once, or never after it was given up. */
export type Probe = (timeoutMs: number, done: (result: CheckResult) => void) => void

export interface Schedule {
  readonly interMs: number
  /** Each interval is drawn from ± this much of `interMs`. */
  readonly spreadPercent: number
  /** A probe that has not answered by then failed. */
  readonly timeoutMs: number
}

/** How much later than its deadline a probe may answer. */
const ANSWER_SLACK_MS = 1000

/**
 * One probe on a schedule. The first starts at once; intervals run from start to start, so that a check that times out
 * does not double the time to the verdict; never two at a time.
 */
export class Checker {
  readonly #schedule: Schedule
  readonly #probe: Probe
  readonly #onResult: (result: CheckResult) => void
  readonly #clock: Clock
  readonly #random: () => number
  #timer: Timer | undefined
  #isStopped = true

  constructor(
    schedule: Schedule,
    ports: { readonly clock: Clock; readonly random: () => number; readonly probe: Probe },
    onResult: (result: CheckResult) => void
  ) {
    this.#schedule = schedule
    this.#probe = ports.probe
    this.#clock = ports.clock
    this.#random = ports.random
    this.#onResult = onResult
  }

  start(): void {
    if (!this.#isStopped) return
    this.#isStopped = false
    this.#check()
  }

  /** No result comes after it. */
  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  #check(): void {
    const startedAt = this.#clock.now()
    const { interMs, spreadPercent, timeoutMs } = this.#schedule
    const nextAt = startedAt + interMs * (1 + (spreadPercent / 100) * (2 * this.#random() - 1))
    let isAnswered = false
    const onAnswer = (result: CheckResult): void => {
      if (this.#isStopped || isAnswered) return
      isAnswered = true
      this.#timer?.cancel()
      this.#timer = this.#clock.after(Math.max(0, nextAt - this.#clock.now()), () => this.#check())
      this.#onResult(result)
    }
    // The probe keeps its own deadline; one that never answers must not end the checks of a server.
    const tookMs = timeoutMs + ANSWER_SLACK_MS
    this.#timer = this.#clock.after(tookMs, () =>
      onAnswer({ isOk: false, code: 'L4TOUT', detail: 'the probe did not answer', tookMs })
    )
    this.#probe(timeoutMs, onAnswer)
  }
}
