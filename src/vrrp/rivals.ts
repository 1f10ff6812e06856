import type { Clock } from '../base/clock.js'

/** What to do about an advert that cannot depose this master. */
export interface Rivalry {
  /** One advert goes back at once; else the rival has had its answer a moment ago. */
  readonly isAnswered: boolean
  /** It has been going on for longer than it takes to hear us: it does not. */
  readonly isDeaf: boolean
}

/** Adverts that cannot depose a master are answered no more often than this. */
const LEAST_BETWEEN_ANSWERS_MS = 100
/** A rival that was silent for this many intervals has stopped. */
const SILENT_INTERVALS = 3
/** A master that was heard within this many intervals is alive. */
const ALIVE_INTERVALS = 1.5

/** The other masters of a virtual router, as a master hears them: who sends thousands a second gets ten answers. */
export class Rivals {
  readonly #clock: Pick<Clock, 'now'>
  #lastAnswerAt = Number.NEGATIVE_INFINITY
  /** A master of lower priority beside us: when it was last heard, and since when without a break. */
  #heardAt = Number.NEGATIVE_INFINITY
  #since = Number.NEGATIVE_INFINITY
  /** When somebody who has to yield to us was last heard as master. */
  #yieldingAt = Number.NEGATIVE_INFINITY

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** Any advert of the virtual router, whatever our role. */
  note(priority: number, ownPriority: number): void {
    if (priority > ownPriority) return
    // One that resigns has nothing more to announce.
    this.#yieldingAt = priority === 0 ? Number.NEGATIVE_INFINITY : this.#clock.now()
  }

  /** Somebody who has to yield was master a moment ago, and may announce the addresses a moment after us. */
  isRecent(advertIntMs: number): boolean {
    return this.#clock.now() - this.#yieldingAt <= ALIVE_INTERVALS * advertIntMs
  }

  /** An advert of lower priority, heard as master. */
  meet(priority: number, advertIntMs: number): Rivalry {
    const now = this.#clock.now()
    if (priority > 0) {
      if (now - this.#heardAt > SILENT_INTERVALS * advertIntMs) this.#since = now
      this.#heardAt = now
    }
    const isAnswered = now - this.#lastAnswerAt >= Math.min(LEAST_BETWEEN_ANSWERS_MS, advertIntMs / 2)
    if (isAnswered) this.#lastAnswerAt = now
    return { isAnswered, isDeaf: priority > 0 && now - this.#since >= advertIntMs }
  }
}
