import type { Clock, Timer } from '../base/clock.js'
import { LEAST_BETWEEN_RENEWALS_MS, nextRenewalAt } from './timing.js'

export interface RenewalPorts {
  readonly clock: Clock
  /** When the last advert of this mastership left, by whoever sent it. */
  readonly lastSentAt: () => number
  readonly advertIntMs: () => number
  /** Reads what peers have said: a better one may be there already, and its word lie unread. May call `stop`. */
  readonly listen: () => void
  /** Asked before each renewal that had to wait: whether the addresses are still ours. It may call `stop`. */
  readonly mayRenew: () => boolean
  readonly renew: () => void
}

/** When the lease of a master's addresses is renewed: it runs from the advert, and ends before a peer that heard the same advert last takes over. */
export class Renewal {
  readonly #ports: RenewalPorts
  #timer: Timer | undefined
  #lastAt = Number.NEGATIVE_INFINITY

  constructor(ports: RenewalPorts) {
    this.#ports = ports
  }

  /** Renews now, unless that was a moment ago, and from then on in time. */
  go(): void {
    const { clock, lastSentAt, advertIntMs, listen, mayRenew, renew } = this.#ports
    if (clock.now() - this.#lastAt >= LEAST_BETWEEN_RENEWALS_MS) {
      this.#lastAt = clock.now()
      renew()
    }
    this.#timer?.cancel()
    const next = nextRenewalAt(clock.now(), lastSentAt(), advertIntMs())
    this.#timer = clock.after(next - clock.now(), () => {
      listen()
      if (mayRenew()) this.go()
    })
  }

  stop(): void {
    this.#timer?.cancel()
  }
}
