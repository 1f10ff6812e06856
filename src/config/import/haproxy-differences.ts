import { formatDuration, parseDuration } from '../../base/duration.js'
import { argumentOf } from './directive.js'
import type { CheckPlan } from './haproxy-check-plan.js'
import { type Section, settingOf } from './haproxy-section.js'
import type { Server } from './haproxy-server.js'
import type { Report } from './report.js'

/** What vipd does otherwise with the very same words, told at the lines that have them. */
export function reviewDifferences(back: Section, servers: readonly Server[], checks: CheckPlan, report: Report): void {
  reviewServers(servers, checks, report)
  reviewTurns(back, servers, report)
  reviewDeadline(back, servers, report)
}

/** In haproxy `timeout check` counts from when the connection stands, and may be longer than `inter`. */
function reviewDeadline(back: Section, servers: readonly Server[], report: Report): void {
  const line = settingOf(back, 'timeout check')
  const deadline = parseDuration(line?.words[2] ?? '', 'ms')
  const inters = servers
    .filter((one) => one.isChecked)
    .map(({ values }) => parseDuration(values.get('inter') ?? '2s', 'ms'))
  const least = Math.min(...inters.map((ms) => ms ?? Number.POSITIVE_INFINITY))
  if (line === undefined || deadline === undefined || deadline <= least) return
  const text = `a check ends when the next one is due, in vipd: after \`inter\`, here ${formatDuration(least)}. \`check: { inter: …, timeout: … }\` with both gives it longer`
  report.add('changed', line, 'timeout check', text)
}

/** Turns are not quite haproxy’s. */
function reviewTurns(back: Section, { length }: readonly Server[], report: Report): void {
  const balance = settingOf(back, 'balance')
  if (length < 2 || (balance !== undefined && argumentOf(balance) !== 'roundrobin')) return
  report.add(
    'changed',
    balance ?? back.head,
    'balance roundrobin',
    'in vipd a server that has more than 125% of its share of the sessions loses its turn, so that one that came back gets its own: `balance_factor: 0` is strictly in turn'
  )
}

/** What is different for every service: servers have to prove themselves, and sessions to dead ones are closed. */
function reviewServers(servers: readonly Server[], checks: CheckPlan, report: Report): void {
  for (const server of servers.filter((one) => !one.isChecked)) {
    report.add(
      'changed',
      server.line,
      `server ${server.name}`,
      'has no `check`, so it counts as UP even when it is dead: carried over as `check: false`. Add `check` unless you mean it'
    )
  }
  const unmarked = servers.find((one) => !one.values.has('on-marked-down'))
  if (unmarked !== undefined) {
    report.add(
      'changed',
      unmarked.line,
      'on-marked-down',
      'was not set: haproxy leaves sessions to a server that went DOWN or into maintenance open until they time out; vipd closes them, so clients connect again at once (`on_marked_down: none` is haproxy’s)'
    )
  }
  const checked = servers.filter((one) => one.isChecked)
  const [first] = checked
  if (first === undefined) return
  const told = (subject: string, text: string): void => report.add('changed', first.line, subject, text)
  told(
    'server … check',
    'servers start DOWN and get no connection until their first check has passed; haproxy starts them UP and finds the dead ones by losing connections'
  )
  if (checks.http !== undefined) {
    told(
      'option httpchk',
      'a server that answers otherwise than expected is alive: it gets no new connections and keeps those that it has. One that does not answer is DOWN'
    )
  }
  if (!checked.every((one) => one.values.has('observe'))) {
    told(
      'observe',
      'was not set: in vipd a live connection that fails brings the next check forward (`observe: none` is haproxy’s)'
    )
  }
}
