import { parseHostPort } from '../../base/ip.js'
import { SEVERITIES } from '../../base/syslog-message.js'
import { FACILITIES } from '../syslog-schema.js'
import { argumentOf, type Directive, keywordOf } from './directive.js'
import { derived, placed, type Ranked } from './haproxy-ranked.js'
import { fullKeyword, isNegated, linesOf, type Section } from './haproxy-section.js'
import type { Report } from './report.js'
import { type Entry, entry, type Item, item, list, map, scalar } from './yaml-tree.js'

/** One `log` line that names a target. */
interface Target {
  /** '' is stdout, where vipd's log goes anyway. */
  readonly address: string
  readonly facility: string
  /** The least grave that is sent; '' is all. */
  readonly level: string
  readonly format: string
}

/** `log` lines of `global` and of the sections that are used → `log: { syslog: [ … ] }`. */
export function importLog(
  globalLines: readonly Directive[],
  used: readonly Section[],
  report: Report
): Entry | undefined {
  const own = used
    .flatMap((one) => linesOf(one, 'log'))
    .filter((line) => !isNegated(line) && argumentOf(line) !== 'global')
  const ofGlobal = globalLines.filter((line) => keywordOf(line) === 'log')
  const lines = [...new Set([...ofGlobal, ...own])]
  const tag = globalLines.findLast((line) => keywordOf(line) === 'log-tag')
  const items: Item[] = []
  const seen = new Set<string>()
  for (const line of lines) {
    report.carry(line)
    const target = targetOf(line, report)
    reviewLevel(line, target, report)
    const key = `${target?.address} ${target?.facility}`
    if (target === undefined || target.address === '' || seen.has(key)) continue
    seen.add(key)
    const entries = [
      entry('address', scalar(target.address)),
      entry('facility', scalar(target.facility)),
      ...(target.level === '' || target.level === 'debug' ? [] : [entry('level', scalar(target.level))]),
      ...(target.format === 'rfc5424' ? [entry('format', scalar('rfc5424'))] : []),
      ...(tag === undefined ? [] : [entry('tag', scalar(argumentOf(tag)))])
    ]
    items.push(
      item(map(entries, true), {
        above: line.above,
        beside: line.beside,
        place: { file: report.file, line: line.line }
      })
    )
  }
  if (tag !== undefined) report.carry(tag)
  const [first] = lines
  if (items.length === 0 || first === undefined) return undefined
  reviewWhole(own, first, tag, report)
  return entry('log', map([entry('syslog', list(items))]), { place: { file: report.file, line: first.line } })
}

function reviewWhole(own: readonly Directive[], first: Directive, tag: Directive | undefined, report: Report): void {
  if (own.length > 0) {
    report.add('changed', own[0] ?? first, 'log', 'vipd has one log: each target gets all of it, not one section’s')
  }
  if (tag === undefined) {
    report.add(
      'warning',
      first,
      'log-tag',
      'lines begin with `vipd` now: where a filter looks for haproxy, write `tag: haproxy`'
    )
  }
}

const GRAVE: ReadonlySet<string> = new Set(SEVERITIES.slice(0, SEVERITIES.indexOf('notice')))

/** A trap: haproxy tells at level notice that a server is UP again. */
function reviewLevel(line: Directive, target: Target | undefined, report: Report): void {
  if (!GRAVE.has(target?.level ?? '')) return
  report.add(
    'trap',
    line,
    `log … ${target?.level}`,
    'haproxy told there that a server is DOWN and never that it is UP again, which is a notice: vipd tells both there'
  )
}

