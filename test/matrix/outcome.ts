import type { Figures } from '../lab/timeline.js'

/** Who is master at the beginning and suffers what is done; for `pair` there is no vipd at all. */
export type Direction = 'vipd' | 'keepalived' | 'pair'

/** The most that is right. null: not judged, `why` says for what reason. */
export interface Bounds {
  readonly withoutMs: number | null
  readonly twoMs: number | null
  readonly why?: string
}

/** One part of a scenario: the fault, or the way back. */
export interface Phase {
  readonly name: string
  readonly bounds: Bounds
  readonly figures: Figures
  /** How often the one that is not to be master began to answer. */
  readonly takeovers: number
  readonly story: readonly string[]
  readonly failures: readonly string[]
}

/** One cell of the matrix, played once. */
export interface Outcome {
  readonly mode: string
  readonly scenario: string
  readonly direction: Direction
  readonly phases: readonly Phase[]
  /** What was seen beside the judge's figures. */
  readonly notes: readonly string[]
  /** Why it failed; none: it passed. */
  readonly failures: readonly string[]
  /** The latest that a question of the judge left. */
  readonly lateMs: number
  readonly tookS: number
}

/** A judge that was later than this saw too little: the machine had no time for it. */
export const MOST_LATE_MS = 100

/** What is wrong with the figures of a phase, in words. */
export function beyond(figures: Figures, bounds: Bounds, apartMs: number): string[] {
  const failures: string[] = []
  const { withoutMs, twoMs } = bounds
  if (withoutMs !== null && figures.withoutMs > withoutMs)
    failures.push(`without an owner for ${figures.withoutMs.toFixed()} ms, at most ${withoutMs}`)
  if (twoMs !== null && figures.twoMs > twoMs)
    failures.push(`two owners for ${figures.twoMs.toFixed()} ms, at most ${twoMs}`)
  if (figures.apartMs > apartMs)
    failures.push(`addresses of one group on two nodes for ${figures.apartMs.toFixed()} ms, at most ${apartMs}`)
  return failures
}
