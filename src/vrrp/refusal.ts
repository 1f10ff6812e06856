import type { Clock, Timer } from '../base/clock.js'
import { retryRefusedMs } from './timing.js'

/** An address that the kernel refused: a fault until it is tried again, later each time. */
export class Refusal {
  readonly #clock: Pick<Clock, 'after'>
  readonly #onChange: () => void
  #fault: string | undefined
  #inARow = 0
  #again: Timer | undefined

  constructor(clock: Pick<Clock, 'after'>, onChange: () => void) {
    this.#clock = clock
    this.#onChange = onChange
  }

  /** The kernel's words; undefined: none, or it is to be tried again. */
  get fault(): string | undefined {
    return this.#fault
  }

  note(reason: string): void {
    this.#again?.cancel()
    this.#again = this.#clock.after(retryRefusedMs(this.#inARow++), () => this.#set(undefined))
    this.#set(reason)
  }

  /** All are held: the next refusal is the first one. */
  overcome(): void {
    this.#inARow = 0
  }

  stop(): void {
    this.#again?.cancel()
  }

  #set(fault: string | undefined): void {
    this.#fault = fault
    this.#onChange()
  }
}
