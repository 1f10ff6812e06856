import { argumentOf } from './directive.js'
import { aclsOf } from './haproxy-acl.js'
import { isApiserver } from './haproxy-lint.js'
import { type Route, routesOf } from './haproxy-routes.js'
import { linesOf, modeOf, type Section, settingOf } from './haproxy-section.js'
import { isDisabled, type ServicePlan, sectionTitle } from './haproxy-service.js'
import type { Report } from './report.js'

const MAX_SERVICES = 256

type Backends = ReadonlyMap<string, Section>

/** Which services there will be: each listen section, each frontend with its backend, each backend behind a route. */
export function plansOf(proxies: readonly Section[], report: Report): readonly ServicePlan[] {
  const backends: Backends = new Map(
    proxies.filter(({ kind }) => kind === 'backend' || kind === 'listen').map((one) => [one.name, one])
  )
  const reached = new Set<Section>()
  const plans: { readonly front: Section; readonly back: Section; readonly routes: readonly Route[] }[] = []
  for (const front of proxies.filter(({ kind }) => kind === 'listen' || kind === 'frontend')) {
    if (!isInUse(front, report)) continue
    const behind = backends.get(argumentOf(settingOf(front, 'default_backend') ?? { ...front.head, words: [] }))
    if (!isUsable(front, behind ?? front, report)) {
      for (const line of [...linesOf(front, 'default_backend'), ...linesOf(front, 'use_backend')]) {
        const back = backends.get(argumentOf(line))
        if (back !== undefined) reached.add(back)
      }
      continue
    }
    const routes = routesOf(front, backends, aclsOf(linesOf(front, 'acl')), report).filter(({ back }) => isTcp(back))
    const back = front.kind === 'listen' ? front : backendOf(front, backends, routes, report)
    if (back === undefined) continue
    if (reached.has(back)) {
      const text = `shares its backend ${back.name} with another: each service checks the servers for itself`
      report.add('warning', front.head, sectionTitle(front), text)
    }
    reached.add(back)
    for (const route of routes) reached.add(route.back)
    if (isUsable(front, back, report)) plans.push({ front, back, routes })
  }
  for (const back of proxies.filter((one) => one.kind === 'backend' && !reached.has(one))) {
    report.add('changed', back.head, sectionTitle(back), `no \`default_backend\` leads here: left out${span(back)}`)
  }
  if (plans.length > MAX_SERVICES) {
    const text = `more than ${MAX_SERVICES} services: this is no job for vipd`
    report.add('error', plans[MAX_SERVICES]?.front.head ?? { line: 1 }, '', text)
  }
  return named(plans.slice(0, MAX_SERVICES))
}

/** A backend behind a route is a service of its own, under its own name unless a frontend has that. */
function named(
  plans: readonly { readonly front: Section; readonly back: Section; readonly routes: readonly Route[] }[]
): readonly ServicePlan[] {
  const taken = new Set(plans.map(({ front }) => front.name))
  const routed = [...new Set(plans.flatMap(({ routes }) => routes.map(({ back }) => back)))].slice(0, MAX_SERVICES)
  const names = new Map(routed.map((back) => [back, taken.has(back.name) ? `${back.name}-servers` : back.name]))
  return [
    ...plans.map(({ front, back, routes }) => ({
      front,
      back,
      name: front.name,
      isRouted: false,
      acls: aclsOf([...linesOf(front, 'acl'), ...(front === back ? [] : linesOf(back, 'acl'))]),
      routes: routes.flatMap((route) => {
        const service = names.get(route.back)
        return service === undefined ? [] : [{ ...route, service }]
      })
    })),
    ...routed.map((back) => ({
      front: back,
      back,
      name: names.get(back) ?? back.name,
      isRouted: true,
      acls: aclsOf(linesOf(back, 'acl')),
      routes: []
    }))
  ]
}

function backendOf(front: Section, backends: Backends, routes: readonly Route[], report: Report): Section | undefined {
  const line = settingOf(front, 'default_backend')
  const [first] = routes
  if (line === undefined && first !== undefined) {
    const text = `without a \`default_backend\` haproxy closes a connection that no rule takes; in vipd it goes to the servers of ${first.back.name}`
    report.add('changed', front.head, sectionTitle(front), text)
    return first.back
  }
  if (line === undefined) {
    const hasRules = linesOf(front, 'use_backend').length > 0
    const why = hasRules ? 'only rules say where it leads, which vipd cannot follow' : 'it has no `default_backend`'
    report.add('changed', front.head, sectionTitle(front), `${why}: left out${span(front)}`)
    return undefined
  }
  const back = backends.get(argumentOf(line))
  if (back === undefined) report.add('error', line, 'default_backend', `there is no \`backend ${argumentOf(line)}\``)
  else report.carry(line)
  return back
}

const isTcp = (proxy: Section): boolean => modeOf(proxy) === 'tcp'

/** What a section in HTTP mode is for, where vipd has that too. */
function instead(front: Section): string {
  const words = [...linesOf(front, 'http-request'), ...linesOf(front, 'stats'), ...linesOf(front, 'monitor-uri')]
  const text = words.map((line) => line.words.join(' ')).join(' ')
  if (/prometheus-exporter/.test(text)) return '. In its place: `/metrics` of `admin: { listen: 127.0.0.1:8404 }`'
  if (linesOf(front, 'monitor-uri').length > 0)
    return '. In its place: `/healthz` of `admin: { listen: 127.0.0.1:8404 }`'
  if (words.some((line) => line.words[0] === 'stats'))
    return '. In its place: `vipd status`, or `/status.json` of `admin: { listen: 127.0.0.1:8404 }`'
  return ''
}

function isInUse(front: Section, report: Report): boolean {
  if (!isDisabled(front)) return true
  report.add('changed', front.head, sectionTitle(front), `\`disabled\`: left out${span(front)}`)
  return false
}

/** vipd is TCP: sections in HTTP mode are left out whole. */
function isUsable(front: Section, back: Section, report: Report): boolean {
  const odd = [front, back].find((one) => !isTcp(one))
  if (odd === undefined) return true
  const text = `mode ${modeOf(odd)}, and vipd is TCP only: left out${span(front)}${instead(front)}`
  report.add('changed', front.head, sectionTitle(front), text)
  lintMode(front, back, odd, report)
  return false
}

/** A trap: the mode comes from `defaults`, and nobody meant it. */
function lintMode(front: Section, back: Section, odd: Section, report: Report): void {
  const mode = settingOf(odd, 'mode')
  const servers = back.own.filter((line) => line.words[0] === 'server')
  const likely = servers.map((line) => ({ name: line.words[1] ?? '', address: line.words[2] ?? '' }))
  if (mode === undefined || odd.own.includes(mode) || !isApiserver(front, back, likely)) return
  const text = `takes \`mode http\` from line ${mode.line}, and an apiserver’s TLS cannot pass: write \`mode tcp\` here and import again`
  report.add('trap', odd.head, sectionTitle(odd), text)
}

function span(proxy: Section): string {
  const last = proxy.own.at(-1)?.line ?? proxy.head.line
  return last === proxy.head.line ? '' : `, lines ${proxy.head.line} to ${last}`
}
