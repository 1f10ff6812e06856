/** Waiting for events with a deadline: nothing in the lab sleeps for a fixed time where something can be waited for. */

/** CLOCK_MONOTONIC in milliseconds: the same clock in every process of the machine. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** Resolves after a time. For measuring "nothing happens meanwhile"; not for waiting. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Something that changes: whoever waits looks again at every change. */
export class Changes {
  readonly #listeners = new Set<() => void>()

  /** Tells every waiter to look again. */
  notify(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  /** Resolves with what `check` returns as soon as that is neither undefined nor false; rejects at the deadline. */
  until<Found>(check: () => Found | undefined | false, deadlineMs: number, what: string): Promise<Found> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = check()
        if (found === undefined || found === false) return
        stop()
        resolve(found)
      }
      const stop = (): void => {
        clearTimeout(timer)
        this.#listeners.delete(look)
      }
      const timer = setTimeout(() => {
        stop()
        reject(new Error(`not within ${deadlineMs} ms: ${what}`))
      }, deadlineMs)
      this.#listeners.add(look)
      look()
    })
  }
}

/** Asks again and again, where no event tells, until the answer is neither undefined nor false; rejects at the deadline. */
export async function poll<Found>(
  ask: () => Promise<Found | undefined | false> | Found | undefined | false,
  deadlineMs: number,
  what: string,
  everyMs = 50
): Promise<Found> {
  const end = nowMs() + deadlineMs
  for (;;) {
    const found = await ask()
    if (found !== undefined && found !== false) return found
    if (nowMs() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await pause(everyMs)
  }
}
