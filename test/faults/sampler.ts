import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Storm } from './storm.js'

/** What a storm looks like at one moment. */
export interface Sample {
  readonly seconds: number
  readonly ok: number
  readonly failed: number
  readonly p50: number
  readonly p99: number
  readonly keptAnswered: number
  readonly keptBroken: number
  /** A master's processes together, in the order of the masters; undefined while none is there. */
  readonly masters: readonly ({ readonly pid: number; readonly rssMb: number; readonly fds: number } | undefined)[]
}

const columns = (masters: number): string =>
  [
    'seconds,visits_ok,visits_failed,p50_ms,p99_ms,kept_answered,kept_broken',
    ...Array.from({ length: masters }, (_, i) => `m${i + 1}_pid,m${i + 1}_rss_mb,m${i + 1}_fds`)
  ].join()

/** Looks every so often until `stop`, and writes each look to a file at once: what ends early is not lost. */
export class Sampler {
  readonly samples: Sample[] = []
  readonly #storm: Storm
  readonly #file: string
  #timer: NodeJS.Timeout | undefined

  constructor(storm: Storm, file: string) {
    this.#storm = storm
    this.#file = file
  }

  start(everyMs = 10_000): void {
    writeFileSync(this.#file, `${columns(this.#storm.masters.length)}\n`)
    this.#timer = setInterval(() => this.#look(), everyMs)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const { tally, kept, masters } = this.#storm
    const sample: Sample = {
      seconds: Math.round(this.#storm.elapsedMs / 1000),
      ok: tally.ok,
      failed: tally.failed,
      p50: tally.p50,
      p99: tally.p99,
      keptAnswered: kept.answered,
      keptBroken: kept.broken,
      masters: masters.map(({ subject }) => sizeOf(subject.pids()))
    }
    this.samples.push(sample)
    const { seconds, ok, failed, p50, p99, keptAnswered, keptBroken } = sample
    const of = sample.masters.map((one) => (one === undefined ? ',,' : `${one.pid},${one.rssMb.toFixed(1)},${one.fds}`))
    appendFileSync(this.#file, `${[seconds, ok, failed, p50, p99, keptAnswered, keptBroken, ...of].join()}\n`)
  }
}

function sizeOf(pids: readonly number[]): Sample['masters'][number] {
  const [pid] = pids
  if (pid === undefined) return undefined
  try {
    const kb = (one: number): number =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${one}/status`, 'utf8'))?.[1] ?? 0)
    const fds = (one: number): number => readdirSync(`/proc/${one}/fd`).length
    const sum = (of: (one: number) => number): number => pids.reduce((total, one) => total + of(one), 0)
    return { pid, rssMb: sum(kb) / 1024, fds: sum(fds) }
  } catch {
    return undefined // It ended while it was looked at.
  }
}
