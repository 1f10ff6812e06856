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

/** Names of levels, not numbers, and no host name: journald and people read it. No secret is ever logged: configuration is not logged whole. */
export function createLog(level: string): Log {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: ['auth_pass', 'authPass', '*.auth_pass', '*.authPass']
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
