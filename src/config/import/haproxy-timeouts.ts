import { formatDuration, parseDuration } from '../../base/duration.js'
import { argumentOf, type Directive } from './directive.js'
import { linesOf, type Section, settingOf } from './haproxy-section.js'
import { gather, type Ranked, ranked } from './haproxy-settings.js'
import type { Report } from './report.js'
import { durationNode } from './yaml-tree.js'

/** `timeout …` lines → `timeout: { … }`, and what follows from those that are missing. */
export function importTimeouts(front: Section, back: Section, report: Report): Ranked[] {
  reviewMissing(front, back, report)
  const tunnel = linesOf(back, 'timeout tunnel').at(-1)
  if (tunnel !== undefined) {
    report.add(
      'warning',
      tunnel,
      'timeout tunnel',
      'in TCP mode it takes the place of timeout client and timeout server: written as both'
    )
  }
  return gather('timeout', [
    ...part('connect', back, linesOf(back, 'timeout connect'), report),
    ...part(
      'client',
      tunnel === undefined ? front : back,
      linesOf(tunnel === undefined ? front : back, tunnel === undefined ? 'timeout client' : 'timeout tunnel'),
      report
    ),
    ...part('server', back, linesOf(back, tunnel === undefined ? 'timeout server' : 'timeout tunnel'), report),
    ...part('check', back, linesOf(back, 'timeout check'), report)
  ])
}

function part(key: string, proxy: Section, lines: readonly Directive[], report: Report): Ranked[] {
  const value = lastWord(lines.at(-1))
  return ranked(key, durationNode(value, 'ms'), lines, proxy, report)
}

const lastWord = (line: Directive | undefined): string => line?.words[2] ?? ''

const FINDS_DEAD =
  'vipd does the same, and ends sessions whose client is gone: TCP keepalive (`tcpka`) and TCP_USER_TIMEOUT (`tcp_ut`)'

function reviewMissing(front: Section, back: Section, report: Report): void {
  const isSet = (proxy: Section, name: string): boolean => settingOf(proxy, `timeout ${name}`) !== undefined
  if (!isSet(back, 'connect')) {
    report.add(
      'changed',
      back.head,
      'timeout connect',
      'was not set: haproxy waits as long as the kernel tries, vipd 5s for each attempt'
    )
  }
  if (isSet(back, 'tunnel')) return
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
