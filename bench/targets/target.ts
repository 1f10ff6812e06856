import { setTimeout as pause } from 'node:timers/promises'
import type { Child } from '../../test/lab/child.js'
import { familyOf } from '../accounting.js'
import type { Ground } from '../ground.js'

/** What every proxy is given alike. */
export interface Setting {
  readonly threads: number
  /** Where it listens, `A.B.C.D:PORT`. */
  readonly listen: { readonly address: string; readonly port: number }
  /** `A.B.C.D:PORT`, in equal turn. */
  readonly servers: readonly string[]
  readonly backlog: number
  /** Sessions at once. */
  readonly maxconn: number
}

/** A proxy that is measured: how it is made, as its own documentation advises. */
export interface Target {
  readonly name: string
  /** Debian package by which it comes, where it does. */
  readonly package?: 'haproxy' | 'nginx'
  /** Its configuration for people to read: what it ran on. */
  configuration(setting: Setting): string
  /** Writes what it needs, and gives its command line. */
  argv(ground: Ground, setting: Setting): string[]
}

/** One that runs. */
export class RunningTarget {
  readonly #child: Child

  constructor(child: Child) {
    this.#child = child
  }

  /** Of the proxy and everything it has started. */
  get pids(): readonly number[] {
    return familyOf(this.#child.pid)
  }

  /** Why it ended, where it did. */
  get end(): string | undefined {
    const { exit } = this.#child
    return exit === undefined ? undefined : `ended with ${exit.signal ?? exit.code}: ${this.#child.tail(5)}`
  }

  async stop(): Promise<void> {
    await this.#child.stop('SIGTERM', 3000)
  }
}

/** Starts one in the proxy's namespace and waits until a connection through it is answered. Rejects with its last words. */
export async function startTarget(
  ground: Ground,
  target: Target,
  setting: Setting,
  answers: () => Promise<boolean>
): Promise<RunningTarget> {
  const child = ground.start('proxy', target.argv(ground, setting), { keep: 200 })
  const running = new RunningTarget(child)
  for (let tries = 0; tries < 100; tries++) {
    if (running.end !== undefined) throw new Error(`${target.name} ${running.end}`)
    if (await answers()) return running
    await pause(100)
  }
  await running.stop()
  throw new Error(`${target.name} answers nothing: ${child.tail(5)}`)
}
