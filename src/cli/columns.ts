/** Rows under a head, columns two blanks apart, as wide as what is in them. @param right columns that end at their right */
export function columns(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly string[] = []
): string[] {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const pad = (cell: string, i: number): string =>
    right.includes(head[i] ?? '') ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)
  return [head, ...rows].map((row) => row.map(pad).join('  ').trimEnd())
}
