import type { Status } from '../admin/status.js'
import { groupLines, instanceLines } from './instance-table.js'
import { peerLines } from './peer-table.js'
import { serviceLines } from './service-table.js'
import { type Paint, painter, span, wrap } from './text.js'

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
    ...peerLines(status, paint, now),
    ...problemLines(status, paint)
  ].join('\n')}\n`
}

function problemLines(status: Status, paint: Paint): string[] {
  const problems = [...status.config.problems]
  if (!status.process.data_plane_alive) problems.push('the data plane stands still')
  problems.push(...logProblems(status))
  if (problems.length === 0) return []
  return [
    '',
    ...problems.flatMap((problem) => wrap('! ', problem)).map((line) => line.replace(/^!/, paint('!', 'yellow')))
  ]
}

/** What the log has lost, and syslog targets that take nothing. */
function logProblems({ log }: Status): string[] {
  const lost = [
    ...(log.lines_dropped === 0 ? [] : [`${log.lines_dropped} lines, since stdout was not read in time`]),
    ...(log.sessions_dropped === 0 ? [] : [`${log.sessions_dropped} sessions, since more ended than could be told`])
  ]
  const silent = log.syslog.flatMap(({ target, error, waiting, dropped }) =>
    error === null ? [] : [`syslog ${target} takes no messages: ${error}; ${waiting} wait, ${dropped} are lost`]
  )
  return [...(lost.length === 0 ? [] : [`the log lacks ${lost.join(', and ')}`]), ...silent]
}
