import { reduced } from './smooth.js'

/**
 * A fixed map of shares (haproxy's static-rr and map-based source): as many slots for each server as its weight, spread,
 * the first server first. In each slot all gain their weight; it goes to the first of those that have gained the most
 * whole rounds, which pays one round.
 * @returns indexes into `weights`; 5, 3, 1 is a a b a b a b a c
 */
export function slots(weights: readonly number[]): number[] {
  const shares = reduced(weights)
  const round = shares.reduce((sum, share) => sum + share, 0)
  const gained = shares.map(() => 0)
  return Array.from({ length: round }, () => {
    let winner = -1
    let most = Number.NEGATIVE_INFINITY
    for (const [i, share] of shares.entries()) {
      const now = (gained[i] ?? 0) + share
      gained[i] = now
      const rounds = Math.floor(now / round)
      if (share > 0 && rounds > most) {
        winner = i
        most = rounds
      }
    }
    gained[winner] = (gained[winner] ?? 0) - round
    return winner
  })
}
