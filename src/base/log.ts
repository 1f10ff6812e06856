import { pino } from 'pino'
import type { Clock } from './clock.js'

/** What the daemon writes its log to: object first, constant message second. */
export interface Log {
  debug(facts: object, message: string): void
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
  fatal(facts: object, message: string): void
  /** The same log with these facts on every line. */
  child(facts: Record<string, unknown>): Log
}

/** The daemon's log with a way to see the last line out before the process ends. */
export interface RootLog extends Log {
  flush(): void
}

/** What waits to be written at most; beyond it lines are dropped. A reader that hangs must not hang an election. */
const MAX_UNWRITTEN_BYTES = 1 << 20

/**
 * JSON lines on stdout, names of levels, no host name: journald and people read it. Written behind the caller's back:
 * nothing here blocks. No secret is ever logged: configuration is not logged whole.
 */
export function createLog(level: string): RootLog {
  const destination = pino.destination({ fd: 1, sync: false, maxLength: MAX_UNWRITTEN_BYTES })
  // A reader that went away ends the log, not the daemon.
  destination.on('error', () => undefined)
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: ['auth_pass', 'authPass', '*.auth_pass', '*.authPass']
  }
  const log = pino(options, destination)
  return Object.assign(log, {
    flush: () => {
      try {
        destination.flushSync()
      } catch {
        // Nothing was written yet, or nobody reads any more.
      }
    }
  })
}

/**
 * Lets one occurrence of each kind through per period; what was held back is told with the next one.
 * Bounded: after 256 kinds all others share one.
 */
export class Throttle {
  readonly #clock: Pick<Clock, 'now'>
  readonly #periodMs: number
  readonly #kinds = new Map<string, { until: number; suppressed: number }>()

  constructor(clock: Pick<Clock, 'now'>, periodMs = 60_000) {
    this.#clock = clock
    this.#periodMs = periodMs
  }

  /** @returns the number held back since the last one let through, or undefined when this one is held back too */
  pass(kind: string): number | undefined {
    const key = this.#kinds.has(kind) || this.#kinds.size < 256 ? kind : 'other'
    const now = this.#clock.now()
    const seen = this.#kinds.get(key)
    if (seen !== undefined && now < seen.until) {
      seen.suppressed++
      return undefined
    }
    this.#kinds.set(key, { until: now + this.#periodMs, suppressed: 0 })
    return seen?.suppressed ?? 0
  }
}
