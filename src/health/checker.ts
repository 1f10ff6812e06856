import type { Clock, Timer } from '../base/clock.js'

/** What a probe found, in haproxy's codes. */
export interface CheckResult {
  /** Ready: it may have new connections. */
  readonly isOk: boolean
  /** Not ready, but it answers: sessions go on, new ones go elsewhere. Absent: as `isOk`. */
  readonly isAlive?: boolean
  /** It answers, but not to us (401, 403), or we cannot tell who it is: alive, readiness unknown. With `isOk` false. */
  readonly isUnsure?: boolean
  /** It said that it is shutting down: not ready at once, however large `fall` is. */
  readonly isLeaving?: boolean
  /** Its host answered that nobody listens there. The sessions of a process that is gone have ended without us. */
  readonly isRefused?: boolean
  /** Nothing was learned about readiness: it moves no verdict but UNKNOWN and UNSURE (an agent that says a weight alone). */
  readonly isSilent?: boolean
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
  /** What of the check itself is to be mended, as a sentence: a file that cannot be read. What it found holds all the same. */
  readonly problem?: string
}

/** The code of a check that could not be made here: no verdict on the server (haproxy's SOCKERR). */
export const SOCKERR = 'SOCKERR'

/** One probe of one target, to be answered within `timeoutMs`. Answers exactly once, or never after it was given up. */
export interface Probe {
  (timeoutMs: number, done: (result: CheckResult) => void): void
  /** Lets go of what it keeps between checks (a connection) and gives up what it does. It may be asked again after it. */
  readonly close?: () => void
}

/** Where the verdict stands: certain of it, or on its way (and before the first result). */
export type Phase = 'up' | 'moving' | 'down'

export interface Schedule {
  readonly interMs: number
  /** While the verdict is moving. @default interMs */
  readonly fastinterMs?: number
  /** While it is down for good. @default interMs */
  readonly downinterMs?: number
  /** Each interval is drawn from ± this much of it. */
  readonly spreadPercent: number
  /** A probe that has not answered by then failed. */
  readonly timeoutMs: number
}

export interface CheckerPorts {
  readonly clock: Clock
  readonly random: () => number
  readonly probe: Probe
  /** Read after each result was handed over; it chooses the interval. Absent: always `up`. */
  readonly phase?: () => Phase
}

/** How much later than its deadline a probe may answer. */
const ANSWER_SLACK_MS = 1000

/**
 * One probe on a schedule. The first starts at once; intervals run from start to start, so that a check that times out
 * does not double the time to the verdict; never two at a time.
 */
export class Checker {
  readonly #schedule: Schedule
  readonly #ports: CheckerPorts
  readonly #onResult: (result: CheckResult) => void
  #timer: Timer | undefined
  #isStopped = true
  #isProbing = false
  #startedAt = 0
  /** When the check that waits will start. */
  #nextAt = 0
  /** When a check was last brought forward. */
  #expeditedAt = Number.NEGATIVE_INFINITY
  #isWanted = false
  /** The probe that may still answer. */
  #round = 0

  constructor(schedule: Schedule, ports: CheckerPorts, onResult: (result: CheckResult) => void) {
    this.#schedule = schedule
    this.#ports = ports
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
    this.#isProbing = false
    this.#isWanted = false
    this.#round++
    this.#timer?.cancel()
    this.#ports.probe.close?.()
  }

  /**
   * Something else has put the server in doubt: the next check starts now, or a `fastinter` after the last one that
   * was brought forward. One that is on its way is let finish; it began before the doubt, so another one follows it.
   */
  expedite(): void {
    if (this.#isStopped) return
    this.#isWanted = true
    if (!this.#isProbing) this.#plan(this.#nextAt)
  }

  #plan(regularAt: number): void {
    const now = this.#ports.clock.now()
    const soonestAt = Math.max(now, this.#expeditedAt + this.#fastinterMs)
    this.#nextAt = this.#isWanted ? Math.min(regularAt, soonestAt) : regularAt
    this.#timer?.cancel()
    if (this.#nextAt <= now && this.#isWanted) this.#check()
    else this.#timer = this.#ports.clock.after(Math.max(0, this.#nextAt - now), () => this.#check())
  }

  #check(): void {
    const { clock, probe } = this.#ports
    const { timeoutMs } = this.#schedule
    const round = ++this.#round
    this.#startedAt = clock.now()
    if (this.#isWanted) this.#expeditedAt = this.#startedAt
    this.#isWanted = false
    this.#isProbing = true
    const onAnswer = (result: CheckResult): void => {
      if (round !== this.#round) return
      this.#round++
      this.#isProbing = false
      this.#timer?.cancel()
      this.#onResult(result)
      if (!this.#isStopped && !this.#isProbing) this.#plan(this.#startedAt + this.#intervalMs())
    }
    // The probe keeps its own deadline; one that never answers must not end the checks of a server.
    const tookMs = timeoutMs + ANSWER_SLACK_MS
    this.#timer = clock.after(tookMs, () =>
      onAnswer({ isOk: false, code: 'L4TOUT', detail: 'the probe did not answer', tookMs })
    )
    probe(timeoutMs, onAnswer)
  }

  get #fastinterMs(): number {
    return this.#schedule.fastinterMs ?? this.#schedule.interMs
  }

  #intervalMs(): number {
    const { interMs, downinterMs, spreadPercent } = this.#schedule
    const share = 1 + (spreadPercent / 100) * (2 * this.#ports.random() - 1)
    const phase = this.#ports.phase?.() ?? 'up'
    switch (phase) {
      case 'up':
        return interMs * share
      case 'moving':
        return this.#fastinterMs * share
      case 'down':
        return (downinterMs ?? interMs) * share
    }
  }
}
