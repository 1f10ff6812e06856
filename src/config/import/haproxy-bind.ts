import { formatHostPort, parseHostPort } from '../../base/ip.js'
import { argumentOf, type Directive } from './directive.js'
import { BIND_FLAGS, BIND_VALUES } from './haproxy-bind-words.js'
import type { Report } from './report.js'
import {
  durationNode,
  type Entry,
  entry,
  type Item,
  item,
  leftBehind,
  map,
  type Node,
  numberOr,
  quoted,
  scalar
} from './yaml-tree.js'

/** What the `bind` lines of a section ask for. */
export interface Binds {
  readonly items: readonly Item[]
  readonly tail: readonly string[]
  /** The ports of those that have one. */
  readonly ports: readonly number[]
  readonly userTimeout: Node | undefined
  readonly backlog: Node | undefined
  /** An option with which vipd cannot be this listener; '' is none. */
  readonly impossible: string
}

const MAX_BINDS = 64

/** `bind` lines → an item for each address. @param v4Ports ports that some section binds for IPv4 */
export function importBinds(
  lines: readonly Directive[],
  acceptProxy: boolean,
  v4Ports: ReadonlySet<number>,
  report: Report
): Binds {
  const items: Item[] = []
  const ports: number[] = []
  let behind: readonly string[] = []
  let userTimeout: Node | undefined
  let backlog: Node | undefined
  let impossible = ''
  for (const line of lines) {
    const places = argumentOf(line)
      .split(',')
      .flatMap((text) => placeOf(text, line, report))
    const options = takeOptions(line, report)
    impossible ||= options.impossible
    userTimeout ??= options.userTimeout
    backlog ??= options.backlog
    if (places.length === 0) {
      behind = [...behind, ...leftBehind(line)]
      continue
    }
    report.carry(line)
    for (const [i, place] of places.entries()) {
      const entries = entriesFor(place, options, acceptProxy, v4Ports, line, report)
      const node =
        entries.length === 0 ? scalar(place.text) : map([entry('address', scalar(place.text)), ...entries], true)
      const comments = i === 0 ? { above: [...behind, ...line.above], beside: line.beside } : {}
      items.push(item(node, { place: { file: report.file, line: line.line }, ...comments }))
      if (place.port !== undefined) ports.push(place.port)
    }
    behind = []
  }
  if (items.length > MAX_BINDS)
    report.add(
      'error',
      lines[0] ?? { line: 1 },
      'bind',
      `more than ${MAX_BINDS} listeners in one section: bind 0.0.0.0 instead`
    )
  return {
    items: items.slice(0, MAX_BINDS),
    tail: behind,
    ports: [...new Set(ports)],
    userTimeout,
    backlog,
    impossible
  }
}

