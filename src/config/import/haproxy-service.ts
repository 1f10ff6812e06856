import { argumentOf, type Directive } from './directive.js'
import { type Access, importAccess } from './haproxy-access.js'
import type { Acls } from './haproxy-acl.js'
import { type Binds, importBinds } from './haproxy-bind.js'
import { planChecks } from './haproxy-check-plan.js'
import { reviewDifferences } from './haproxy-differences.js'
import { lintService } from './haproxy-lint.js'
import { importSessionLog } from './haproxy-log.js'
import { derived, placed, type Ranked, ranked } from './haproxy-ranked.js'
import type { Route } from './haproxy-routes.js'
import { fullKeyword, linesOf, type Section, settingOf } from './haproxy-section.js'
import { importServers, type Servers } from './haproxy-server.js'
import { serverEntries } from './haproxy-server-entries.js'
import type { TlsDefaults } from './haproxy-server-facts.js'
import { simpleSettings } from './haproxy-settings.js'
import { takeSource } from './haproxy-source.js'
import { importTimeouts } from './haproxy-timeouts.js'
import type { Report } from './report.js'
import { durationNode, entry, type Item, item, list, map, numberOr, scalar } from './yaml-tree.js'

/** What services take from `global`, and from each other. */
export interface Globals {
  readonly lines: readonly Directive[]
  readonly maxconn: Directive | undefined
  readonly spread: Directive | undefined
  readonly tls: TlsDefaults
  /** Ports that are bound for IPv4 somewhere. */
  readonly v4Ports: ReadonlySet<number>
}

/** One item of `proxy:` to be. */
export interface ServicePlan {
  readonly front: Section
  readonly back: Section
  readonly name: string
  /** It has no listener of its own: others lead to it. */
  readonly isRouted: boolean
  readonly acls: Acls
  readonly routes: readonly (Route & { readonly service: string })[]
}

/** A listen section, a frontend with its backend, or a backend behind routes; undefined when it was left out. */
export function importService(plan: ServicePlan, globals: Globals, report: Report): Item | undefined {
  const { front, back, name, isRouted } = plan
  const place = { file: report.file, line: front.head.line }
  const access = importAccess(front, back, plan.acls, report)
  const bindLines = front.own.filter((line) => fullKeyword(line) === 'bind')
  const binds = importBinds(bindLines, access.acceptProxy, globals.v4Ports, report)
  const servers = importServers([...back.inherited, ...back.own], binds.ports, report)
  const why = impossible(plan, binds, servers)
  if (why !== '') {
    report.add('changed', front.head, sectionTitle(front), `${why}: this service is left out`)
    return undefined
  }
  for (const head of new Set([front.head, back.head])) report.carry(head)
  const checks = planChecks(back, report)
  reviewDifferences(back, servers.servers, checks, report)
  lintService({ front, back, binds: bindLines, servers: servers.servers, checks, isRouted }, report)
  const settings = [
    ...simpleSettings(front, back, report),
    ...importTimeouts(front, back, { isRouted, inspectDelay: access.inspectDelay }, report),
    ...(isRouted ? [] : listenerSettings(plan, binds, access, globals, report)),
    ...userTimeout(binds, servers),
    ...origin(back, servers, report)
  ].sort((a, b) => a.rank - b.rank)
  const entries = [
    entry('name', scalar(name), { place }),
    ...(isRouted ? [] : [entry('bind', list(binds.items, true, binds.tail), { place })]),
    ...settings.map((one) => one.entry),
    ...serverEntries({ servers, back, checks, spread: globals.spread, tls: globals.tls }, report)
  ]
  if (front !== back) withHeadComments(entries, back.head)
  const above = [...front.head.above, ...(front.head.beside === '' ? [] : [front.head.beside])]
  const tail = front === back ? front.head.tail : [...front.head.tail, ...back.head.tail]
  return item(map(entries, false, tail), { above, place })
}

/** 'listen https-apiserver' */
export const sectionTitle = (proxy: Section): string => `${proxy.kind} ${proxy.name}`.trim()

/** Options of `bind` with which vipd cannot be the listener, and why. */
const IMPOSSIBLE: ReadonlyMap<string, string> = new Map([
  ['ssl', '`bind … ssl` ends TLS here, and vipd passes bytes as they are'],
  ['accept-netscaler-cip', '`bind … accept-netscaler-cip` is a header that vipd does not read'],
  ['namespace', '`bind … namespace` listens in another network namespace, and vipd in its own alone']
])

