import type { Clock } from './clock.js'

const MOST_KINDS = 256
const REMEMBERED_PERIODS = 10

/**
 * Lets one occurrence of each kind through per period; what was held back is told with the next one.
 * Bounded: while there are 256 kinds all others share one; those that are over make room.
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
    const now = this.#clock.now()
    if (!this.#kinds.has(kind) && this.#kinds.size >= MOST_KINDS) this.#forget(now)
    const key = this.#kinds.has(kind) || this.#kinds.size < MOST_KINDS ? kind : 'other'
    const seen = this.#kinds.get(key)
    if (seen !== undefined && now < seen.until) {
      seen.suppressed++
      return undefined
    }
    this.#kinds.set(key, { until: now + this.#periodMs, suppressed: 0 })
    return seen?.suppressed ?? 0
  }

  /** What was held back of a kind that does not come again is not waited for for ever. */
  #forget(now: number): void {
    for (const [kind, { until, suppressed }] of this.#kinds)
      if (now >= until + (suppressed === 0 ? 0 : REMEMBERED_PERIODS * this.#periodMs)) this.#kinds.delete(kind)
  }
}
