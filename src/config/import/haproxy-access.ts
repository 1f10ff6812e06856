import { contains, parsePrefix } from '../../base/ip.js'
import type { Directive } from './directive.js'
import { type Acls, type Clients, clientsOf, conditionOf, isHello } from './haproxy-acl.js'
import { placed, type Ranked } from './haproxy-ranked.js'
import { linesOf, type Section } from './haproxy-section.js'
import type { Report } from './report.js'
import { durationNode, item, list, type Node, scalar } from './yaml-tree.js'

/** What the `tcp-request` rules of a service come to. */
export interface Access {
  readonly settings: readonly Ranked[]
  /** Connections begin with a PROXY header, whatever listener they came in by. */
  readonly acceptProxy: boolean
  /** How long a ClientHello is waited for, for `timeout`. */
  readonly inspectDelay: { readonly node: Node; readonly lines: readonly Directive[] } | undefined
}

/** The lists so far, and whether a rule has decided about all that come to it. */
interface Lists {
  readonly deny: string[]
  readonly accepted: string[]
  allow: readonly string[] | undefined
  isDecided: boolean
}

/** `tcp-request` rules → `deny` and `allow`, as far as two lists can say what rules in a row say. */
export function importAccess(front: Section, back: Section, acls: Acls, report: Report): Access {
  const lists: Lists = { deny: [], accepted: [], allow: undefined, isDecided: false }
  const used: Directive[] = []
  let acceptProxy = false
  let inspectDelay: Access['inspectDelay']
  for (const line of rulesOf(front, back)) {
    const [, level = '', action = '', ...rest] = line.words
    if (level === 'inspect-delay') {
      report.carry(line)
      inspectDelay = { node: durationNode(action, 'ms'), lines: [line] }
    } else if (action === 'expect-proxy' && !/\b(?:if|unless)\b/.test(rest.join(' '))) {
      report.carry(line)
      acceptProxy = true
    } else if (isRule(action)) {
      const why = apply(lists, action, line, acls)
      if (why !== '') report.add('changed', line, `tcp-request ${level} ${action}`, why)
      else report.carry(line)
      if (why === '') used.push(line)
    } else reviewAction(line, action, report)
  }
  for (const line of [...linesOf(front, 'acl'), ...(back === front ? [] : linesOf(back, 'acl'))]) report.carry(line)
  const settings = [
    ...listSetting('deny', lists.deny, used, front, report),
    ...listSetting('allow', lists.allow ?? [], used, front, report)
  ]
  return { settings, acceptProxy, inspectDelay }
}

const rulesOf = (front: Section, back: Section): readonly Directive[] =>
  (front === back ? [front] : [front, back]).flatMap((one) => linesOf(one, 'tcp-request'))

type Action = 'accept' | 'reject' | 'silent-drop'
const isRule = (action: string): action is Action => ['accept', 'reject', 'silent-drop'].includes(action)

const MORE =
  'vipd has two lists, `deny` and then `allow`, and this rule says more than they can: left out. See who is let in now'

/** Takes a rule into the lists; why it cannot be, '' if it was. */
function apply(lists: Lists, action: Action, line: Directive, acls: Acls): string {
  // What comes after a rule about everybody is never reached.
  if (lists.isDecided) return ''
  const condition = conditionOf(line.words, acls)
  if (condition === undefined) return decide(lists, action)
  // vipd waits for the ClientHello before it chooses by it, which is all that this is for.
  if (action === 'accept' && isHello(condition)) return ''
  const clients = clientsOf(condition)
  if (clients === undefined) return limitOf(line) ?? MORE
  return action === 'accept' ? accept(lists, clients) : reject(lists, clients)
}

/** A limit of sessions for each address, which a table counts in haproxy. */
function limitOf({ words }: Directive): string | undefined {
  const match = /\b(?:src_conn_cur|sc\d_conn_cur|sc_conn_cur\(\d+\)) (gt|ge) (\d{1,6})\b/.exec(words.join(' '))
  if (match === null) return undefined
  const most = Number(match[2]) - (match[1] === 'ge' ? 1 : 0)
  return `left out: a limit of sessions for each address is \`source_maxconn: ${most}\` of the service`
}

function decide(lists: Lists, action: Action): string {
  if (action !== 'accept') {
    if (lists.accepted.length === 0 || (lists.allow !== undefined && !isWithin(lists.accepted, lists.allow)))
      return MORE
    lists.allow = lists.accepted
  }
  lists.isDecided = true
  return ''
}

function accept(lists: Lists, { isOthers, nets }: Clients): string {
  if (isOthers) return MORE
  lists.accepted.push(...nets)
  return ''
}

function reject(lists: Lists, { isOthers, nets }: Clients): string {
  if (isOthers) {
    if (lists.allow !== undefined) return MORE
    lists.allow = [...lists.accepted, ...nets]
    return ''
  }
  // An earlier rule has let some of them in already, and `deny` comes first.
  if (nets.some((net) => lists.accepted.some((other) => isIn(net, other) || isIn(other, net)))) return MORE
  lists.deny.push(...nets)
  return ''
}

const isWithin = (inner: readonly string[], outer: readonly string[]): boolean =>
  inner.every((net) => outer.some((other) => isIn(net, other)))

function isIn(inner: string, outer: string): boolean {
  const [a, b] = [parsePrefix(outer), parsePrefix(inner)]
  return a !== undefined && b !== undefined && contains(a, b)
}

function reviewAction(line: Directive, action: string, report: Report): void {
  const subject = `tcp-request … ${action}`
  if (/^track-sc\d*$/.test(action) || action.startsWith('sc-')) {
    report.add(
      'changed',
      line,
      subject,
      'vipd keeps no tables. A limit of sessions for each address is `source_maxconn` of the service'
    )
  } else {
    report.add('changed', line, subject, 'vipd has no such rule: left out')
  }
}

function listSetting(
  key: string,
  nets: readonly string[],
  lines: readonly Directive[],
  front: Section,
  report: Report
): Ranked[] {
  const first = lines[0]
  if (nets.length === 0 || first === undefined) return []
  const place = { file: report.file, line: first.line }
  const items = [...new Set(nets)].map((net) => item(scalar(net), { place }))
  return [placed(key, list(items, true), first, front, report)]
}