/** Ports that `bind` lines have for IPv4, whatever the address. */
export const v4PortsOf = (lines: readonly Directive[]): readonly number[] =>
  lines.flatMap((line) =>
    argumentOf(line)
      .split(',')
      .filter((text) => !/^(?:ipv6|tcp6)@|::|^\[/.test(text))
      .map((text) => Number(/:(\d{1,5})$/.exec(text)?.[1]))
  )

interface BindPlace {
  readonly kind: 'tcp' | 'unix' | 'fd'
  /** As vipd's `bind` has it. */
  readonly text: string
  readonly port: number | undefined
  /** The wildcard of IPv6. */
  readonly isAny6: boolean
}

/** haproxy's spellings of a place → vipd's; none where vipd cannot listen. */
function placeOf(text: string, line: Directive, report: Report): BindPlace[] {
  const left = (why: string): BindPlace[] => {
    report.add('changed', line, `bind ${text}`, why)
    return []
  }
  const path = /^(?:(?:unix|uxst)@)?(\/[^\s]{1,106})$/.exec(text)?.[1]
  if (path !== undefined) return [{ kind: 'unix', text: `unix@${path}`, port: undefined, isAny6: false }]
  const fd = /^fd@(\d+)$/.exec(text)?.[1]
  if (fd !== undefined) return [{ kind: 'fd', text: `fd@${fd}`, port: undefined, isAny6: false }]
  if (/^(?:unix|abns|abnsz|fd|sockpair|udp|quic4|quic6|rhttp|uxst|mptcp)@/.test(text)) {
    return left('vipd listens on addresses, unix sockets with a path and inherited sockets alone: left out')
  }
  const match = /^(.*):(\d+)(-\d+)?$/.exec(text.replace(/^(?:ipv4|ipv6|tcp|tcp4|tcp6)@/, ''))
  if (match === null) {
    report.add('error', line, `bind ${text}`, 'must end in a port: `bind ADDRESS:PORT`')
    return []
  }
  if (match[3] !== undefined) {
    return left('a range of ports is not carried over: write one `bind` for each port you need')
  }
  const host = (match[1] ?? '').replace(/^\[(.*)\]$/, '$1')
  const isWildcard = host === '' || host === '*'
  // A wildcard that says ipv6@ or tcp6@ is IPv6's.
  const full = isWildcard ? (/^(?:ipv6|tcp6)@/.test(text) ? '::' : '0.0.0.0') : host
  const address = formatHostPort({ host: full, port: Number(match[2]) })
  const parsed = parseHostPort(address)
  if (parsed !== undefined) return [{ kind: 'tcp', text: address, port: parsed.port, isAny6: parsed.host === '::' }]
  if (/^[A-Za-z]/.test(host) && !host.includes(':'))
    return left('vipd does not resolve names: left out. Write the address')
  report.add('error', line, `bind ${text}`, 'is no address and port, like 10.0.0.99:8443')
  return []
}

interface Options {
  readonly given: ReadonlyMap<string, string>
  readonly userTimeout: Node | undefined
  readonly backlog: Node | undefined
  readonly impossible: string
}

/** The words behind the address: taken, or reported. */
function takeOptions(line: Directive, report: Report): Options {
  const given = new Map<string, string>()
  let impossible = ''
  for (let i = 2; i < line.words.length; i++) {
    const option = line.words[i] ?? ''
    const value = BIND_VALUES.get(option)
    const flag = BIND_FLAGS.get(option)
    if (value !== undefined) i++
    const known = value ?? flag
    if (known === undefined) report.add('changed', line, `bind … ${option}`, 'not understood: left out')
    else if (known === 'taken') given.set(option, value === undefined ? 'yes' : (line.words[i] ?? ''))
    else if (known === 'impossible') impossible ||= option
    else report.add(known.level, line, `bind … ${option}`, known.text)
    // What follows belongs to TLS, and this listener is left out.
    if (option === 'ssl') break
  }
  const userTimeout = given.get('tcp-ut')
  const backlog = given.get('backlog') === '0' ? undefined : given.get('backlog')
  return {
    given,
    userTimeout: userTimeout === undefined ? undefined : durationNode(userTimeout, 'ms'),
    backlog: backlog === undefined ? undefined : numberOr(backlog),
    impossible
  }
}

/** The keys of a listener beside its address. */
function entriesFor(
  place: BindPlace,
  { given }: Options,
  acceptProxy: boolean,
  v4Ports: ReadonlySet<number>,
  line: Directive,
  report: Report
): Entry[] {
  const maxconn = given.get('maxconn')
  const device = given.get('interface')
  const mode = given.get('mode')
  const entries: Entry[] = []
  if (acceptProxy || given.has('accept-proxy')) entries.push(entry('accept_proxy', scalar(true)))
  if (maxconn !== undefined && maxconn !== '0') entries.push(entry('maxconn', numberOr(maxconn)))
  if (device !== undefined && place.kind === 'tcp') entries.push(entry('interface', scalar(device)))
  if (mode !== undefined && place.kind === 'unix') entries.push(entry('mode', quoted(mode)))
  if (!place.isAny6 || given.has('v6only')) {
    if (given.has('v4v6')) report.add('warning', line, 'bind … v4v6', 'is for [::]: left out')
  } else if (place.port !== undefined && v4Ports.has(place.port)) {
    if (given.has('v4v6'))
      report.add('warning', line, 'bind … v4v6', 'IPv4 of this port has a `bind` of its own: left out')
  } else {
    // Without a word the kernel decides, and Linux takes both.
    entries.push(entry('v4v6', scalar(true)))
  }
  return entries
}