/** `log ADDRESS [len N] [format F] [sample R] FACILITY [LEVEL [MIN]]` */
function targetOf(line: Directive, report: Report): Target | undefined {
  const [, given = '', ...rest] = line.words
  let format = ''
  const plain: string[] = []
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i] ?? ''
    if (word === 'len' || word === 'profile') {
      i++
      report.add('warning', line, `log … ${word}`, 'not needed in vipd: left out')
    } else if (word === 'sample') {
      i++
      report.add('changed', line, 'log … sample', 'vipd samples records of sessions alone: `session_log: sampled`')
    } else if (word === 'format') format = rest[++i] ?? ''
    else plain.push(word)
  }
  const [facility = '', level = ''] = plain
  if (!FACILITIES.includes(facility)) {
    report.add('error', line, 'log', `\`${facility}\` is no facility, like local0 or daemon`)
    return undefined
  }
  if (level !== '' && !SEVERITIES.some((one) => one === level)) {
    report.add('error', line, 'log', `\`${level}\` is no level, like warning or info`)
    return undefined
  }
  if (format !== '' && !/^(?:rfc3164|local|rfc5424)$/.test(format)) {
    report.add('warning', line, `log … format ${format}`, 'vipd writes RFC 3164 or RFC 5424: the first is used')
  }
  const address = addressOf(given)
  if (address === undefined) {
    report.add('changed', line, `log ${given}`, 'vipd logs to ADDRESS:PORT by UDP and to unix sockets alone: left out')
    return undefined
  }
  if (address === '')
    report.add('warning', line, `log ${given}`, 'vipd’s log goes to stdout anyway, where journald keeps it')
  return { address, facility, level, format }
}

/** '' is stdout; undefined: nowhere that vipd could send it. */
function addressOf(given: string): string | undefined {
  const text = given.replace(/^(?:udp|udp4|udp6|ipv4|ipv6|unix|uxdg)@/, '')
  if (/^(?:stdout|stderr|fd@[12])$/.test(text)) return ''
  if (/^\/[^\s]{1,106}$/.test(text)) return text
  if (parseHostPort(text) !== undefined) return text
  const bare = /^\[?([0-9A-Fa-f:.]+?)\]?$/.exec(text)?.[1] ?? ''
  const full = bare.includes(':') ? `[${bare}]:514` : `${bare}:514`
  return parseHostPort(full) === undefined ? undefined : full
}

/** Which sessions leave a record: what `option tcplog` and its kin come to with the targets of a section. */
export function importSessionLog(front: Section, globalLines: readonly Directive[], report: Report): Ranked[] {
  const options = ['option tcplog', 'option httplog', 'option dontlog-normal', 'log-format'] as const
  const last = new Map(options.map((one) => [one, linesOf(front, one).at(-1)]))
  for (const one of options) for (const line of linesOf(front, one)) report.carry(line)
  const isOn = (one: (typeof options)[number]): boolean => {
    const line = last.get(one)
    return line !== undefined && !isNegated(line)
  }
  const log = linesOf(front, 'log')
  const targets = log.slice(log.findLastIndex(isNegated) + 1)
  const lines = targets.flatMap((line) =>
    argumentOf(line) === 'global' ? globalLines.filter((one) => fullKeyword(one) === 'log') : [line]
  )
  for (const line of log) report.carry(line)
  const format = last.get('log-format') ?? last.get('option tcplog') ?? last.get('option httplog')
  if (!lines.some(tellsSessions)) {
    if (format !== undefined && isOn('option tcplog')) {
      const why = lines.length === 0 ? 'no `log` line takes them' : 'every `log` line stops short of level info'
      report.add(
        'warning',
        front.head,
        fullKeyword(format),
        `haproxy sent no line for a session, ${why}: \`session_log\` is off`
      )
    }
    return []
  }
  const value = isOn('option dontlog-normal') ? 'errors' : 'all'
  if (format === undefined || isNegated(format)) {
    const text = 'haproxy wrote a line when a client connects, vipd writes one when its session ends'
    report.add('warning', targets.at(-1) ?? front.head, 'log', text)
    return [derived('session_log', scalar(value))]
  }
  if (fullKeyword(format) === 'log-format') {
    report.add(
      'changed',
      format,
      'log-format',
      'vipd has one format of its own and that of `option tcplog`: which is used'
    )
  }
  return [
    placed('session_log', scalar(value), format, front, report),
    placed('log_format', scalar('tcplog'), format, front, report)
  ]
}

/** Records of sessions have level info. */
function tellsSessions({ words }: Directive): boolean {
  const level = words[words.findIndex((word, i) => i > 1 && FACILITIES.includes(word)) + 1]
  return level === undefined || level === 'info' || level === 'debug'
}
