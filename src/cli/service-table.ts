import type { ServerSnapshot, ServiceStatus } from '../proxy/snapshot.js'
import { columns } from './columns.js'
import { leftWords } from './drain.js'
import { ago, bytes, flow, type Paint, printable, span, wrap } from './text.js'
import { COLUMNS } from './width.js'

const COLOURS = { UP: 'green', DRAIN: 'yellow', MAINT: 'yellow', DOWN: 'red' } as const
const RIGHT = ['WEIGHT', 'NOW', 'TOTAL', 'IN', 'OUT']
/** What is left out, more and more, until the table is narrow enough: first what is only counted. */
const LEAVE_OUT = [
  [],
  ['TOTAL', 'IN', 'OUT'],
  ['TOTAL', 'IN', 'OUT', 'WEIGHT', 'SINCE', 'ADDRESS'],
  ['TOTAL', 'IN', 'OUT', 'WEIGHT', 'SINCE', 'ADDRESS', 'CHECK']
]
/** Longer details of a check stand below the row. */
const MOST_DETAIL = 24

/** A service for a person: who gets the connections, every server, and the reason beside what is not as it should be. */
export function serviceLines(one: ServiceStatus, paint: Paint, now: number): string[] {
  return [
    ...headLines(one, paint),
    ...flow(factsOf(one), ', ', '  '),
    ...servingLines(one, paint),
    ...flow(mishapsOf(one), ', ', '  '),
    ...rebalanceLines(one),
    ...tableLines(one, paint, now),
    ...one.leaving.flatMap(({ name, sessions, since_s }) =>
      wrap('  ', `${name} is no longer configured and goes: ${leftWords(sessions)}, for ${span(since_s)}`)
    )
  ]
}

/** Its listeners, and what is wrong with them beside or below. */
function headLines(one: ServiceStatus, paint: Paint): string[] {
  const head = `PROXY ${one.name}  ${one.bind.join(', ')}`.trimEnd()
  const title = `${paint('PROXY', 'bold')}${head.slice('PROXY'.length)}`
  if (one.fault === null) {
    const state = one.bind.length === 0 ? 'for other services' : 'listening'
    return [`${title}  ${paint(state, 'green')}`]
  }
  const fault = one.listening ? `listening, but not everywhere: ${one.fault}` : `NOT LISTENING: ${one.fault}`
  const colour = one.listening ? 'yellow' : 'red'
  if (head.length + 2 + fault.length <= COLUMNS) return [`${title}  ${paint(printable(fault), colour)}`]
  return [title, ...wrap('  ', fault).map((text) => paint(text, colour))]
}

function factsOf(one: ServiceStatus): string[] {
  const limit =
    one.maxconn_effective < one.maxconn ? `${one.maxconn_effective} (configured ${one.maxconn})` : String(one.maxconn)
  const { current, max, total } = one.sessions
  return [
    one.algorithm,
    `sessions ${current} now`,
    ...(one.queued === 0 ? [] : [`${one.queued} of them wait for a server`]),
    `${max} at most`,
    `${total} in all`,
    `limit ${limit}`
  ]
}

const SERVING = {
  active: '',
  backup: 'no server but backups is UP: they get the connections',
  'fail-open': 'no server is ready: those that are alive get the connections (fail open)',
  none: 'no server is available: clients are reset at once'
} as const

const servingLines = ({ serving }: ServiceStatus, paint: Paint): string[] =>
  serving === 'active' ? [] : [`  ${paint(SERVING[serving], serving === 'none' ? 'red' : 'yellow')}`]

/** What clients did not get, as far as it has happened. */
function mishapsOf(one: ServiceStatus): string[] {
  const { timeouts, aborts } = one
  const counted: readonly (readonly [string, number])[] = [
    ['reset without a server', one.refused],
    ['denied', one.denied],
    ['too many from one address', one.source_limited],
    ['unreadable headers', one.malformed],
    ['queue timeouts', timeouts.queue],
    ['connect timeouts', timeouts.connect],
    ['client timeouts', timeouts.client],
    ['server timeouts', timeouts.server],
    ['handshake timeouts', timeouts.handshake],
    ['client aborts', aborts.client],
    ['server aborts', aborts.server],
    ['accept pauses', one.accept_pauses]
  ]
  const happened = counted.filter(([, count]) => count > 0).map(([what, count]) => `${what} ${count}`)
  return happened.length === 0 ? [] : [`so far: ${happened[0]}`, ...happened.slice(1)]
}

