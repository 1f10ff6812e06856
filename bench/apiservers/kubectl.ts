import { nowMs, pause } from '../../test/lab/wait.js'
import type { Cluster } from './cluster.js'

/** People and controllers at work through the VIP: kubectl that gets, patches and watches, all the time. */

export interface Seen {
  readonly verb: string
  readonly done: number
  readonly failed: number
  /** The longest time in which none succeeded. */
  readonly longestGapMs: number
  readonly lastError: string | undefined
}

export interface Watched {
  /** Patches that were made, and the last of them that the watch has seen. */
  readonly patched: number
  readonly seen: number
  /** How often the watch was started anew, since it had ended. */
  readonly restarts: number
}

interface Try {
  readonly at: number
  readonly error: string | undefined
}

const OBJECT = 'configmap/bench'

export class Kubectl {
  readonly #cluster: Cluster
  readonly #program: string
  readonly #tries = { get: [] as Try[], patch: [] as Try[] }
  readonly #loops: Promise<void>[] = []
  #patched = 0
  #seen = 0
  #starts = 0
  #isStopped = false

  /** @param program kubectl */
  constructor(cluster: Cluster, program: string) {
    this.#cluster = cluster
    this.#program = program
  }

  /** Makes the object that is patched, and begins. */
  async start(): Promise<void> {
    const made = await this.#run(['create', 'configmap', 'bench', '--from-literal=n=0'])
    if (made !== undefined) throw new Error(`kubectl create: ${made}`)
    this.#loops.push(this.#repeat('get', 200), this.#repeat('patch', 300), this.#watch())
  }

  /** What came of it within a window, in monotonic milliseconds. */
  seen(from: number, to: number): Seen[] {
    return (['get', 'patch'] as const).map((verb) => {
      const tries = this.#tries[verb].filter((one) => one.at >= from && one.at <= to)
      const good = tries.filter((one) => one.error === undefined).map((one) => one.at)
      const times = [from, ...good, to]
      return {
        verb,
        done: good.length,
        failed: tries.length - good.length,
        longestGapMs: Math.max(...times.map((at, index) => at - (times[index - 1] ?? at))),
        lastError: tries.findLast((one) => one.error !== undefined)?.error
      }
    })
  }

  watched(): Watched {
    return { patched: this.#patched, seen: this.#seen, restarts: Math.max(0, this.#starts - 1) }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all(this.#loops)
  }

  async #repeat(verb: 'get' | 'patch', everyMs: number): Promise<void> {
    while (!this.#isStopped) {
      const next = this.#patched + 1
      const words =
        verb === 'get' ? ['get', 'namespaces', '-o', 'name'] : ['patch', OBJECT, '-p', `{"data":{"n":"${next}"}}`]
      const error = await this.#run(words)
      this.#tries[verb].push({ at: nowMs(), error })
      if (verb === 'patch' && error === undefined) this.#patched = next
      await pause(everyMs)
    }
  }

  /** `kubectl get --watch` ends when its connection does: it is started anew, as every controller does. */
  async #watch(): Promise<void> {
    while (!this.#isStopped) {
      this.#starts += 1
      const words = [this.#program, 'get', OBJECT, '--watch', '-o', 'jsonpath={.data.n}{"\\n"}']
      const child = this.#cluster.startClient(words, (line) => {
        if (/^\d+$/.test(line)) this.#seen = Math.max(this.#seen, Number(line))
      })
      while (child.exit === undefined && !this.#isStopped) await Promise.race([child.exited, pause(200)])
      if (this.#isStopped) {
        // The last patch is still on its way.
        const end = nowMs() + 2000
        while (this.#seen < this.#patched && nowMs() < end && child.exit === undefined) await pause(50)
        await child.stop('SIGKILL')
      } else await pause(200)
    }
  }

  /** @returns why it failed, or undefined */
  async #run(words: readonly string[]): Promise<string | undefined> {
    const child = this.#cluster.startClient([this.#program, '--request-timeout=5s', ...words])
    const timer = setTimeout(() => child.signal('SIGKILL'), 8000)
    const exit = await child.exited
    clearTimeout(timer)
    return exit.code === 0 ? undefined : child.tail(1) || `ended with ${exit.signal ?? exit.code}`
  }
}
