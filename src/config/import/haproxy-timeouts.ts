import { formatDuration, parseDuration } from '../../base/duration.js'
import { argumentOf, type Directive } from './directive.js'
import { gather, type Ranked, ranked } from './haproxy-ranked.js'
import { linesOf, type Section, settingOf } from './haproxy-section.js'
import type { Report } from './report.js'
import { durationNode, type Node } from './yaml-tree.js'

/** What else is to be waited for, and for how long. */
export interface Waits {
  /** A backend behind a route: its frontend has the client's side. */
  readonly isRouted: boolean
  /** `tcp-request inspect-delay`: how long a ClientHello is waited for. */
  readonly inspectDelay: { readonly node: Node; readonly lines: readonly Directive[] } | undefined
}

/** `timeout …` lines → `timeout: { … }`, and what follows from those that are missing. */
export function importTimeouts(
  front: Section,
  back: Section,
  { isRouted, inspectDelay }: Waits,
  report: Report
): Ranked[] {
  reviewMissing(front, back, isRouted, report)
  const of = (key: string, proxy: Section): Ranked[] => {
    const name = `timeout ${key.replace('_', '-')}`
    const lines = linesOf(proxy, name)
    const last = lines.at(-1)
    if (last === undefined || !BOUNDED.has(key) || parseDuration(lastWord(last), 'ms') !== 0)
      return part(key, proxy, lines, report)
    report.add('changed', last, name, 'without an end in haproxy; vipd waits no longer than its default')
    return []
  }
  return gather('timeout', [
    ...of('connect', back),
    ...(isRouted ? [] : of('client', front)),
    ...of('server', back),
    ...of('tunnel', back),
    ...(isRouted ? [] : of('client_fin', front)),
    ...of('server_fin', back),
    ...of('queue', back),
    ...of('check', back),
    ...(inspectDelay === undefined ? [] : ranked('client_hs', inspectDelay.node, inspectDelay.lines, front, report))
  ])
}

/** Those that always end. */
const BOUNDED: ReadonlySet<string> = new Set(['connect', 'queue', 'check'])

function part(key: string, proxy: Section, lines: readonly Directive[], report: Report): Ranked[] {
  const value = lastWord(lines.at(-1))
  return ranked(key, durationNode(value, 'ms'), lines, proxy, report)
}

const lastWord = (line: Directive | undefined): string => line?.words[2] ?? ''

const FINDS_DEAD =
  'vipd does the same, and ends sessions whose client is gone: TCP keepalive (`tcpka`) and TCP_USER_TIMEOUT (`tcp_ut`)'

function reviewMissing(front: Section, back: Section, isRouted: boolean, report: Report): void {
  const isSet = (proxy: Section, name: string): boolean => settingOf(proxy, `timeout ${name}`) !== undefined
  if (!isSet(back, 'connect')) {
    report.add(
      'changed',
      back.head,
      'timeout connect',
      'was not set: haproxy waits as long as the kernel tries, vipd 5s for each attempt'
    )
  }
  if (isRouted || isSet(back, 'tunnel')) return
  const server = settingOf(back, 'timeout server')
  if (isSet(front, 'client') && server !== undefined) return
  const limit = durationText(server ?? settingOf(front, 'timeout client'))
  if (server !== undefined) {
    report.add(
      'changed',
      front.head,
      'timeout client',
      `was not set: haproxy’s client side never times out, but \`timeout server ${argument(server)}\` still ends a session after ${limit} without a byte in either direction. ${FINDS_DEAD}`
    )
  } else if (isSet(front, 'client')) {
    report.add(
      'changed',
      back.head,
      'timeout server',
      `was not set: haproxy’s server side never times out, but \`timeout client\` still ends a session after ${limit} without a byte in either direction. ${FINDS_DEAD}`
    )
  } else {
    report.add(
      'changed',
      front.head,
      'timeout client',
      `was not set, nor was \`timeout server\`: haproxy keeps an idle session for ever. ${FINDS_DEAD}`
    )
  }
}

const argument = (line: Directive): string => lastWord(line) || argumentOf(line)

function durationText(line: Directive | undefined): string {
  const ms = parseDuration(lastWord(line), 'ms')
  return ms === undefined ? 'that long' : formatDuration(ms)
}
