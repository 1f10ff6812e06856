import type { Status } from '../admin/status.js'
import type { ServerSnapshot, ServiceStatus } from '../proxy/snapshot.js'
import { groupLines, instanceLines } from './instance-table.js'
import { ago, bytes, COLUMNS, flow, type Paint, painter, span, wrap } from './text.js'

export interface TableOptions {
  readonly isColoured: boolean
  /** Wall time in milliseconds, for 'ago'. */
  readonly now: number
}

/** A node's status for a person: at most 100 columns, states in words, the reason beside what is not fine. */
export function statusTable(status: Status, { isColoured, now }: TableOptions): string {
  const paint = painter(isColoured)
  const head = `${paint(`vipd ${status.version}`, 'bold')} on ${status.node}, up ${span(status.uptime_s)}, pid ${status.pid}`
  return `${[
    head,
    ...status.vrrp.flatMap((one) => ['', ...instanceLines(one, paint, now)]),
    ...groupLines(status, paint),
    ...status.proxy.flatMap((one) => ['', ...serviceLines(one, paint, now)]),
    ...problemLines(status, paint)
  ].join('\n')}\n`
}

/** Columns that are shown in any case: up to NOW. */
const NARROW = 6

function serviceLines(one: ServiceStatus, paint: Paint, now: number): string[] {
  const head = `PROXY ${one.name}  ${one.bind.join(', ')}  `
  const fault = one.listening ? '' : `NOT LISTENING: ${one.fault}`
  const fits = head.length + fault.length <= COLUMNS
  const state = one.listening ? paint('listening', 'green') : fits ? paint(fault, 'red') : ''
  const limit =
    one.maxconn_effective < one.maxconn ? `${one.maxconn_effective} (configured ${one.maxconn})` : String(one.maxconn)
  const { current, max, total } = one.sessions
  const all = one.servers.map((server) => serverRow(server, now))
  const titles = ['SERVER', 'ADDRESS', 'STATUS', 'SINCE', 'CHECK', 'NOW', 'TOTAL', 'IN', 'OUT']
  const allWidths = titles.map((title, i) => Math.max(title.length, ...all.map((row) => row[i]?.length ?? 0)))
  // Long names and IPv6: then without what is only counted.
  const isWide = allWidths.reduce((sum, width) => sum + width + 2, 0) > COLUMNS
  const [header = [], ...rows] = [titles, ...all].map((row) => (isWide ? row.slice(0, NARROW) : row))
  const widths = isWide ? allWidths.slice(0, NARROW) : allWidths
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i < 5 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')
  return [
    `${paint('PROXY', 'bold')}${head.slice('PROXY'.length)}${state}`.trimEnd(),
    ...(fits ? [] : wrap('  ', fault).map((text) => paint(text, 'red'))),
    ...flow(
      [one.balance, `sessions ${current} now`, `${max} at most`, `${total} in all`, `limit ${limit}`],
      ', ',
      '  '
    ),
    `  ${paint(line(header), 'dim')}`,
    ...rows.map((row, i) => {
      const status = one.servers[i]?.status
      const colour = status === 'UP' ? 'green' : status === 'DRAIN' ? 'yellow' : 'red'
      const text = line(row)
      const at = (widths[0] ?? 0) + (widths[1] ?? 0) + 4
      const width = widths[2] ?? 0
      return `  ${text.slice(0, at)}${paint(text.slice(at, at + width), colour)}${text.slice(at + width)}`.trimEnd()
    })
  ]
}

function serverRow(server: ServerSnapshot, now: number): string[] {
  const { check } = server
  const progress =
    check === null || check.streak === 0 ? '' : ` ${check.streak}/${server.status === 'UP' ? check.fall : check.rise}`
  const result =
    check === null ? 'none' : [check.result, check.detail, tookOf(check)].filter((part) => part !== '').join(' ')
  return [
    server.name,
    server.address,
    `${server.status}${progress}`,
    ago(server.since, now),
    result,
    String(server.sessions.current),
    String(server.sessions.total),
    bytes(server.bytes_in),
    bytes(server.bytes_out)
  ]
}

/** How long a check took is news where it was answered; of the others the reason is. */
const tookOf = ({ result, latency_ms }: NonNullable<ServerSnapshot['check']>): string =>
  result.endsWith('OK') && latency_ms !== null ? `${latency_ms.toFixed(1)}ms` : ''

function problemLines(status: Status, paint: Paint): string[] {
  const problems = [...status.config.problems]
  if (!status.process.data_plane_alive) problems.push('the data plane stands still')
  if (problems.length === 0) return []
  return [
    '',
    ...problems.flatMap((problem) => wrap('! ', problem)).map((line) => line.replace(/^!/, paint('!', 'yellow')))
  ]
}
