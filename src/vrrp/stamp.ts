/** When an advert was signed (or will be sent), as it goes over the wire: UTC, and a counter for what is equal. */
export interface Stamp {
  /** Since 1970, 32 bits. */
  readonly seconds: number
  /** 1/65536 s. */
  readonly fraction: number
  readonly counter: number
}

const MOST_16 = 0xffff
const MOST_32 = 0xffff_ffff

/** Positive where `left` is newer. */
export const compareStamps = (left: Stamp, right: Stamp): number =>
  left.seconds - right.seconds || left.fraction - right.fraction || left.counter - right.counter

/** UTC in milliseconds. */
export const stampMs = ({ seconds, fraction }: Stamp): number => seconds * 1000 + (fraction * 1000) / 65_536

/** A moment as a stamp; what 32 bits cannot say is the nearest that they can. */
export function stampOf(utcMs: number): Stamp {
  const seconds = Math.min(MOST_32, Math.max(0, Math.floor(utcMs / 1000)))
  const restMs = Math.min(999.999, Math.max(0, utcMs - seconds * 1000))
  return { seconds, fraction: Math.floor((restMs * 65_536) / 1000), counter: 0 }
}

/**
 * Gives each advert a newer stamp than the one before, although wall clocks stand still and step back: then it goes on
 * from the last one by the counter until time has caught up.
 *
 * Adverts signed ahead are stamped for the time when they will be sent. One sent in between is stamped after them,
 * so sign ahead by less than the window, or it is refused for coming from the future.
 *
 * Further ahead of the clock than `maxLeadMs` (the window) nobody takes our stamps: then, and only then, it starts
 * anew from the clock, and peers that have the right time take us again after at most a window.
 */
export class Stamper {
  readonly #maxLeadMs: () => number
  #last: Stamp | undefined

  constructor(maxLeadMs: number | (() => number) = Number.POSITIVE_INFINITY) {
    this.#maxLeadMs = typeof maxLeadMs === 'number' ? () => maxLeadMs : maxLeadMs
  }

  /** The stamp of an advert that is sent at this time, UTC in milliseconds: now, or soon. */
  stampAt(utcMs: number): Stamp {
    const asked = stampOf(utcMs)
    const last = this.#last
    const isFree = last === undefined || compareStamps(asked, last) > 0 || stampMs(last) - utcMs > this.#maxLeadMs()
    this.#last = isFree ? asked : next(last)
    return this.#last
  }
}

function next({ seconds, fraction, counter }: Stamp): Stamp {
  if (counter < MOST_16) return { seconds, fraction, counter: counter + 1 }
  if (fraction < MOST_16) return { seconds, fraction: fraction + 1, counter: 0 }
  return { seconds: Math.min(MOST_32, seconds + 1), fraction: 0, counter: 0 }
}
