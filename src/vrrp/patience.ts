import type { InstanceSetup, Surroundings } from './instance-ports.js'

/** Who may not take over yet looks again this often. */
export const LOOK_AGAIN_MS = 250

/** What a takeover may have to wait for; times are monotonic milliseconds. */
export interface Patience {
  readonly startedAt: number
  readonly startupDelayMs: number
  /** When the link was last seen to come up; the start of the daemon where it was up already. */
  readonly linkUpAt: number
  readonly linkStableMs: number
  /** Anything at all was received on the link since it came up. */
  readonly isHeard: boolean
  readonly listenFirstMs: number
}

/**
 * Before when an instance does not take over. A bond or a spanning tree passes frames out before it lets any in: who
 * does not hear the master there must not conclude that there is none (keepalived's vrrp_startup_delay knows the time
 * alone).
 */
export const takeoverNotBefore = (one: Patience): number =>
  Math.max(
    one.startedAt + one.startupDelayMs,
    one.linkUpAt + one.linkStableMs,
    one.isHeard ? Number.NEGATIVE_INFINITY : one.linkUpAt + one.listenFirstMs
  )

/** That of an instance; before it was told of its surroundings the link counts as up since the start. */
export const patienceOf = (
  startedAt: number,
  { config, startupDelayMs }: InstanceSetup,
  { linkUpAt, isHeard }: Pick<Surroundings, 'linkUpAt' | 'isHeard'> = { linkUpAt: startedAt, isHeard: true }
): Patience => ({ ...config, startedAt, startupDelayMs, linkUpAt, isHeard })
