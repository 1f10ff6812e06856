import { argumentOf, type Directive } from './directive.js'
import { isNegated, linesOf, type Section } from './haproxy-section.js'
import type { Report } from './report.js'
import { durationNode, type Entry, entry, map, type Node, numberOr, scalar } from './yaml-tree.js'

/** A key of a service with the place that it has in the old file: own lines first, then what was inherited, then the rest. */
export interface Ranked {
  readonly rank: number
  readonly entry: Entry
}

const INHERITED = 1e7
const DERIVED = 2e7

/** A key that no line of the old file asked for. */
export const derived = (key: string, node: Node, beside = ''): Ranked => ({
  rank: DERIVED,
  entry: entry(key, node, { beside })
})

/** A key from the lines that set it, the last of which counts. Comments of earlier ones that say the same are kept. */
export function ranked(key: string, node: Node, lines: readonly Directive[], proxy: Section, report: Report): Ranked[] {
  const last = lines.at(-1)
  if (last === undefined) return []
  for (const line of lines) report.carry(line)
  const same = lines.filter((line) => line.words.join(' ') === last.words.join(' '))
  const beside = same.findLast((line) => line.beside !== '')?.beside ?? ''
  const above = same.flatMap((line) => line.above)
  const rank = proxy.own.includes(last) ? last.line : INHERITED + last.line
  return [{ rank, entry: entry(key, node, { above, beside, place: { file: report.file, line: last.line } }) }]
}

/** The settings of a service that are one line each. */
export function simpleSettings(front: Section, back: Section, report: Report): Ranked[] {
  const lines = (proxy: Section, keyword: string): readonly Directive[] => linesOf(proxy, keyword)
  const value = (found: readonly Directive[]): string => argumentOf(found.at(-1) ?? { ...front.head, words: [] })
  const mode = lines(front, 'mode')
  const retries = lines(back, 'retries')
  const backlog = lines(front, 'backlog')
  return [
    ...ranked('mode', scalar(value(mode)), mode, front, report),
    ...balance(back, report),
    ...ranked('retries', numberOr(value(retries)), retries, back, report),
    ...redispatch(back, report),
    ...ranked('backlog', numberOr(value(backlog)), backlog, front, report),
    ...keepalive(front, back, report)
  ]
}

function balance(back: Section, report: Report): Ranked[] {
  const lines = linesOf(back, 'balance')
  const last = lines.at(-1)
  if (last === undefined) return []
  const algorithm = argumentOf(last)
  const [one] = ranked('balance', scalar('roundrobin'), lines, back, report)
  if (one === undefined || algorithm === 'roundrobin') return one === undefined ? [] : [one]
  if (algorithm === 'static-rr') {
    report.add('warning', last, 'balance static-rr', 'the same turns as roundrobin, which is used')
  } else {
    report.add('changed', last, `balance ${algorithm}`, 'roundrobin is used: the other algorithms are later work')
  }
  const beside = one.entry.beside === '' ? `was ${algorithm}` : `was ${algorithm}; ${one.entry.beside}`
  return [{ ...one, entry: { ...one.entry, beside } }]
}

/** Off in haproxy unless asked for; on in vipd unless refused. */
function redispatch(back: Section, report: Report): Ranked[] {
  const lines = linesOf(back, 'option redispatch')
  const last = lines.at(-1)
  if (last === undefined) return [derived('redispatch', scalar(false), 'there was no `option redispatch`')]
  if (last.words.length > 2 && !isNegated(last)) {
    report.add(
      'warning',
      last,
      'option redispatch',
      'its interval has no effect with roundrobin: every retry goes to another server'
    )
  }
  return ranked('redispatch', scalar(!isNegated(last)), lines, back, report)
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

/** Several settings under one key, which stands where the first of them stood. */
export function gather(key: string, parts: readonly Ranked[]): Ranked[] {
  const sorted = [...parts].sort((a, b) => a.rank - b.rank)
  const first = sorted[0]
  if (first === undefined) return []
  return [
    {
      rank: first.rank,
      entry: entry(
        key,
        map(
          sorted.map((one) => one.entry),
          true
        ),
        { place: first.entry.place }
      )
    }
  ]
}
