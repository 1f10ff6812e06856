import type { Client } from '../../test/lab/client.js'
import type { Lab } from '../../test/lab/lab.js'
import { nowMs } from '../../test/lab/wait.js'

export interface Measured {
  readonly event: string
  /** Milliseconds without an answer. */
  readonly gap: number
  readonly failed: number
  /** Milliseconds until the VIP was gone from the old node; null where it was not to go. */
  readonly gone: number | null
  readonly overlap: number
}

/** Prints one line a second: who is master, and what the client got. @returns a function that stops it */
export function startProgress(lab: Lab, client: Client): () => void {
  const started = nowMs()
  let last = started
  const timer = setInterval(() => {
    const now = nowMs()
    const counts = client.byServer(last, now)
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
    const each = ['m1', 'm2', 'm3'].map((name) => `${name} ${String(counts[name] ?? 0).padStart(2)}`).join(', ')
    const failed = client.answers.filter((one) => one.at >= last && one.at < now && one.error !== undefined).length
    const master = lab.owners.owners().join(' and ') || 'none'
    const time = `${Math.round((now - started) / 1000)} s`.padStart(5)
    console.log(
      `${time}  master ${master.padEnd(4)}  answered ${String(total).padStart(3)} (${each})  errors ${failed}`
    )
    last = now
  }, 1000)
  return () => clearInterval(timer)
}

/** 3.61 s, or 240 ms. */
export function human(ms: number): string {
  return ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${Math.round(ms)} ms`
}

/** The closing table. */
export function summary(rows: readonly Measured[]): string {
  const head = ['event', 'client saw nothing for', 'VIP gone from old node after', 'two owners for', 'failed requests']
  const cells = rows.map((row) => {
    const gone = row.gone === null ? '-' : human(row.gone)
    return [row.event, human(row.gap), gone, human(row.overlap), String(row.failed)]
  })
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...cells.map(line)].join('\n')
}
