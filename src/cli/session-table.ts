import type { SessionView } from '../proxy/session-view.js'
import { columns } from './columns.js'
import { bytes, span } from './text.js'

/** A session, and with two looks at it what passes each second. */
export interface SessionRow extends SessionView {
  readonly in_per_s?: number
  readonly out_per_s?: number
}

export const SORTS = ['age', 'idle', 'in', 'out', 'rate'] as const
export type Sort = (typeof SORTS)[number]

/** What is largest comes first. */
const KEYS: Readonly<Record<Sort, (one: SessionRow) => number>> = {
  age: ({ age_ms }) => age_ms,
  idle: ({ idle_ms }) => idle_ms,
  in: ({ bytes_in }) => bytes_in,
  out: ({ bytes_out }) => bytes_out,
  rate: ({ in_per_s = 0, out_per_s = 0 }) => in_per_s + out_per_s
}

/** Sessions of the second look, with what passed since the first; one that is new since then has its whole life as the time. */
export function withRates(before: readonly SessionView[], after: readonly SessionView[]): SessionRow[] {
  const earlier = new Map(before.map((one) => [one.id, one]))
  return after.map((one) => {
    const { bytes_in = 0, bytes_out = 0, age_ms = 0 } = earlier.get(one.id) ?? {}
    const seconds = Math.max(1, one.age_ms - age_ms) / 1000
    const rate = (more: number): number => Math.max(0, Math.round(more / seconds))
    return { ...one, in_per_s: rate(one.bytes_in - bytes_in), out_per_s: rate(one.bytes_out - bytes_out) }
  })
}

/** Those of a client (its address, or how it begins), sorted; the oldest first among equals. */
export function arrange(rows: readonly SessionRow[], client: string | undefined, sort: Sort): SessionRow[] {
  const key = KEYS[sort]
  return rows
    .filter((one) => client === undefined || one.client.replace(/^\[/, '').startsWith(client.replace(/^\[/, '')))
    .sort((a, b) => key(b) - key(a) || b.age_ms - a.age_ms)
}

export interface Sessions {
  readonly sessions: readonly SessionRow[]
  readonly total: number
}

/** Sessions for a person, and how many there are more. */
export function sessionLines({ sessions, total }: Sessions): string {
  if (sessions.length === 0) return 'no sessions\n'
  const hasRates = sessions.some((one) => one.in_per_s !== undefined)
  const rates = hasRates ? ['IN/s', 'OUT/s'] : []
  const head = ['ID', 'AGE', 'IDLE', 'CLIENT', 'SERVER', 'STATE', 'IN', 'OUT', ...rates]
  const lines = columns(
    head,
    sessions.map((one) => rowOf(one, hasRates)),
    ['IN', 'OUT', 'IN/s', 'OUT/s']
  )
  const more = total > sessions.length ? [`${sessions.length} of ${total}: --limit shows more`] : []
  return `${[...lines, ...more].join('\n')}\n`
}

function rowOf(one: SessionRow, hasRates: boolean): string[] {
  const via = one.backend === one.service ? '' : `${one.service} → `
  return [
    one.id,
    span(Math.floor(one.age_ms / 1000)),
    span(Math.floor(one.idle_ms / 1000)),
    one.client,
    `${via}${one.backend}/${one.server ?? '-'}`,
    one.state,
    bytes(one.bytes_in),
    bytes(one.bytes_out),
    ...(hasRates ? [bytes(one.in_per_s ?? 0), bytes(one.out_per_s ?? 0)] : [])
  ]
}