function rebalanceLines({ rebalance }: ServiceStatus): string[] {
  if (rebalance === null) return []
  const { max_skew, per_minute, skew, asked } = rebalance
  const now = skew === null ? 'stands still' : `skew ${skew}`
  const pace = `above ${max_skew} up to ${per_minute} sessions a minute are closed, ${asked} so far`
  return wrap('  ', `rebalance: ${now}; ${pace}`)
}

function tableLines(one: ServiceStatus, paint: Paint, now: number): string[] {
  const isWeighted = one.servers.some(({ weight, effective_weight }) => weight !== 1 || effective_weight !== weight)
  const cells = one.servers.map((server) => cellsOf(server, now))
  const titles = ['SERVER', 'ADDRESS', 'STATUS', 'SINCE', 'CHECK', 'WEIGHT', 'NOW', 'TOTAL', 'IN', 'OUT']
  const shown = titles.filter((title) => title !== 'WEIGHT' || isWeighted)
  const draw = (of: readonly string[]): string[] =>
    columns(
      of,
      cells.map((row) => of.map((title) => row[title] ?? '')),
      RIGHT
    )
  const layouts = LEAVE_OUT.map((out) => shown.filter((title) => !out.includes(title)))
  const fits = (of: readonly string[]): boolean => draw(of).every((row) => row.length + 2 <= COLUMNS)
  const layout = layouts.find(fits) ?? layouts.at(-1) ?? []
  const [head = '', ...rows] = draw(layout)
  const at = head.indexOf('STATUS')
  const until = head.indexOf(layout[layout.indexOf('STATUS') + 1] ?? '') - 2
  return [
    `  ${paint(head, 'dim')}`,
    ...one.servers.flatMap((server, i) => {
      const row = rows[i] ?? ''
      const colour = COLOURS[server.status]
      return [
        `  ${row.slice(0, at)}${paint(row.slice(at, until), colour)}${row.slice(until)}`.trimEnd(),
        ...notesOf(server).flatMap((note) => wrap('    ', note).map((text) => paint(text, 'yellow')))
      ]
    })
  ]
}

function cellsOf(server: ServerSnapshot, now: number): Readonly<Record<string, string>> {
  const { check, status } = server
  const against =
    check === null || check.streak === 0 ? '' : ` ${check.streak}/${status === 'UP' ? check.fall : check.rise}`
  return {
    SERVER: server.name,
    ADDRESS: server.address,
    STATUS: `${status}${status === 'MAINT' ? '' : against}`,
    SINCE: ago(server.since, now),
    CHECK: checkCell(server),
    WEIGHT: weightOf(server),
    NOW: String(server.sessions.current),
    TOTAL: String(server.sessions.total),
    IN: bytes(server.bytes_in),
    OUT: bytes(server.bytes_out)
  }
}

/** What counts of its weight now, and the weight where that is more. */
export const weightOf = ({ weight, effective_weight }: Pick<ServerSnapshot, 'weight' | 'effective_weight'>): string =>
  effective_weight === weight ? String(weight) : `${effective_weight} of ${weight}`

/** How long a check took is news where it was answered; of the others the reason is, where it is short. */
function checkCell({ check }: ServerSnapshot): string {
  if (check === null) return 'none'
  const detail = check.detail.length <= MOST_DETAIL ? printable(check.detail) : ''
  const took = check.result.endsWith('OK') && check.latency_ms !== null ? `${check.latency_ms.toFixed(1)}ms` : ''
  return [check.result, detail, took].filter((part) => part !== '').join(' ')
}

/** What there is to say of a server that its row does not. */
function notesOf(server: ServerSnapshot): string[] {
  const { reason, drain, slowstart_percent: percent, agent } = server
  const isSaid = reason === `found dead: ${checkCell(server)}`
  const left = drain === null ? '' : `; ${leftWords(drain.sessions_left)}`
  return [
    ...(reason === null || isSaid ? [] : [`${reason}${left}`]),
    ...(percent === null ? [] : [`slow start: ${percent} % of its share`]),
    ...(server.backup ? [server.serving ? 'a backup, in use' : 'a backup'] : []),
    ...(agent === null ? [] : [agentNote(agent)]),
    ...(server.failures_in_row === 0 ? [] : [`live connections that failed in a row: ${server.failures_in_row}`])
  ]
}

function agentNote({ result, detail, weight_percent }: NonNullable<ServerSnapshot['agent']>): string {
  const said = [result, detail].filter((part) => part !== '').join(' ')
  return `agent: ${said}${weight_percent === 100 ? '' : `, ${weight_percent} % of its weight`}`
}
