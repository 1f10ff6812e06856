import { argumentOf, type Directive, keywordOf } from './directive.js'
import { v4PortsOf } from './haproxy-bind.js'
import { importLog } from './haproxy-log.js'
import { parseHaproxy } from './haproxy-parser.js'
import { plansOf } from './haproxy-plan.js'
import { orphans, reviewGlobal, reviewProxy, reviewSection, withComments } from './haproxy-review.js'
import { proxiesOf, type Section } from './haproxy-section.js'
import { type Globals, importService, isLimit, type ServicePlan, sectionTitle } from './haproxy-service.js'
import type { Report } from './report.js'
import { durationNode, type Entry, entry, type Item, list, type Node, numberOr } from './yaml-tree.js'

/** haproxy.cfg → the top-level keys of a vipd configuration; everything else about it is in the report. */
export function importHaproxy(text: string, report: Report): Entry[] {
  const top = parseHaproxy(text, report)
  const sections = readable(top.block ?? [], report)
  const globalLines = sections.filter((one) => keywordOf(one) === 'global').flatMap((one) => one.block ?? [])
  reviewGlobal(globalLines, report)
  for (const section of sections) reviewSection(section, report)
  const last = (keyword: string): Directive | undefined => globalLines.findLast((line) => keywordOf(line) === keyword)
  const proxies = proxiesOf(sections, report)
  const plans = plansOf(proxies, report)
  const used = [...new Set(plans.flatMap(({ front, back }) => [front, back]))]
  for (const one of used) reviewProxy(one, report)
  const globals = globalsOf(globalLines, proxies, report)
  const items = importPlans(plans, globals, report)
  for (const one of proxies.filter(({ kind }) => kind === 'defaults')) {
    reviewProxy(one, report)
    if (proxies.some(({ kind }) => kind !== 'defaults')) report.carry(one.head)
  }
  if (items.length === 0) return []
  const above = sections.filter((one) => ['global', 'defaults'].includes(keywordOf(one))).flatMap(orphans)
  const log = importLog(globalLines, used, report)
  const scalars = [
    ['maxconn', 'maxconn', numberOr],
    ['nbthread', 'nbthread', numberOr],
    ['hard_stop_after', 'hard-stop-after', (word: string) => durationNode(word, 'ms')]
  ] as const
  return [
    ...scalars.flatMap(([key, keyword, nodeOf]) => {
      const line = last(keyword)
      return line === undefined || !isLimit(line) ? [] : [globalEntry(key, nodeOf(argumentOf(line)), line, report)]
    }),
    ...(log === undefined ? [] : [log]),
    entry('proxy', list(items), { above, place: { file: report.file, line: 1 } })
  ]
}

/** The services that can be had: a route to one that cannot is left out, and so is one that no route leads to any more. */
function importPlans(plans: readonly ServicePlan[], globals: Globals, report: Report): Item[] {
  const made = (plan: ServicePlan): Item | undefined => {
    const front = withComments(plan.front)
    const back = plan.front === plan.back ? front : withComments(plan.back)
    return importService({ ...plan, front, back }, globals, report)
  }
  const routed = plans.filter(({ isRouted }) => isRouted).map((plan) => ({ plan, item: made(plan) }))
  const gone = new Set(routed.filter(({ item }) => item === undefined).map(({ plan }) => plan.name))
  const wanted = new Set<string>()
  const fronts = plans
    .filter(({ isRouted }) => !isRouted)
    .flatMap((plan): Item[] => {
      const routes = plan.routes.filter(({ service }) => !gone.has(service))
      const item = made({ ...plan, routes })
      if (item === undefined) return []
      for (const { service } of routes) wanted.add(service)
      for (const { line, back } of plan.routes.filter(({ service }) => gone.has(service))) {
        report.add('changed', line, 'use_backend', `${back.name} is left out, so these names go where the others go`)
      }
      return [item]
    })
  const behind = routed.flatMap(({ plan, item }): Item[] => {
    if (item === undefined) return []
    if (wanted.has(plan.name)) return [item]
    report.add('changed', plan.back.head, sectionTitle(plan.back), 'no frontend that is left leads here: left out')
    return []
  })
  return [...fronts, ...behind]
}

function globalEntry(key: string, node: Node, line: Directive, report: Report): Entry {
  report.carry(line)
  return entry(key, node, { above: line.above, beside: line.beside, place: { file: report.file, line: line.line } })
}

function globalsOf(lines: readonly Directive[], proxies: readonly Section[], report: Report): Globals {
  const last = (keyword: string): Directive | undefined => lines.findLast((line) => keywordOf(line) === keyword)
  const value = (keyword: string): string => last(keyword)?.words[1] ?? ''
  for (const keyword of ['ca-base', 'crt-base', 'ssl-server-verify']) {
    const line = last(keyword)
    if (line !== undefined) report.carry(line)
  }
  const isUnverified = value('ssl-server-verify') === 'none'
  const verify = last('ssl-server-verify')
  if (isUnverified && verify !== undefined) {
    const text =
      'no check looks at a certificate, unless its server says otherwise: whoever answers is taken for the server'
    report.add('trap', verify, 'ssl-server-verify none', text)
  }
  const binds = proxies.flatMap(({ own }) => own.filter((line) => keywordOf(line) === 'bind'))
  return {
    lines,
    maxconn: lines.findLast((line) => keywordOf(line) === 'maxconn' && isLimit(line)),
    spread: last('spread-checks'),
    tls: {
      isUnverified,
      caBase: value('ca-base'),
      crtBase: value('crt-base')
    },
    v4Ports: new Set(v4PortsOf(binds))
  }
}

/** Takes out what only haproxy itself can read, and says so. */
function readable(lines: readonly Directive[], report: Report): Directive[] {
  return lines.flatMap((line): Directive[] => {
    const keyword = keywordOf(line)
    if (keyword === 'include') {
      report.add(
        'refused',
        line,
        keyword,
        'haproxy has no such keyword and this import follows none: put the lines of the file here, then import again'
      )
      return []
    }
    if (/^\.(?:if|elif|else|endif|notice|warning|alert|diag)$/.test(keyword)) {
      report.add(
        'refused',
        line,
        keyword,
        'conditions are not evaluated: keep only the lines that apply to this host, then import again'
      )
      return []
    }
    if (line.opaque !== '') {
      report.add('changed', line, keyword, `${line.opaque} is not expanded: left out. Write out what it stands for`)
      return []
    }
    return [line.block === undefined ? line : { ...line, block: readable(line.block, report) }]
  })
}
