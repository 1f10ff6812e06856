import { type Directive, keywordOf } from './directive.js'
import { CHECK_OPTIONS } from './haproxy-check-plan.js'
import { fullKeyword, isNegated, type Section } from './haproxy-section.js'
import { GLOBAL_LEFTOVERS, PROXY_LEFTOVERS } from './haproxy-words.js'
import { type Leftover, leftovers } from './keepalived-words.js'
import type { Report } from './report.js'
import { leftBehind } from './yaml-tree.js'

/** Keywords of a section whose comments stand beside a key of their own. */
const PLACED: ReadonlySet<string> = new Set([
  ...[
    'bind',
    'mode',
    'balance',
    'hash-type',
    'retries',
    'maxconn',
    'backlog',
    'server',
    'default-server',
    'rate-limit'
  ],
  ...['default_backend', 'use_backend', 'disabled', 'enabled', 'source'],
  ...['connect', 'client', 'server', 'tunnel', 'client-fin', 'server-fin', 'queue', 'check'].map(
    (one) => `timeout ${one}`
  ),
  ...['redispatch', 'allbackups', 'abortonclose', 'tcpka', 'clitcpka', 'srvtcpka'].map((one) => `option ${one}`),
  ...['idle', 'intvl', 'cnt'].flatMap((one) => [`clitcpka-${one}`, `srvtcpka-${one}`])
])

/** Keywords that importService takes care of; what it does not carry over of them, it reports. */
const CARRIED: ReadonlySet<string> = new Set([
  ...PLACED,
  ...CHECK_OPTIONS,
  ...['http-check', 'tcp-check', 'acl', 'tcp-request', 'log', 'log-format'],
  ...['option tcplog', 'option httplog', 'option dontlog-normal']
])

const GLOBAL_CARRIED: ReadonlySet<string> = new Set([
  ...['nbthread', 'hard-stop-after', 'maxconn', 'spread-checks', 'log', 'log-tag', 'ca-base', 'crt-base'],
  'ssl-server-verify'
])

/** Those of `global` whose comments stand beside a key of their own. */
const GLOBAL_PLACED: ReadonlySet<string> = new Set(['nbthread', 'hard-stop-after', 'maxconn', 'log'])

const TUNING: Leftover = { level: 'warning', text: 'tuning of haproxy’s engine or its TLS: vipd chooses for itself' }

const OTHER_SECTIONS: ReadonlyMap<string, Leftover> = new Map([
  ...leftovers('warning', 'vipd keeps no tables to share: left out', 'peers'),
  ...leftovers('changed', 'vipd does not resolve names: left out', 'resolvers'),
  ...leftovers('changed', 'vipd mails of VRRP transitions, not of servers: left out', 'mailers'),
  ...leftovers('changed', 'systemd’s job: a unit for each program', 'program'),
  ...leftovers('changed', 'named checks are not carried over', 'healthcheck'),
  ...leftovers(
    'warning',
    'HTTP and TLS are not vipd’s: left out',
    'userlist, cache, http-errors, fcgi-app, crt-store, acme'
  ),
  ...leftovers(
    'warning',
    'vipd logs to stdout, where journald keeps it: left out',
    'ring, log-forward, log-profile, traces'
  )
])

/** Reports every line of a section of which nothing is carried over. */
export function reviewProxy(proxy: Section, report: Report): void {
  for (const line of proxy.own) {
    const keyword = fullKeyword(line)
    if (CARRIED.has(keyword)) reviewPlace(proxy, line, keyword, report)
    else reviewLine(line, keyword, PROXY_LEFTOVERS.get(keyword), report)
  }
}

/** The same for `global`. */
export function reviewGlobal(lines: readonly Directive[], report: Report): void {
  for (const line of lines) {
    const keyword = fullKeyword(line)
    if (GLOBAL_CARRIED.has(keyword)) continue
    const isTuning = /^(?:tune\.|ssl-|ocsp-|h[12]-|quic-|51degrees-|deviceatlas-|wurfl-|http-)/.test(keyword)
    reviewLine(line, keyword, isTuning ? TUNING : GLOBAL_LEFTOVERS.get(keyword), report)
  }
}

/** Sections that carry no traffic. */
export function reviewSection(section: Directive, report: Report): void {
  const leftover = OTHER_SECTIONS.get(keywordOf(section))
  if (leftover !== undefined) report.add(leftover.level, section, section.words.slice(0, 2).join(' '), leftover.text)
}

function reviewLine(line: Directive, keyword: string, leftover: Leftover | undefined, report: Report): void {
  // What is switched off is off in vipd too, if it knows it at all.
  if (isNegated(line)) report.add('warning', line, `no ${keyword}`, 'is switched off: left out')
  else if (leftover === undefined)
    report.add('changed', line, keyword, 'not understood: left out. Is it spelled right?')
  else report.add(leftover.level, line, subjectOf(line, keyword), leftover.text)
}

/** `log global`, `nbproc 8`: some lines are known by their first argument; most arguments say nothing, or too much. */
const subjectOf = (line: Directive, keyword: string): string =>
  ['log', 'nbproc'].includes(keyword) ? line.words.slice(0, 2).join(' ') : keyword

/** A `server` in a frontend or a `bind` in a backend: haproxy does not start with these. */
function reviewPlace({ kind }: Section, line: Directive, keyword: string, report: Report): void {
  const isMisplaced =
    (keyword === 'server' && kind !== 'listen' && kind !== 'backend') ||
    (keyword === 'bind' && kind !== 'listen' && kind !== 'frontend') ||
    (keyword === 'default_backend' && kind === 'backend')
  if (isMisplaced)
    report.add(
      'error',
      line,
      keyword,
      `does not belong in \`${kind}\`: it is for ${keyword === 'server' ? '`listen` and `backend`' : '`listen` and `frontend`'}`
    )
}

/** The lines that are carried over, each with the comments of those before it that are not. */
export function withComments(proxy: Section): Section {
  const own: Directive[] = []
  let behind: readonly string[] = []
  for (const line of proxy.own) {
    if (!PLACED.has(fullKeyword(line))) {
      behind = [...behind, ...leftBehind(withoutSecrets(line))]
      if (CARRIED.has(fullKeyword(line))) own.push({ ...line, above: [], beside: '' })
      continue
    }
    own.push(behind.length === 0 ? line : { ...line, above: [...behind, ...line.above] })
    behind = []
  }
  return { ...proxy, own, head: { ...proxy.head, tail: [...behind, ...proxy.head.tail] } }
}

/** Comments of `global` or `defaults` that have no line to stand beside any more. */
export function orphans(section: Directive): readonly string[] {
  const hasPlace = keywordOf(section) === 'global' ? GLOBAL_PLACED : PLACED
  const lines = (section.block ?? []).filter((line) => !hasPlace.has(fullKeyword(line)))
  const beside = section.beside === '' ? [] : [section.beside]
  return [...section.above, ...beside, ...lines.map(withoutSecrets).flatMap(leftBehind), ...section.tail]
}

/** A line whose words may hold a token: of those, its keyword alone may stand in a comment. */
const withoutSecrets = (line: Directive): Directive =>
  /^(?:http-check|tcp-check|stats)$/.test(keywordOf(line)) ? { ...line, words: [keywordOf(line), '…'] } : line
