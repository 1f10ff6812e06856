import type { Clock } from '../base/clock.js'

/** Connections that may begin in one turn. */
const PER_TURN = 4
const TURN_MS = 4
/** Longest wait for a turn; below the time that a checker leaves to a probe beyond its deadline. */
export const MAX_WAIT_MS = 800

interface Waiting {
  readonly since: number
  readonly start: () => void
  readonly late: () => void
}

/**
 * Lets connections begin a few at a time. A TLS handshake takes a millisecond or two of the main loop: a thousand of
 * them at once would keep the election waiting, and each other until all of them have timed out. It holds nobody to
 * an end, so servers that do not answer take no one's turn.
 */
export class Pacer {
  readonly #clock: Clock
  readonly #queue = new Set<Waiting>()
  #left = PER_TURN
  #turnAt = Number.NEGATIVE_INFINITY
  #isArmed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Those that wait for their turn. */
  get waiting(): number {
    return this.#queue.size
  }

  /**
   * Runs `start` now or in its turn, first come, first served; or `late`, when that has not come within 800 ms.
   * @returns takes it out again: neither runs
   */
  enter(start: () => void, late: () => void): () => void {
    const waiting = { since: this.#clock.now(), start, late }
    this.#queue.add(waiting)
    this.#serve()
    return () => this.#queue.delete(waiting)
  }

  #serve(): void {
    const now = this.#clock.now()
    if (now >= this.#turnAt + TURN_MS) {
      this.#left = PER_TURN
      this.#turnAt = now
    }
    for (const waiting of this.#queue) {
      const isLate = now > waiting.since + MAX_WAIT_MS
      if (!isLate && this.#left === 0) break
      this.#queue.delete(waiting)
      if (isLate) waiting.late()
      else {
        this.#left--
        waiting.start()
      }
    }
    if (this.#queue.size === 0 || this.#isArmed) return
    this.#isArmed = true
    this.#clock.after(TURN_MS, () => {
      this.#isArmed = false
      this.#serve()
    })
  }
}
