/** Longest rotation: finer weights than this allows are rounded. */
const MAX_TURNS = 4096

/**
 * Smooth weighted round robin (nginx's): the order in which connections walk the servers, one full cycle of it. Every
 * server gets its weight's share in each cycle, the heaviest first, and no two turns of one come closer than they must.
 * @returns indexes into `weights`; empty when none is above 0. 5, 1, 1 is a a b a c a a
 */
export function rotation(weights: readonly number[]): number[] {
  const shares = reduced(weights)
  const total = shares.reduce((sum, share) => sum + share, 0)
  const current = shares.map(() => 0)
  return Array.from({ length: total }, () => {
    let best = -1
    for (const [i, share] of shares.entries()) {
      current[i] = (current[i] ?? 0) + share
      if (share > 0 && (best < 0 || (current[i] ?? 0) > (current[best] ?? 0))) best = i
    }
    current[best] = (current[best] ?? 0) - total
    return best
  })
}

/** The same proportions in the smallest whole numbers; rounded, but never to nothing, where a cycle would be too long. */
export function reduced(weights: readonly number[]): number[] {
  const divisor = weights.reduce(greatestCommonDivisor, 0)
  const smallest = divisor === 0 ? [...weights] : weights.map((weight) => weight / divisor)
  const total = smallest.reduce((sum, weight) => sum + weight, 0)
  if (total <= MAX_TURNS) return smallest
  return smallest.map((weight) => (weight === 0 ? 0 : Math.max(1, Math.round((weight * MAX_TURNS) / total))))
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b))
