import type { LabNode } from '../lab/lab.js'

/** What runs on a master and is tried there: vipd, or keepalived with haproxy. */
export interface Subject {
  readonly node: LabNode
  /** Starts what is gone, as a service manager does. Resolves when it takes part again; rejects when it does not in time. */
  start(): Promise<void>
  /** Every process of it that lives, as last known: who is stopped is still among them. */
  pids(): number[]
  /** Has the configuration read again. */
  reload(): Promise<void>
  /** Exchanges the program for itself in place; undefined where it cannot. */
  readonly upgrade?: () => Promise<void>
  /** Sets its wall clock so many seconds off, where that can be done. */
  readonly stepClock?: (seconds: number) => void
  /** A folder on a small disk of its own in which it keeps what it keeps. */
  readonly state?: string
  /** Sessions of clients that are open now. */
  sessions(): Promise<number>
  stop(): Promise<void>
}

export function signalAll(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch {
      // It has ended already.
    }
  }
}
