import { parseHostPort } from '../../base/ip.js'
import { argumentOf, type Directive } from './directive.js'
import { type Binds, importBinds } from './haproxy-bind.js'
import { importChecks } from './haproxy-checks.js'
import { fullKeyword, linesOf, type Section, settingOf } from './haproxy-section.js'
import { importServers, type Server, type Servers } from './haproxy-server.js'
import { derived, type Ranked, ranked, simpleSettings } from './haproxy-settings.js'
import { importTimeouts } from './haproxy-timeouts.js'
import type { Report } from './report.js'
import {
  durationNode,
  type Entry,
  entry,
  type Item,
  item,
  list,
  map,
  numberOr,
  type Place,
  scalar
} from './yaml-tree.js'

/** What services take from `global`. */
export interface Globals {
  readonly maxconn: Directive | undefined
  readonly spread: Directive | undefined
}

/** A listen section, or a frontend with its backend, as an item of `proxy:`; undefined when it was left out. */
export function importService(front: Section, back: Section, globals: Globals, report: Report): Item | undefined {
  const place = { file: report.file, line: front.head.line }
  const binds = importBinds(
    front.own.filter((line) => fullKeyword(line) === 'bind'),
    report
  )
  const ports = binds.items.flatMap((one) =>
    one.node.kind === 'scalar' ? (parseHostPort(String(one.node.value))?.port ?? []) : []
  )
  const lines = [...back.inherited, ...back.own]
  const servers = importServers(lines, [...new Set(ports)], report)
  const why = impossible(binds, servers)
  if (why !== '') {
    report.add('changed', front.head, sectionTitle(front), `${why}: this service is left out`)
    return undefined
  }
  for (const head of new Set([front.head, back.head])) report.carry(head)
  reviewServers(servers.servers, report)
  const settings = [
    ...simpleSettings(front, back, report),
    ...importTimeouts(front, back, report),
    ...maxconn(front, globals.maxconn, report),
    ...userTimeout(binds, servers)
  ].sort((a, b) => a.rank - b.rank)
  const entries = [
    entry('name', scalar(front.name), { place }),
    entry('bind', list(binds.items, true, binds.tail), { place }),
    ...settings.map((one) => one.entry),
    ...serverEntries(servers, back, globals, report)
  ]
  if (front !== back) withHeadComments(entries, back.head)
  const above = [...front.head.above, ...(front.head.beside === '' ? [] : [front.head.beside])]
  const tail = front === back ? front.head.tail : [...front.head.tail, ...back.head.tail]
  return item(map(entries, false, tail), { above, place })
}

/** 'listen https-apiserver' */
export const sectionTitle = (proxy: Section): string => `${proxy.kind} ${proxy.name}`.trim()

function impossible(binds: Binds, { servers }: Servers): string {
  if (binds.impossible === 'ssl') return '`bind … ssl` ends TLS here, and vipd passes bytes as they are'
  if (binds.impossible === 'accept-proxy') return '`bind … accept-proxy` reads the PROXY protocol, and vipd does not'
  if (binds.items.length === 0) return 'there is nothing to `bind`'
  return servers.length === 0 ? 'no `server` is left' : ''
}

/** What is different for every service: servers have to prove themselves, and sessions to dead ones are closed. */
function reviewServers(servers: readonly Server[], report: Report): void {
  for (const server of servers.filter((one) => !one.isChecked)) {
    report.add(
      'changed',
      server.line,
      `server ${server.name}`,
      'has no `check`, so it counts as UP even when it is dead: carried over as `check: false`. Add `check` unless you mean it'
    )
  }
  const checked = servers.find((one) => one.isChecked)
  if (checked === undefined) return
  report.add(
    'changed',
    checked.line,
    'server … check',
    'servers start DOWN and get no connection until their first check has passed; haproxy starts them UP and finds the dead ones by losing connections'
  )
  if (servers.every((one) => one.values.has('on-marked-down'))) return
  report.add(
    'changed',
    checked.line,
    'on-marked-down',
    'was not set: haproxy leaves sessions to a server that went DOWN open until they time out; vipd closes them, so clients connect again at once'
  )
}

