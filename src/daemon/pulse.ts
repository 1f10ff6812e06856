/** Workers that go round at least every 250 ms are looked at this often. */
export const PULSE_PERIOD_MS = 250
/** A worker that did not move over this many looks is stuck: a second. */
const LOOKS = 4

/**
 * Tells whether every worker of the data plane still goes round. Counts looks, not time: after a stall of the whole
 * process nobody had the chance to move.
 */
export class Pulse {
  #last: readonly number[] = []
  #still: number[] = []

  /** One look. @returns whether all of them live */
  look(heartbeats: readonly number[]): boolean {
    this.#still = heartbeats.map((count, i) => (count === this.#last[i] ? (this.#still[i] ?? 0) + 1 : 0))
    this.#last = heartbeats
    return this.#still.every((looks) => looks < LOOKS)
  }
}
