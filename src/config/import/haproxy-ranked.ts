import type { Directive } from './directive.js'
import type { Section } from './haproxy-section.js'
import type { Report } from './report.js'
import { type Entry, entry, map, type Node } from './yaml-tree.js'

/** A key of a service with the place that it has in the old file: own lines first, then what was inherited, then the rest. */
export interface Ranked {
  readonly rank: number
  readonly entry: Entry
}

const INHERITED = 1e7
const DERIVED = 2e7

/** A key that no line of the old file asked for. */
export const derived = (key: string, node: Node, beside = ''): Ranked => ({
  rank: DERIVED,
  entry: entry(key, node, { beside })
})

/** A key from the lines that set it, the last of which counts. Comments of earlier ones that say the same are kept. */
export function ranked(key: string, node: Node, lines: readonly Directive[], proxy: Section, report: Report): Ranked[] {
  const last = lines.at(-1)
  if (last === undefined) return []
  for (const line of lines) report.carry(line)
  const same = lines.filter((line) => line.words.join(' ') === last.words.join(' '))
  const beside = same.findLast((line) => line.beside !== '')?.beside ?? ''
  const above = same.flatMap((line) => line.above)
  const rank = proxy.own.includes(last) ? last.line : INHERITED + last.line
  return [{ rank, entry: entry(key, node, { above, beside, place: { file: report.file, line: last.line } }) }]
}

/** A key that stands where a line of the old file stood, whatever that said. */
export const placed = (key: string, node: Node, line: Directive, proxy: Section, report: Report): Ranked => ({
  rank: proxy.own.some((own) => own.line === line.line) ? line.line : INHERITED + line.line,
  entry: entry(key, node, { place: { file: report.file, line: line.line } })
})

/** Several settings under one key, which stands where the first of them stood. */
export function gather(key: string, parts: readonly Ranked[]): Ranked[] {
  const sorted = [...parts].sort((a, b) => a.rank - b.rank)
  const first = sorted[0]
  if (first === undefined) return []
  return [
    {
      rank: first.rank,
      entry: entry(
        key,
        map(
          sorted.map((one) => one.entry),
          true
        ),
        { place: first.entry.place }
      )
    }
  ]
}
