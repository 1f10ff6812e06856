import type { Clock, Timer } from '../base/clock.js'

interface Waiting {
  left: number
  readonly send: () => void
}

/**
 * Frames that keep a pause between one and the next (garp_interval, gna_interval), one row for each name: what is put
 * anew replaces what waits, so that no queue grows. Rows take turns: each is told of once before any is told of twice.
 */
export class Lane {
  readonly #clock: Clock
  readonly #pauseMs: () => number
  readonly #mayGo: () => boolean
  readonly #waiting = new Map<string, Waiting>()
  #lastAt = Number.NEGATIVE_INFINITY
  #timer: Timer | undefined

  /**
   * @param pauseMs 0: none, back to back
   * @param mayGo asked before a frame that had to wait; false drops all that wait
   */
  constructor(clock: Clock, pauseMs: () => number, mayGo: () => boolean) {
    this.#clock = clock
    this.#pauseMs = pauseMs
    this.#mayGo = mayGo
  }

  put(name: string, repeat: number, send: () => void): void {
    this.#waiting.set(name, { left: repeat, send })
  }

  drop(name: string): void {
    this.#waiting.delete(name)
  }

  clear(): void {
    this.#waiting.clear()
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** Sends what may be sent now, and the rest in time. */
  go(): void {
    if (this.#timer !== undefined) return
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      const waitMs = this.#lastAt + this.#pauseMs() - this.#clock.now()
      if (waitMs > 0) {
        this.#timer = this.#clock.after(waitMs, () => this.#onPaused())
        return
      }
      this.#lastAt = this.#clock.now()
      this.#spend(next)
    }
  }

  #onPaused(): void {
    this.#timer = undefined
    if (this.#mayGo()) this.go()
    else this.clear()
  }

  /** The row whose turn it is. */
  #take(): string | undefined {
    for (const [name, { left }] of this.#waiting) {
      if (left > 0) return name
      this.#waiting.delete(name)
    }
    return undefined
  }

  #spend(name: string): void {
    const row = this.#waiting.get(name)
    if (row === undefined) return
    this.#waiting.delete(name)
    row.left--
    if (row.left > 0) this.#waiting.set(name, row)
    row.send()
  }
}
