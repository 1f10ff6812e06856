import { Child } from './child.js'
import { Changes, nowMs } from './wait.js'

/** One request of the client. */
export interface Answer {
  /** Monotonic milliseconds: when it was asked, and when that ended. */
  readonly from: number
  readonly at: number
  /** Who answered. */
  readonly server?: string
  /** Connections that server has accepted so far. */
  readonly accepted?: number
  readonly error?: string
}

/** What a client that asks all the time saw. */
export class Client {
  readonly answers: Answer[] = []
  readonly #child: Child
  readonly #changes = new Changes()

  constructor(argv: readonly string[]) {
    this.#child = new Child(argv, { keep: 100, onLine: (line) => this.#take(line) })
  }

  /** Requests that ended within a window and were answered. */
  answered(from: number, to = nowMs()): Answer[] {
    return this.answers.filter((one) => one.at >= from && one.at <= to && one.server !== undefined)
  }

  /** Requests that were asked within a window and failed. */
  failed(from: number, to = nowMs()): Answer[] {
    return this.answers.filter((one) => one.from >= from && one.from <= to && one.error !== undefined)
  }

  /** Answers by server within a window. */
  byServer(from: number, to = nowMs()): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const { server = '' } of this.answered(from, to)) counts[server] = (counts[server] ?? 0) + 1
    return counts
  }

  /** The longest time within a window in which no answer came. */
  longestGap(from: number, to = nowMs()): number {
    const times = [from, ...this.answered(from, to).map((one) => one.at), to].sort((a, b) => a - b)
    return Math.max(...times.map((at, index) => at - (times[index - 1] ?? at)))
  }

  /** Waits for `count` answers to requests asked after `since`. @returns when the last of them came */
  until(count: number, since: number, deadlineMs: number): Promise<number> {
    const look = (): number | undefined => {
      const after = this.answers.filter((one) => one.from >= since && one.server !== undefined)
      return after[count - 1]?.at
    }
    return this.#changes.until(
      look,
      deadlineMs,
      `${count} answers; last: ${JSON.stringify(this.answers.slice(-3))} ${this.#child.tail(3)}`
    )
  }

  async stop(): Promise<void> {
    await this.#child.stop('SIGKILL')
  }

  #take(line: string): void {
    if (!line.startsWith('{')) return
    this.answers.push(JSON.parse(line) as Answer)
    this.#changes.notify()
  }
}
