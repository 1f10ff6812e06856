import { argumentOf, type Directive, keywordOf } from './directive.js'
import { parseHaproxy } from './haproxy-parser.js'
import { orphans, reviewGlobal, reviewProxy, reviewSection, withComments } from './haproxy-review.js'
import { linesOf, modeOf, proxiesOf, type Section, settingOf } from './haproxy-section.js'
import { importService, isDisabled, sectionTitle } from './haproxy-service.js'
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
  const globals = { maxconn: last('maxconn'), spread: last('spread-checks') }
  const used = pairs(proxies, report)
  for (const one of new Set(used.flat())) reviewProxy(one, report)
  const items = used.flatMap(([front, back]): Item[] => {
    const clean = withComments(front)
    const service = importService(clean, front === back ? clean : withComments(back), globals, report)
    return service === undefined ? [] : [service]
  })
  for (const one of proxies.filter(({ kind }) => kind === 'defaults')) {
    reviewProxy(one, report)
    if (proxies.some(({ kind }) => kind !== 'defaults')) report.carry(one.head)
  }
  reviewSharedLimit(items.length, globals.maxconn, report)
  if (items.length === 0) return []
  const above = sections.filter((one) => ['global', 'defaults'].includes(keywordOf(one))).flatMap(orphans)
  return [
    ...globalEntry('nbthread', numberOr(argumentOf(last('nbthread') ?? top)), last('nbthread'), report),
    ...globalEntry(
      'hard_stop_after',
      durationNode(argumentOf(last('hard-stop-after') ?? top), 'ms'),
      last('hard-stop-after'),
      report
    ),
    entry('proxy', list(items), { above, place: { file: report.file, line: 1 } })
  ]
}

const MAX_SERVICES = 256

function globalEntry(key: string, node: Node, line: Directive | undefined, report: Report): Entry[] {
  if (line === undefined) return []
  report.carry(line)
  return [entry(key, node, { above: line.above, beside: line.beside, place: { file: report.file, line: line.line } })]
}

function reviewSharedLimit(services: number, line: Directive | undefined, report: Report): void {
  if (services < 2 || line === undefined) return
  report.add('changed', line, 'maxconn', 'was the limit of all sections together; in vipd each service has its own')
}

/** Each service as its frontend and its backend; a listen section is both. */
function pairs(proxies: readonly Section[], report: Report): [Section, Section][] {
  const backends = new Map(
    proxies.filter(({ kind }) => kind === 'backend' || kind === 'listen').map((one) => [one.name, one])
  )
  const reached = new Set<Section>()
  const found: [Section, Section][] = []
  for (const front of proxies.filter(({ kind }) => kind === 'listen' || kind === 'frontend')) {
    const back = front.kind === 'listen' ? front : backendOf(front, backends, report)
    if (back === undefined) continue
    if (reached.has(back))
      report.add(
        'warning',
        front.head,
        sectionTitle(front),
        `shares its backend ${back.name} with another: each service checks the servers for itself`
      )
    reached.add(back)
    if (isUsable(front, back, report)) found.push([front, back])
  }
  for (const back of proxies.filter((one) => one.kind === 'backend' && !reached.has(one))) {
    report.add('changed', back.head, sectionTitle(back), `no \`default_backend\` leads here: left out${span(back)}`)
  }
  if (found.length > MAX_SERVICES) {
    report.add(
      'error',
      found[MAX_SERVICES]?.[0].head ?? { line: 1 },
      '',
      `more than ${MAX_SERVICES} services: this is no job for vipd`
    )
  }
  return found.slice(0, MAX_SERVICES)
}

function backendOf(front: Section, backends: ReadonlyMap<string, Section>, report: Report): Section | undefined {
  const line = settingOf(front, 'default_backend')
  if (line === undefined) {
    const why =
      linesOf(front, 'use_backend').length > 0
        ? 'only rules say where it leads, and vipd has none'
        : 'it has no `default_backend`'
    report.add('changed', front.head, sectionTitle(front), `${why}: left out${span(front)}`)
    return undefined
  }
  const back = backends.get(argumentOf(line))
  if (back === undefined) report.add('error', line, 'default_backend', `there is no \`backend ${argumentOf(line)}\``)
  else report.carry(line)
  return back
}

/** vipd is TCP: sections in HTTP mode, and those that are switched off, are left out whole. */
function isUsable(front: Section, back: Section, report: Report): boolean {
  const odd = [front, back].find((one) => modeOf(one) !== 'tcp')
  if (odd !== undefined) {
    const hasStats = linesOf(front, 'stats').length > 0
    const instead = hasStats
      ? '. In its place: `vipd status`, or `/status.json` of `admin: { listen: 127.0.0.1:8404 }`'
      : ''
    report.add(
      'changed',
      front.head,
      sectionTitle(front),
      `mode ${modeOf(odd)}, and vipd is TCP only: left out${span(front)}${instead}`
    )
  } else if (isDisabled(front)) {
    report.add('changed', front.head, sectionTitle(front), `\`disabled\`: left out${span(front)}`)
  }
  return odd === undefined && !isDisabled(front)
}

function span(proxy: Section): string {
  const last = proxy.own.at(-1)?.line ?? proxy.head.line
  return last === proxy.head.line ? '' : `, lines ${proxy.head.line} to ${last}`
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
