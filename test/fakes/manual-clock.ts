import type { Clock, Timer } from '../../src/base/clock.js'

/** Lets everything that waits for a promise go on. No time passes. */
export const flushPromises = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

interface Pending {
  readonly at: number
  readonly order: number
  readonly run: () => void
  isCancelled: boolean
}

/** The time of one test, moved by hand; each node of the test has a clock of its own that shows it. */
export class ManualTime {
  #now = 0
  readonly #clocks: ManualClock[] = []

  get now(): number {
    return this.#now
  }

  clock(): ManualClock {
    return new ManualClock(this)
  }

  attach(clock: ManualClock): void {
    this.#clocks.push(clock)
  }

  /** Moves time on, stopping at every timer that is due; all that follows at a moment happens before the next one. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms
    await this.settle()
    for (;;) {
      const next = Math.min(...this.#clocks.map((clock) => clock.nextAt))
      if (next > until) break
      this.#now = Math.max(this.#now, next)
      await this.settle()
    }
    this.#now = until
    await this.settle()
  }

  /** Moves time on without anybody noticing: what is due runs late, at the next `settle` or `advance`. */
  skip(ms: number): void {
    this.#now += ms
  }

  /** Turns every loop until there is nothing left to do at this moment. */
  async settle(): Promise<void> {
    await flushPromises()
    for (let rounds = 0; this.#clocks.some((clock) => clock.isBusy); rounds++) {
      if (rounds > 10_000) throw new Error('the test never comes to rest')
      for (const clock of this.#clocks) await clock.turn()
    }
  }
}

/**
 * One event loop as Node runs it: the timers that are due, in the order they fell due; then one look at every socket,
 * which yields one packet of each (as raw-socket does); then what was to run after input.
 */
export class ManualClock implements Clock {
  readonly time: ManualTime
  #order = 0
  #timers: Pending[] = []
  #immediates: Pending[] = []
  readonly #sockets = new Map<string, (() => void)[]>()
  #isFrozen = false

  constructor(time: ManualTime = new ManualTime()) {
    this.time = time
    time.attach(this)
  }

  readonly now = (): number => this.time.now

  after(delayMs: number, run: () => void): Timer {
    const pending = this.#pend(this.time.now + Math.max(0, delayMs), run)
    this.#timers.push(pending)
    return cancelOf(pending)
  }

  afterInput(run: () => void): Timer {
    const pending = this.#pend(this.time.now, run)
    this.#immediates.push(pending)
    return cancelOf(pending)
  }

  every(periodMs: number, run: () => void): Timer {
    let timer: Timer
    const again = (): void => {
      timer = this.after(periodMs, again)
      run()
    }
    timer = this.after(periodMs, again)
    return { cancel: () => timer.cancel() }
  }

  /** Something arrives at a socket; it is read when the loop next looks. */
  input(socket: string, read: () => void): void {
    const unread = this.#sockets.get(socket) ?? []
    this.#sockets.set(socket, [...unread, read])
  }

  advance(ms: number): Promise<void> {
    return this.time.advance(ms)
  }

  /** Time passes and this process does not run; then it does, everything being late. */
  async stall(ms: number): Promise<void> {
    this.freeze()
    await this.time.advance(ms)
    this.thaw()
    await this.time.settle()
  }

  /** SIGSTOP: nothing runs here until `thaw`, whatever the time. */
  freeze(): void {
    this.#isFrozen = true
  }

  thaw(): void {
    this.#isFrozen = false
  }

  /** Timers that have not fired, for tests of what is left behind. */
  get pending(): number {
    return this.#alive().length
  }

  get nextAt(): number {
    return this.#isFrozen ? Number.POSITIVE_INFINITY : Math.min(...this.#alive().map((timer) => timer.at))
  }

  get isBusy(): boolean {
    if (this.#isFrozen) return false
    const hasInput = [...this.#sockets.values()].some((unread) => unread.length > 0)
    return hasInput || this.nextAt <= this.time.now || this.#immediates.some((one) => !one.isCancelled)
  }

  async turn(): Promise<void> {
    if (!this.isBusy) return
    const due = this.#alive().filter((timer) => timer.at <= this.time.now)
    for (const timer of due.sort((a, b) => a.at - b.at || a.order - b.order)) await run(timer)
    for (const [socket, unread] of this.#sockets) {
      const [read, ...rest] = unread
      if (read === undefined) continue
      this.#sockets.set(socket, rest)
      read()
      await flushPromises()
    }
    const immediates = this.#immediates
    this.#immediates = []
    // What these ask for waits for the next turn.
    for (const immediate of immediates) await run(immediate)
  }

  #alive(): Pending[] {
    this.#timers = this.#timers.filter((timer) => !timer.isCancelled)
    return this.#timers
  }

  #pend(at: number, run: () => void): Pending {
    return { at, order: this.#order++, run, isCancelled: false }
  }
}

async function run(pending: Pending): Promise<void> {
  if (pending.isCancelled) return
  pending.isCancelled = true
  pending.run()
  await flushPromises()
}

const cancelOf = (pending: Pending): Timer => ({
  cancel: () => {
    pending.isCancelled = true
  }
})
