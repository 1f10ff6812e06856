/** A server on the ring. */
export interface Node {
  /** Its name: where its points are follows from nothing else. */
  readonly name: string
  /** How many points it has. */
  readonly points: number
}

/** More points than this make no share finer; all servers give up the same part of theirs. */
const MAX_POINTS = 32_768

/**
 * Consistent hashing: each server stands at as many points of a ring of 32 bits as its share says; a client belongs to
 * the point that is nearest to its own hash. When a server goes or gets a smaller share, only clients of its own move.
 * @returns points as [hash, index, hash, index, …] by ascending hash
 */
export function ring(nodes: readonly Node[]): number[] {
  const total = nodes.reduce((sum, { points }) => sum + points, 0)
  // By halves: what is left of a server's points are points that it had before.
  const halvings = total <= MAX_POINTS ? 0 : Math.ceil(Math.log2(total / MAX_POINTS))
  const stands = nodes.flatMap(({ name, points }, index) => {
    const seed = hashOf(name)
    const count = points === 0 ? 0 : Math.max(1, Math.floor(points / 2 ** halvings))
    return Array.from({ length: count }, (_, nth) => ({ hash: mixed(seed ^ mixed(nth + 1)), index, name }))
  })
  stands.sort((a, b) => a.hash - b.hash || (a.name < b.name ? -1 : 1))
  return stands.flatMap(({ hash, index }) => [hash, index])
}

/** FNV-1a, 32 bits: the same for a name on every node and after every start. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5
  for (const unit of name) hash = Math.imul(hash ^ (unit.codePointAt(0) ?? 0), 0x01000193)
  return mixed(hash)
}

/** MurmurHash3's finalizer: every bit of it hangs on every bit of the number. */
function mixed(number: number): number {
  let bits = number >>> 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}