function impossible({ isRouted }: ServicePlan, binds: Binds, { servers }: Servers): string {
  const why = IMPOSSIBLE.get(binds.impossible)
  if (why !== undefined) return why
  if (!isRouted && binds.items.length === 0) return 'there is nothing to `bind`'
  return servers.length === 0 ? 'no `server` is left' : ''
}

/** What a listener has, and a backend behind a route has not. */
function listenerSettings(plan: ServicePlan, binds: Binds, access: Access, globals: Globals, report: Report): Ranked[] {
  const { front, routes } = plan
  const first = routes[0]
  const items = routes.map(({ line, names, service }) => {
    const place = { file: report.file, line: line.line }
    const servername = entry(
      'servername',
      list(
        names.map((one) => item(scalar(one), { place })),
        true
      ),
      { place }
    )
    return item(map([servername, entry('service', scalar(service), { place })], true), {
      above: line.above,
      beside: line.beside,
      place
    })
  })
  return [
    ...maxconn(front, globals.maxconn, report),
    ...(binds.backlog === undefined || settingOf(front, 'backlog') !== undefined
      ? []
      : [derived('backlog', binds.backlog)]),
    ...access.settings,
    ...(first === undefined ? [] : [placed('sni', list(items), first.line, front, report)]),
    ...importSessionLog(front, globals.lines, report)
  ]
}

/** The section's own limit; without one, global's. That of all sections together stands at the top of the file. */
function maxconn(front: Section, global: Directive | undefined, report: Report): Ranked[] {
  const lines = linesOf(front, 'maxconn').filter(isLimit)
  const own = lines.at(-1)
  if (own !== undefined) return ranked('maxconn', numberOr(argumentOf(own)), lines, front, report)
  if (global === undefined) {
    const text = 'was not set: haproxy takes what the limit of open files allows, vipd 20000'
    report.add('warning', front.head, 'maxconn', text)
    return []
  }
  return argumentOf(global) === DEFAULT_MAXCONN
    ? []
    : [derived('maxconn', numberOr(argumentOf(global)), 'as in global')]
}

/** haproxy’s 0 is no limit of its own. */
export const isLimit = (line: Directive): boolean => argumentOf(line) !== '0'

/** That of a service which says nothing. */
const DEFAULT_MAXCONN = '20000'

/** TCP_USER_TIMEOUT of `bind … tcp-ut`, else of the first server that has one. */
function userTimeout(binds: Binds, { servers }: Servers): Ranked[] {
  const ofServer = servers.map((one) => one.values.get('tcp-ut')).find((value) => value !== undefined)
  const node = binds.userTimeout ?? (ofServer === undefined ? undefined : durationNode(ofServer, 'ms'))
  return node === undefined ? [] : [derived('tcp_ut', node)]
}

/** `source` of the section, or what all servers say of the client’s address. */
function origin(back: Section, { servers }: Servers, report: Report): Ranked[] {
  const lines = linesOf(back, 'source')
  const last = lines.at(-1)
  const base = last === undefined ? { address: '', isTransparent: false } : takeSource(last, 1, report).origin
  const uses = servers.map((one) => (one.values.get('usesrc') ?? (base.isTransparent ? 'yes' : 'no')) === 'yes')
  const from = last ?? servers[uses.indexOf(true)]?.line
  if (from === undefined) return []
  if (uses.every((one) => one)) {
    const text = 'answers of the servers must come back through this host: `transparent` in docs/operations.md says how'
    report.add('changed', from, 'source … usesrc', text)
    const node = scalar(true)
    return last === undefined ? [derived('transparent', node)] : ranked('transparent', node, lines, back, report)
  }
  if (uses.includes(true)) {
    const text = 'in vipd all servers of a service see the client’s address, or none: left out. Make two services of it'
    report.add('changed', from, 'source … usesrc', text)
  }
  return base.address === '' ? [] : ranked('source', scalar(base.address), lines, back, report)
}

/** The comments of a backend's head stand where its servers begin. */
function withHeadComments(entries: ReturnType<typeof entry>[], head: Directive): void {
  const index = entries.findIndex((one) => one.key === 'default_server' || one.key === 'servers')
  const one = entries[index]
  if (one === undefined) return
  const above = [...head.above, ...(head.beside === '' ? [] : [head.beside]), ...one.above]
  entries[index] = { ...one, above }
}

/** True when a section says that it is not in use. */
export const isDisabled = (proxy: Section): boolean =>
  settingOf(proxy, 'disabled') !== undefined && settingOf(proxy, 'enabled') === undefined
