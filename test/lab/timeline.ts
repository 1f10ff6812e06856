/** Who answered for one address, from a moment until the next one. Sorted names of nodes. */
export interface Span {
  readonly from: number
  readonly owners: readonly string[]
}

/** What was seen within a window, over all addresses that are watched. Milliseconds. */
export interface Figures {
  /** An address had no owner: the sum, and the longest time. From the first question that nobody answered to the next one that somebody did. */
  readonly withoutMs: number
  readonly longestWithoutMs: number
  /** Two answered for the same address. */
  readonly twoMs: number
  readonly longestTwoMs: number
  /** Addresses that belong together had one owner each, but not the same. */
  readonly apartMs: number
}

/** The longest and the total time in which `counts` held for the owners of all addresses. */
function time(
  spans: readonly (readonly Span[])[],
  [from, to]: readonly [number, number],
  counts: (owners: readonly (readonly string[])[]) => boolean
): { total: number; longest: number } {
  const edges = spans.flatMap((one) => one.map((span) => span.from)).filter((at) => at > from && at < to)
  const times = [from, ...[...new Set(edges)].sort((a, b) => a - b), to]
  let [total, longest, since] = [0, 0, from]
  for (const [index, at] of times.slice(0, -1).entries()) {
    const next = times[index + 1] ?? to
    if (counts(spans.map((one) => ownersAt(one, at)))) {
      total += next - at
      longest = Math.max(longest, next - since)
    } else since = next
  }
  return { total, longest }
}

/** The owners at a moment; nobody before the first span. */
export function ownersAt(spans: readonly Span[], at: number): readonly string[] {
  return spans.findLast((span) => span.from <= at)?.owners ?? []
}

/** @param spans for each address, in the order of time */
export function figures(spans: readonly (readonly Span[])[], from: number, to: number): Figures {
  const window = [from, to] as const
  const without = time(spans, window, (all) => all.some((owners) => owners.length === 0))
  const two = time(spans, window, (all) => all.some((owners) => owners.length > 1))
  const apart = time(
    spans,
    window,
    (all) => all.every((owners) => owners.length === 1) && new Set(all.map((owners) => owners[0])).size > 1
  )
  return {
    withoutMs: without.total,
    longestWithoutMs: without.longest,
    twoMs: two.total,
    longestTwoMs: two.longest,
    apartMs: apart.total
  }
}

/** `m1, 0.01s nobody, 3.21s m2`: who owned one address within a window, and after how many seconds that changed. */
export function story(spans: readonly Span[], from: number, to: number): string {
  const within = spans.filter((span) => span.from > from && span.from < to)
  const name = (owners: readonly string[]): string => owners.join('+') || 'nobody'
  const seconds = (at: number): string => ((at - from) / 1000).toFixed(2)
  const later = within.slice(0, 20).map((span) => `${seconds(span.from)}s ${name(span.owners)}`)
  return [name(ownersAt(spans, from)), ...later, ...(within.length > 20 ? [`… ${within.length}`] : [])].join(', ')
}
