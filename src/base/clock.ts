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

/** The longest delay that setTimeout takes; a longer one would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1

/** The only place that calls setTimeout. */
export const systemClock: Clock = {
  now,
  after(delayMs, run) {
    const due = now() + delayMs
    let handle: NodeJS.Timeout | undefined
    const wait = (leftMs: number): void => {
      handle = setTimeout(look, Math.min(MAX_DELAY_MS, Math.max(0, Math.ceil(leftMs))))
    }
    // setTimeout counts in whole milliseconds of the loop's own, older time: it may come one early.
    const look = (): void => {
      const leftMs = due - now()
      if (leftMs > 0) wait(leftMs)
      else run()
    }
    wait(delayMs)
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
