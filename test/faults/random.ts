import { nowMs } from '../lab/wait.js'
import type { Kind } from './kind.js'
import { leftovers } from './leftovers.js'
import type { Sample } from './sampler.js'
import { Sampler } from './sampler.js'
import { Storm } from './storm.js'
import { VipdSubject } from './vipd.js'

export interface RandomOptions {
  readonly seed: number
  readonly seconds: number
  readonly kinds: readonly Kind[]
  /** This master's process is not ended. */
  readonly spared?: string
  /** Where samples go. */
  readonly csv: string
  readonly kept: number
  readonly everyMs: number
}

export interface RandomOutcome {
  readonly seed: number
  readonly seconds: number
  /** How often each kind came. */
  readonly faults: Readonly<Record<string, number>>
  readonly visits: { readonly ok: number; readonly failed: number; readonly wrong: number }
  readonly kept: { readonly answered: number; readonly broken: number; readonly wrong: number }
  readonly vacancyMs: number
  /** The longest, of masters that hear each other: of those that work, and of one that hung when a better one came. */
  readonly overlapMs: { readonly working: number; readonly hung: number }
  /** What may not happen and did. */
  readonly wrongs: readonly string[]
  readonly samples: readonly Sample[]
}

/** Three vipds under load, and faults at random. */
export async function random(options: RandomOptions): Promise<RandomOutcome> {
  const storm = new Storm(options.kinds)
  const sampler = new Sampler(storm, options.csv)
  try {
    await storm.start((...of) => new VipdSubject(...of), options.everyMs)
    await storm.startKept(options.kept, 100)
    sampler.start()
    await storm.rage(options.seed, options.seconds, options.spared)
    const to = nowMs()
    const wrongs = [...storm.wrongs(to), ...(await leftovers(storm))]
    const faults: Record<string, number> = {}
    for (const { kind } of storm.happened) faults[kind.name] = (faults[kind.name] ?? 0) + 1
    const { ok, failed, wrong } = storm.tally
    return {
      seed: options.seed,
      seconds: options.seconds,
      faults,
      visits: { ok, failed, wrong },
      kept: storm.kept,
      vacancyMs: storm.vacancyMs(to),
      overlapMs: storm.longestOverlaps(to),
      wrongs,
      samples: sampler.samples
    }
  } finally {
    sampler.stop()
    await storm.lab.close()
  }
}
