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

/**
 * Lets it all happen; what is to befall a node waits until it is rid of what it suffers.
 * @param onFault for a log that tells what was the case when; `failed`: the fault itself could not be made or mended
 */
export async function suffer<Kind extends Fault>(
  plan: readonly Scheduled[],
  faultOf: (one: Scheduled) => Kind,
  onFault: (one: Scheduled, fault: Kind, what: 'begins' | 'ends' | 'failed', error?: unknown) => void
): Promise<void> {
  const began = performance.now()
  const before = new Map<number, Promise<void>>()
  const happen = async (one: Scheduled, earlier: Promise<void> | undefined): Promise<void> => {
    await pause(Math.max(0, one.atMs - (performance.now() - began)))
    await earlier
    const fault = faultOf(one)
    const attempt = async (what: () => Promise<void> | void): Promise<void> => {
      try {
        await what()
      } catch (error) {
        onFault(one, fault, 'failed', error)
      }
    }
    onFault(one, fault, 'begins')
    await attempt(() => fault.begin())
    await pause(one.forMs)
    await attempt(() => fault.end())
    onFault(one, fault, 'ends')
  }
  for (const one of plan) before.set(one.node, happen(one, before.get(one.node)))
  await Promise.all(before.values())
}
