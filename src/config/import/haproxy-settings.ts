import { argumentOf, type Directive } from './directive.js'
import { importBalance } from './haproxy-balance.js'
import { derived, gather, type Ranked, ranked } from './haproxy-ranked.js'
import { isNegated, linesOf, type Section } from './haproxy-section.js'
import type { Report } from './report.js'
import { durationNode, numberOr, scalar } from './yaml-tree.js'

/** The settings of a service that are one line each. */
export function simpleSettings(front: Section, back: Section, report: Report): Ranked[] {
  const lines = (proxy: Section, keyword: string): readonly Directive[] => linesOf(proxy, keyword)
  const value = (found: readonly Directive[]): string => argumentOf(found.at(-1) ?? { ...front.head, words: [] })
  const mode = lines(front, 'mode')
  const retries = lines(back, 'retries')
  const backlog = lines(front, 'backlog').filter((line) => argumentOf(line) !== '0')
  const rates = lines(front, 'rate-limit').filter((line) => argumentOf(line) === 'sessions')
  return [
    ...ranked('mode', scalar(value(mode)), mode, front, report),
    ...importBalance(back, report),
    ...ranked('retries', numberOr(value(retries)), retries, back, report),
    ...redispatch(back, report),
    ...switched('allbackups', back, report),
    ...switched('abortonclose', back, report),
    ...ranked('rate_limit', numberOr(rates.at(-1)?.words[2] ?? ''), rates, front, report),
    ...ranked('backlog', numberOr(value(backlog)), backlog, front, report),
    ...keepalive(front, back, report)
  ]
}

/** Off in haproxy unless asked for; on in vipd unless refused. */
function redispatch(back: Section, report: Report): Ranked[] {
  const lines = linesOf(back, 'option redispatch')
  const last = lines.at(-1)
  if (last === undefined) return [derived('redispatch', scalar(false), 'there was no `option redispatch`')]
  if (last.words.length > 2 && !isNegated(last)) {
    report.add('warning', last, 'option redispatch', 'without its interval: every retry goes to another server')
  }
  return ranked('redispatch', scalar(!isNegated(last)), lines, back, report)
}

/** An option that is off in both unless it is asked for. */
function switched(name: 'allbackups' | 'abortonclose', back: Section, report: Report): Ranked[] {
  const lines = linesOf(back, `option ${name}`)
  const last = lines.at(-1)
  return last === undefined ? [] : ranked(name, scalar(!isNegated(last)), lines, back, report)
}

/** clitcpka-* and srvtcpka-* in one: vipd probes both legs alike. */
function keepalive(front: Section, back: Section, report: Report): Ranked[] {
  for (const [proxy, option] of [
    [front, 'option clitcpka'],
    [back, 'option srvtcpka'],
    [front, 'option tcpka'],
    [back, 'option tcpka']
  ] as const) {
    for (const line of linesOf(proxy, option)) {
      report.carry(line)
      if (isNegated(line)) report.add('changed', line, `no ${option}`, 'vipd always probes idle connections')
    }
  }
  const entries: Ranked[] = []
  for (const key of ['idle', 'intvl', 'cnt'] as const) {
    const client = linesOf(front, `clitcpka-${key}`)
    const server = linesOf(back, `srvtcpka-${key}`)
    const [lines, proxy] = client.length > 0 ? [client, front] : [server, back]
    const last = lines.at(-1)
    if (last === undefined) continue
    const other = server.at(-1)
    if (client.length > 0 && other !== undefined && argumentOf(other) !== argumentOf(last)) {
      report.add('changed', other, `srvtcpka-${key}`, `vipd probes both legs alike: clitcpka-${key} is used`)
    }
    const node = key === 'cnt' ? numberOr(argumentOf(last)) : durationNode(argumentOf(last), 's')
    entries.push(...ranked(key, node, lines, proxy, report))
  }
  return gather('tcpka', entries)
}
