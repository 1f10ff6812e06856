import type { Clock, Timer } from '../base/clock.js'

/**
 * Instances that keep away from mastership on purpose (`vipd failover`), and for how long yet. One that is away asks to
 * be relieved and goes on as master until another node is: nobody is ever left without.
 */
export class Away {
  readonly #clock: Pick<Clock, 'now' | 'after'>
  readonly #onChange: () => void
  readonly #until = new Map<string, { readonly atMs: number; readonly timer: Timer }>()

  /** @param onChange somebody left or is back */
  constructor(clock: Pick<Clock, 'now' | 'after'>, onChange: () => void) {
    this.#clock = clock
    this.#onChange = onChange
  }

  /** From now on, instead of what was said of it before; 0 is back at once. */
  send(names: readonly string[], forMs: number): void {
    for (const name of names) {
      this.#until.get(name)?.timer.cancel()
      this.#until.delete(name)
      if (forMs <= 0) continue
      const timer = this.#clock.after(forMs, () => {
        this.#until.delete(name)
        this.#onChange()
      })
      this.#until.set(name, { atMs: this.#clock.now() + forMs, timer })
    }
    this.#onChange()
  }

  has(name: string): boolean {
    return this.#until.has(name)
  }

  /** Whole seconds; null: it is not away. */
  leftS(name: string): number | null {
    const one = this.#until.get(name)
    return one === undefined ? null : Math.max(0, Math.ceil((one.atMs - this.#clock.now()) / 1000))
  }

  stop(): void {
    for (const { timer } of this.#until.values()) timer.cancel()
    this.#until.clear()
  }
}
