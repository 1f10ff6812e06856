/** A timer that has not fired yet. */
export interface Timer {
  /** Stops it; after it has fired, nothing. */
  cancel(): void
}

/** Where time comes from. Tests move it by hand. */
export interface Clock {
  /** Monotonic milliseconds, fractions included. Never wall time: an NTP step must not elect a master. */
  now(): number
  /** Runs `run` once, not before `delayMs` have passed. */
  after(delayMs: number, run: () => void): Timer
  /**
   * Runs `run` once every readable socket has been looked at once more. Node runs expired timers before it reads
   * sockets: a timer that fires after a stall has not heard what lies unread.
   */
  afterInput(run: () => void): Timer
  /** Keeps a repeating `run` every `periodMs`, counted from its own starts, never two at once. */
  every(periodMs: number, run: () => void): Timer
}

const now = (): number => Number(process.hrtime.bigint()) / 1e6

/** The longest delay that setTimeout takes; beyond it would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1

/** The only place that calls setTimeout. */
export const systemClock: Clock = {
  now,
  after(delayMs, run) {
    // setTimeout counts whole milliseconds and may fire up to one early: round up.
    const handle = setTimeout(run, Math.min(MAX_DELAY_MS, Math.max(0, Math.ceil(delayMs))))
    return { cancel: () => clearTimeout(handle) }
  },
  afterInput(run) {
    const handle = setImmediate(run)
    return { cancel: () => clearImmediate(handle) }
  },
  every(periodMs, run) {
    const handle = setInterval(run, periodMs)
    return { cancel: () => clearInterval(handle) }
  }
}
