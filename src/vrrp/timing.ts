/** How many advert intervals of silence a backup waits, before the skew (RFC 9568 §6.1). */
const DOWN_TIMER_ADVERTS = 3

/**
 * Skew_Time in milliseconds: the higher the priority, the sooner. Version 2 counts in parts of a second whatever the
 * interval (RFC 3768 §6.1), version 3 in parts of the master's interval (RFC 9568 §6.1).
 * @param priority the effective one
 */
export const skewMs = (version: 2 | 3, priority: number, intervalMs: number): number =>
  ((256 - priority) * (version === 2 ? 1000 : intervalMs)) / 256

/** Master_Down_Interval in milliseconds; `intervalMs` is the master's: our own in version 2, the last heard in version 3. */
export const masterDownMs = (version: 2 | 3, priority: number, intervalMs: number): number =>
  DOWN_TIMER_ADVERTS * intervalMs + skewMs(version, priority, intervalMs)

/** The shortest time after which any peer may take over from a silent master. */
export const earliestTakeoverMs = (intervalMs: number): number => DOWN_TIMER_ADVERTS * intervalMs

/** How late the kernel may be with removing an address whose lifetime has run out: measured, 0.03 to 1.25 s. */
const KERNEL_LATENESS_MS = 1250

/** The lease is renewed at each advert and this part of the interval later: the later, the longer a hung master overlaps its successor. */
export const RENEWAL_AFTER = 1 / 4

/**
 * The lease of the VIP in whole seconds: what the kernel still lets a dead daemon hold. Gone before a peer takes over
 * where intervals allow that; never under 2 s, so that a short stall of ours costs nothing.
 */
export const leaseSeconds = (intervalMs: number): number =>
  Math.max(2, Math.floor((earliestTakeoverMs(intervalMs) - KERNEL_LATENESS_MS - intervalMs * RENEWAL_AFTER) / 1000))

/**
 * The longest that two nodes may both hold the addresses when a master is killed or hangs, in milliseconds: the lease
 * from its last renewal, the kernel's lateness, less the soonest takeover. 0 where the lease always ends first.
 */
export const worstOverlapMs = (intervalMs: number): number =>
  Math.max(
    0,
    leaseSeconds(intervalMs) * 1000 + KERNEL_LATENESS_MS + intervalMs * RENEWAL_AFTER - earliestTakeoverMs(intervalMs)
  )
