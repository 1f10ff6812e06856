import type { Status } from '../admin/status.js'
import { formatDuration } from '../base/duration.js'
import type { ServerSnapshot, ServiceStatus } from '../proxy/snapshot.js'
import type { InstanceStatus } from '../vrrp/snapshot.js'

export interface TableOptions {
  readonly isColoured: boolean
  /** Wall time in milliseconds, for 'ago'. */
  readonly now: number
}

type Paint = (text: string, colour: 'green' | 'red' | 'yellow' | 'dim' | 'bold') => string

const CODES = { green: 32, red: 31, yellow: 33, dim: 2, bold: 1 } as const

/** A node's status for a person: at most 100 columns, states in words, the reason beside what is not fine. */
export function statusTable(status: Status, { isColoured, now }: TableOptions): string {
  const paint: Paint = (text, colour) => (isColoured ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text)
  const head = `${paint(`vipd ${status.version}`, 'bold')} on ${status.node}, up ${span(status.uptime_s)}, pid ${status.pid}`
  return `${[
    head,
    ...status.vrrp.flatMap((one) => ['', ...instanceLines(one, paint, now)]),
    ...status.proxy.flatMap((one) => ['', ...serviceLines(one, paint, now)]),
    ...problemLines(status, paint)
  ].join('\n')}\n`
}

function instanceLines(one: InstanceStatus, paint: Paint, now: number): string[] {
  const colour = one.state === 'MASTER' ? 'green' : one.state === 'BACKUP' ? 'dim' : 'red'
  const master =
    one.state === 'MASTER'
      ? 'this node'
      : one.master === null
        ? 'nobody heard'
        : `${one.master.address} (priority ${one.master.priority})`
  const reason = one.state === 'FAULT' ? one.fault.join(', ') : one.reason
  return [
    `${paint('VRRP', 'bold')} ${one.name}  ${paint(one.state, colour)} for ${ago(one.since, now)} (${reason})`,
    `  VRID ${one.virtual_router_id} on ${one.interface}, version ${one.version}, priority ${one.effective_priority}${
      one.effective_priority === one.priority ? '' : ` (configured ${one.priority})`
    }, advert every ${formatDuration(one.advert_int_ms)}, master: ${master}`,
    ...one.virtual_ipaddress.map(
      ({ address, held }) =>
        `  ${address.padEnd(20)} ${held ? paint('held here', 'green') : paint('not held here', 'dim')}`
    )
  ]
}

function serviceLines(one: ServiceStatus, paint: Paint, now: number): string[] {
  const state = one.listening ? paint('listening', 'green') : paint(`NOT LISTENING: ${one.fault}`, 'red')
  const limit =
    one.maxconn_effective < one.maxconn ? `${one.maxconn_effective} (configured ${one.maxconn})` : String(one.maxconn)
  const { current, max, total } = one.sessions
  const rows = one.servers.map((server) => serverRow(server, now))
  const header = ['SERVER', 'ADDRESS', 'STATUS', 'SINCE', 'CHECK', 'NOW', 'TOTAL', 'IN', 'OUT']
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i < 5 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')
  return [
    `${paint('PROXY', 'bold')} ${one.name}  ${one.bind.join(', ')}  ${state}`,
    `  ${one.balance}, sessions ${current} now, ${max} at most, ${total} in all, limit ${limit}`,
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
  return problems.length === 0 ? [] : ['', ...problems.map((problem) => `${paint('!', 'yellow')} ${problem}`)]
}

const ago = (iso: string, now: number): string => span(Math.max(0, Math.floor((now - Date.parse(iso)) / 1000)))

/** Seconds in the two largest units: 93784 → '1d 2h'. */
export function span(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's']
  ] as const
  const first = parts.findIndex(([count]) => count > 0)
  if (first < 0) return '0s'
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(' ')
}

/** 1536 → '1.5K' */
export function bytes(count: number): string {
  const units = ['', 'K', 'M', 'G', 'T', 'P']
  let value = count
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return unit === 0 ? String(value) : `${value.toFixed(1)}${units[unit]}`
}
