import { pause } from './wait.js'

/** A number from 0 to 1 after the other, the same for the same seed (mulberry32). */
export function lots(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Something that goes wrong with a node, and is over after a while. */
export interface Fault {
  readonly name: string
  /** While it lasts two nodes cannot but both believe to be master. */
  readonly parts?: boolean
  begin(): Promise<void> | void
  end(): Promise<void> | void
}

export interface Scheduled {
  readonly atMs: number
  readonly forMs: number
  readonly node: number
  readonly kind: number
}

/**
 * When what goes wrong with whom: at most two nodes at once, each with one fault at a time, and one node always well.
 * The same for the same seed.
 */
export function schedule(seed: number, lengthMs: number, nodes: number, kinds: number): Scheduled[] {
  const lot = lots(seed)
  const plan: Scheduled[] = []
  const busyUntil = new Array<number>(nodes).fill(0)
  for (let at = 500; at < lengthMs; at += 300 + lot() * 2500) {
    const node = Math.floor(lot() * nodes)
    const [kind, forMs] = [Math.floor(lot() * kinds), 500 + lot() * lot() * 7500]
    const busy = busyUntil.filter((until) => until > at).length
    if ((busyUntil[node] ?? 0) > at || busy >= nodes - 1) continue
    busyUntil[node] = at + forMs + 1000
    plan.push({ atMs: at, forMs, node, kind })
  }
  return plan
}

/** Lets it all happen. @param onFault for a log that tells what was the case when */
export async function suffer(
  plan: readonly Scheduled[],
  faultOf: (one: Scheduled) => Fault,
  onFault: (one: Scheduled, fault: Fault, what: 'begins' | 'ends') => void
): Promise<void> {
  const began = performance.now()
  await Promise.all(
    plan.map(async (one) => {
      await pause(Math.max(0, one.atMs - (performance.now() - began)))
      const fault = faultOf(one)
      onFault(one, fault, 'begins')
      await fault.begin()
      await pause(one.forMs)
      await fault.end()
      onFault(one, fault, 'ends')
    })
  )
}
