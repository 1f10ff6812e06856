/**
 * Skew_Time in milliseconds: the higher the priority, the sooner. Version 2 counts in parts of a second whatever the
 * interval (RFC 3768 §6.1), version 3 in parts of the master's interval (RFC 9568 §6.1).
 * @param priority the effective one
 */
export const skewMs = (version: 2 | 3, priority: number, intervalMs: number): number =>
  ((256 - priority) * skewUnitMs(version, intervalMs)) / 256

/** What skew is counted in parts of. */
export const skewUnitMs = (version: 2 | 3, intervalMs: number): number => (version === 2 ? 1000 : intervalMs)

/** How long a master that asks to be relieved waits for a better one: the skew of all those who are better has run out, that of its equals has not. */
export const reliefMs = (version: 2 | 3, intervalMs: number): number => 0.94 * skewUnitMs(version, intervalMs)

/**
 * Master_Down_Interval in milliseconds; `intervalMs` is the master's: our own in version 2, the last heard in version 3.
 * @param adverts intervals of silence before the skew: 3 by the RFCs (§6.1), keepalived's down_timer_adverts
 */
export const masterDownMs = (version: 2 | 3, priority: number, intervalMs: number, adverts = 3): number =>
  adverts * intervalMs + skewMs(version, priority, intervalMs)

/** What the time of a takeover hangs on; the peers are taken to have the same. */
export interface Pace {
  readonly advertIntMs: number
  readonly downTimerAdverts: number
}

/** The shortest time after which any peer may take over from a silent master. */
export const earliestTakeoverMs = (pace: Pace): number => pace.downTimerAdverts * pace.advertIntMs

/**
 * The silence after which a master steps back, because a peer may have taken over. Where one interval is enough for
 * the peer every advert comes after that long: there it is half an interval more.
 */
export const stallMs = (pace: Pace): number => Math.max(pace.downTimerAdverts, 1.5) * pace.advertIntMs

/**
 * When an address that the kernel refused is tried again: a node that cannot hold it would take the mastership from one
 * that can each time. @param before how often it was refused in a row, before this time
 */
export const retryRefusedMs = (before: number): number => Math.min(300_000, 5000 * 2 ** Math.min(before, 10))

/**
 * A master that a better one deposes keeps the addresses for this long: the other one's come a moment after its advert, and
 * meanwhile nobody would have them. Two that have them for a moment do no harm, for the network follows the newer announcement.
 */
export const HANDING_OVER_MS = 50

/** Where adverts are faster a timer that is a little late is longer than any skew. */
const LEAST_FAREWELL_MS = 200
const MOST_FAREWELL_MS = 3000

/**
 * A master that ends says priority 0 at once, and keeps the addresses until another one is heard (and as long as above), or for
 * this long: RFC 9568 §6.4.3 and keepalived let go with the word, and for the skew of the next one nobody has them.
 */
export const farewellMs = (version: 2 | 3, intervalMs: number): number =>
  Math.min(MOST_FAREWELL_MS, Math.max(LEAST_FAREWELL_MS, reliefMs(version, intervalMs)))

/** How late the kernel may be with removing an address whose lifetime has run out: measured, 0.03 to 1.25 s. */
const KERNEL_LATENESS_MS = 1250

/** Two renewals come no closer than this, however fast the adverts. */
export const LEAST_BETWEEN_RENEWALS_MS = 200

/**
 * The lease is renewed right after each advert and this long after it: the later, the longer a hung master overlaps
 * its successor. Where adverts are faster than that, at its own pace.
 */
export const renewalLagMs = (advertIntMs: number): number =>
  advertIntMs / 4 < LEAST_BETWEEN_RENEWALS_MS ? Math.min(advertIntMs, LEAST_BETWEEN_RENEWALS_MS) : advertIntMs / 4

/** When the lease is next renewed: an advert that is heard last and the lease that is renewed last belong together. */
export function nextRenewalAt(now: number, lastSentAt: number, advertIntMs: number): number {
  const lagMs = advertIntMs / 4
  if (lagMs < LEAST_BETWEEN_RENEWALS_MS) return now + LEAST_BETWEEN_RENEWALS_MS
  const since = now - lastSentAt
  const next = since < lagMs ? lastSentAt + lagMs : lastSentAt + advertIntMs
  return next > now ? next : now + LEAST_BETWEEN_RENEWALS_MS
}

/**
 * The lease of the VIP in whole seconds: what the kernel still lets a dead daemon hold. Gone before a peer takes over
 * where intervals allow that; never under 2 s, so that a short stall of ours costs nothing.
 */
export const leaseSeconds = (pace: Pace): number =>
  Math.max(2, Math.floor((earliestTakeoverMs(pace) - KERNEL_LATENESS_MS - renewalLagMs(pace.advertIntMs)) / 1000))

/**
 * The longest that two nodes may both hold the addresses when a master is killed or hangs, in milliseconds: the lease
 * from its last renewal, the kernel's lateness, less the soonest takeover. 0 where the lease always ends first.
 */
export const worstOverlapMs = (pace: Pace): number =>
  Math.max(
    0,
    leaseSeconds(pace) * 1000 + KERNEL_LATENESS_MS + renewalLagMs(pace.advertIntMs) - earliestTakeoverMs(pace)
  )
