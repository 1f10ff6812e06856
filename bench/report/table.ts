import type { Ensured } from '../../test/lab/packages.js'

/** What the benchmarks share: figures of samples, and a table of them. */

export const max = (values: readonly number[]): number => Math.max(...values)
export const median = (values: readonly number[]): number => percentile(values, 50)

/** The smallest value that this part of the values does not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const index = Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)
  return sorted[index] ?? Number.NaN
}

/** Markdown, its columns aligned. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

/** Is this root, with what is needed? Says what is missing. */
export function ready(ensured: Ensured): boolean {
  if (process.getuid?.() !== 0) {
    console.error('This needs root: it makes network namespaces.')
    return false
  }
  if (!ensured.ok) console.error(ensured.reason)
  return ensured.ok
}
