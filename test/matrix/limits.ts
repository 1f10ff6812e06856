import type { Mode } from './modes.js'

/** The bounds that scenarios share, in milliseconds, from the advert interval. */
export interface Limits {
  /** A master that is gone without a word: three intervals, the skew, and what is left of the fourth. */
  readonly unplannedMs: number
  /** A master that says so: the skew of the one that takes over. */
  readonly plannedMs: number
  /** Two owners, while the one has not heard of the other. */
  readonly overlapMs: number
  /** The same where vipd is dead or frozen and its kernel must drop the lease: at least 2 s, so at short intervals it is longer than a takeover. */
  readonly leaseOverlapMs: number
  /** An owner is followed by another one, or there is no change at all: what a client would not notice. */
  readonly seamlessMs: number
}

export function limitsOf(mode: Mode): Limits {
  const { advertMs } = mode
  const overlapMs = Math.max(300, 1.5 * advertMs)
  return {
    unplannedMs: Math.max(1000, 4 * advertMs),
    plannedMs: Math.max(300, 1.2 * advertMs),
    overlapMs,
    leaseOverlapMs: advertMs >= 1000 ? overlapMs : 3500,
    seamlessMs: 300
  }
}
