import { argumentOf, type Directive } from './directive.js'
import type { CheckPlan } from './haproxy-check-plan.js'
import { factor } from './haproxy-facts.js'
import type { Section } from './haproxy-section.js'
import type { Servers } from './haproxy-server.js'
import { factsOf, type TlsDefaults } from './haproxy-server-facts.js'
import type { Report } from './report.js'
import { type Entry, entry, item, list, map, scalar } from './yaml-tree.js'

/** The servers of a section, and what they are written with. */
export interface ServerScope {
  readonly servers: Servers
  readonly back: Section
  readonly checks: CheckPlan
  readonly spread: Directive | undefined
  readonly tls: TlsDefaults
}

/** `default_server` and `servers`. */
export function serverEntries({ servers: from, back, checks, spread, tls }: ServerScope, report: Report): Entry[] {
  const { servers } = from
  if (spread !== undefined) report.carry(spread)
  const percent = spread === undefined ? undefined : argumentOf(spread)
  const facts = new Map(servers.map((server) => [server, factsOf(server, checks, percent, tls, report)]))
  const { common, own } = factor(facts, report.file)
  const items = servers.map((server) => {
    const place = { file: report.file, line: server.line.line }
    const entries = [
      entry('name', scalar(server.name), { place }),
      entry('address', scalar(server.address), { place }),
      ...(own.get(server) ?? [])
    ]
    const above = server === servers[0] ? [] : (from.above.get(server) ?? [])
    return item(map(entries, true), { above, beside: server.line.beside, place })
  })
  const [first] = servers
  const above = first === undefined ? [] : (from.above.get(first) ?? [])
  const counting = from.defaults.filter((line) => back.own.includes(line) || line.beside !== '')
  const behind = counting.flatMap((line) => line.above)
  const beside = counting.at(-1)?.beside ?? ''
  const place = { file: report.file, line: first?.line.line ?? back.head.line }
  if (common.length === 0) {
    const all = [...behind, ...(beside === '' ? [] : [beside]), ...above]
    return [entry('servers', list(items, false, from.tail), { above: all, place })]
  }
  return [
    entry('default_server', map(common, true), { above: behind, beside, place }),
    entry('servers', list(items, false, from.tail), { above, place })
  ]
}
