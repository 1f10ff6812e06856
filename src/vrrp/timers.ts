import type { Clock, Timer } from '../base/clock.js'

/** Timers by name: arming one again replaces it. */
export class Timers<Name extends string> {
  readonly #clock: Clock
  readonly #running = new Map<Name, { readonly timer: Timer; readonly at: number; readonly run: () => void }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  has(name: Name): boolean {
    return this.#running.has(name)
  }

  after(name: Name, afterMs: number, run: () => void): void {
    this.cancel(name)
    const fire = (): void => {
      this.#running.delete(name)
      run()
    }
    this.#running.set(name, { timer: this.#clock.after(afterMs, fire), at: this.#clock.now() + afterMs, run })
  }

  /** Moves one that runs; one that does not, nowhere. */
  shift(name: Name, byMs: number): void {
    const running = this.#running.get(name)
    if (running !== undefined) this.after(name, Math.max(0, running.at + byMs - this.#clock.now()), running.run)
  }

  cancel(name: Name): void {
    this.#running.get(name)?.timer.cancel()
    this.#running.delete(name)
  }

  cancelAll(): void {
    for (const name of [...this.#running.keys()]) this.cancel(name)
  }
}
