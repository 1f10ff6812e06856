import { readdir } from 'node:fs/promises'
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

/** What the process costs, and how late its main thread runs: the election lives there. */
export class Meter {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: 20 })
  #maxNs = 0
  #p99Ns = 0

  start(): void {
    this.#delay.enable()
  }

  stop(): void {
    this.#delay.disable()
  }

  /** Starts a new window for the p99: call it once a minute. The maximum is that of the whole life. */
  turn(): void {
    this.#maxNs = Math.max(this.#maxNs, this.#delay.max)
    this.#p99Ns = this.#delay.percentile(99)
    this.#delay.reset()
  }

  async read(): Promise<{
    event_loop_delay_p99_ms: number
    event_loop_delay_max_ms: number
    rss_bytes: number
    open_fds: number
  }> {
    const p99 = this.#delay.count > 0 ? this.#delay.percentile(99) : this.#p99Ns
    return {
      event_loop_delay_p99_ms: toMs(p99),
      event_loop_delay_max_ms: toMs(Math.max(this.#maxNs, this.#delay.count > 0 ? this.#delay.max : 0)),
      rss_bytes: process.memoryUsage.rss(),
      open_fds: await countDescriptors()
    }
  }
}

const toMs = (ns: number): number => Math.round(ns / 1e4) / 100

/** Reading the folder has a descriptor of its own, which does not count. */
async function countDescriptors(): Promise<number> {
  try {
    return (await readdir('/proc/self/fd')).length - 1
  } catch {
    return 0
  }
}