/** The smallest of what applies, as in haproxy: the section's own limit, else global's. */
function maxconn(front: Section, global: Directive | undefined, report: Report): Ranked[] {
  const lines = linesOf(front, 'maxconn')
  const own = lines.at(-1)
  if (own === undefined && global === undefined) {
    report.add(
      'warning',
      front.head,
      'maxconn',
      'was not set: haproxy takes what the limit of open files allows, vipd 20000'
    )
    return []
  }
  if (global !== undefined) report.carry(global)
  const isGlobal = own === undefined || (global !== undefined && Number(argumentOf(global)) < Number(argumentOf(own)))
  if (!isGlobal) return ranked('maxconn', numberOr(argumentOf(own)), lines, front, report)
  if (global === undefined) return []
  if (own !== undefined)
    report.add('warning', own, 'maxconn', `global’s is smaller and wins, as in haproxy: ${argumentOf(global)}`)
  const [one] = ranked('maxconn', numberOr(argumentOf(global)), [global], front, report)
  return one === undefined ? [] : [{ ...one, rank: 1.5e7 }]
}

/** TCP_USER_TIMEOUT of `bind … tcp-ut`, else of the first server that has one. */
function userTimeout(binds: Binds, { servers }: Servers): Ranked[] {
  const ofServer = servers.map((one) => one.values.get('tcp-ut')).find((value) => value !== undefined)
  const node = binds.userTimeout ?? (ofServer === undefined ? undefined : durationNode(ofServer, 'ms'))
  return node === undefined ? [] : [derived('tcp_ut', node)]
}

function serverEntries(from: Servers, back: Section, globals: Globals, report: Report): Entry[] {
  const { servers } = from
  if (globals.spread !== undefined) report.carry(globals.spread)
  const checks = importChecks(
    servers,
    globals.spread === undefined ? undefined : argumentOf(globals.spread),
    report.file
  )
  const weight = sharedWeight(servers)
  const items = servers.map((server) => {
    const place = { file: report.file, line: server.line.line }
    const check = checks.own.get(server)
    const own = server.values.get('weight')
    const entries = [
      entry('name', scalar(server.name), { place }),
      entry('address', scalar(server.address), { place }),
      ...(own === undefined || weight !== undefined ? [] : [entry('weight', numberOr(own), { place })]),
      ...(check === undefined ? [] : [check])
    ]
    const above = server === servers[0] ? [] : (from.above.get(server) ?? [])
    return item(map(entries, true), { above, beside: server.line.beside, place })
  })
  const first = servers[0]
  const above = first === undefined ? [] : (from.above.get(first) ?? [])
  const common = [
    ...(weight === undefined ? [] : [entry('weight', numberOr(weight))]),
    ...(checks.common === undefined ? [] : [checks.common])
  ]
  const counting = from.defaults.filter((line) => back.own.includes(line) || line.beside !== '')
  const place: Place = { file: report.file, line: first?.line.line ?? back.head.line }
  return [
    entry('default_server', map(common, true), {
      above: counting.flatMap((line) => line.above),
      beside: counting.at(-1)?.beside ?? '',
      place
    }),
    entry('servers', list(items, false, from.tail), { above, place })
  ]
}

/** The weight that default-server gave to all of them. */
function sharedWeight(servers: readonly Server[]): string | undefined {
  const weight = servers[0]?.values.get('weight')
  return servers.every((one) => !one.own.has('weight') && one.values.get('weight') === weight) ? weight : undefined
}

/** The comments of a backend's head stand where its servers begin. */
function withHeadComments(entries: Entry[], head: Directive): void {
  const index = entries.findIndex((one) => one.key === 'default_server')
  const one = entries[index]
  if (one === undefined) return
  const above = [...head.above, ...(head.beside === '' ? [] : [head.beside]), ...one.above]
  entries[index] = { ...one, above }
}

/** True when a section says that it is not in use. */
export const isDisabled = (proxy: Section): boolean =>
  settingOf(proxy, 'disabled') !== undefined && settingOf(proxy, 'enabled') === undefined
