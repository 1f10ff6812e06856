import type { Holding } from '../lab/owners.js'
import type { Happened } from './storm.js'

/** Two have it, where they hear each other and whoever had it does what it should. */
const OVERLAP_MS = 700
/**
 * Who hangs or dies when a better node comes cannot step back, and what it renewed a moment before is there until its lease ends: two
 * seconds for adverts of one, and what the kernel is late by (docs/operations.md, "The lease").
 */
const HUNG_MS = 3250
/** How long after the end of a partition two masters may still not have heard each other. */
const HEALING_MS = 4500

/** Two masters had the address at once. */
export interface Overlap {
  /** Who had it first, and who took it. */
  readonly nodes: readonly [string, string]
  readonly from: number
  readonly ms: number
  /** Who had it first could do nothing then. */
  readonly hung: boolean
  readonly allowedMs: number
  /** What was the case then. */
  readonly faults: readonly Happened[]
}

/** Every time that two had it, outside of what parts the masters from each other. @param to what lasts until now ends here */
export function overlaps(
  holdings: readonly Holding[],
  happened: readonly Happened[],
  from: number,
  to: number
): Overlap[] {
  const parted = happened
    .filter(({ kind }) => kind.parts === true)
    .map((one) => ({ from: one.from, to: one.to + HEALING_MS }))
    .sort((a, b) => a.from - b.from)
  return holdings.flatMap((one, i) =>
    holdings.slice(i + 1).flatMap((other) => {
      if (one.node === other.node) return []
      const [first, second] = one.from <= other.from ? [one, other] : [other, one]
      const both = { from: Math.max(from, second.from), to: Math.min(first.until ?? to, second.until ?? to, to) }
      const rest = longestOutside(both, parted)
      if (rest === undefined) return []
      const faults = happened.filter((fault) => fault.from < rest.to && fault.to > rest.from - HEALING_MS)
      const hung = faults.some(
        (fault) => fault.kind.hangs === true && fault.master === first.node && fault.to > rest.from
      )
      const allowedMs = hung ? HUNG_MS : OVERLAP_MS
      return [
        { nodes: [first.node, second.node] as const, from: rest.from, ms: rest.to - rest.from, hung, allowedMs, faults }
      ]
    })
  )
}

interface Window {
  readonly from: number
  readonly to: number
}

/** @param others in the order of their beginnings */
function longestOutside({ from, to }: Window, others: readonly Window[]): Window | undefined {
  let [at, longest] = [from, { from, to: from }]
  const take = (until: number): void => {
    if (until - at > longest.to - longest.from) longest = { from: at, to: until }
  }
  for (const other of others) {
    take(Math.min(other.from, to))
    at = Math.max(at, other.to)
  }
  take(to)
  return longest.to > longest.from ? longest : undefined
}
