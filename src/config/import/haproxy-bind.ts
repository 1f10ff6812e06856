import { formatHostPort, parseHostPort } from '../../base/ip.js'
import { argumentOf, type Directive } from './directive.js'
import type { Report } from './report.js'
import { durationNode, type Item, item, leftBehind, type Node, scalar } from './yaml-tree.js'

/** What the `bind` lines of a section ask for. */
export interface Binds {
  readonly items: readonly Item[]
  readonly tail: readonly string[]
  readonly userTimeout: Node | undefined
  /** TLS or the PROXY protocol is to end here: vipd cannot be this listener. */
  readonly impossible: string
}

const MAX_BINDS = 64

/** `bind` lines → ADDRESS:PORT each; a port alone is every IPv4 address. */
export function importBinds(lines: readonly Directive[], report: Report): Binds {
  const items: Item[] = []
  let behind: readonly string[] = []
  let userTimeout: Node | undefined
  let impossible = ''
  for (const line of lines) {
    const addresses = argumentOf(line)
      .split(',')
      .flatMap((text) => bindAddress(text, line, report))
    const ends = ['ssl', 'accept-proxy'].find((word) => line.words.includes(word))
    if (ends === undefined) userTimeout ??= reviewOptions(line, report)
    else impossible = ends
    if (addresses.length === 0) {
      behind = [...behind, ...leftBehind(line)]
      continue
    }
    report.carry(line)
    for (const [i, address] of addresses.entries()) {
      const place = { file: report.file, line: line.line }
      items.push(
        item(scalar(address), { place, ...(i === 0 ? { above: [...behind, ...line.above], beside: line.beside } : {}) })
      )
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
  return { items: items.slice(0, MAX_BINDS), tail: behind, userTimeout, impossible }
}

/** haproxy's spellings of an address → ADDRESS:PORT; none when vipd cannot listen there. */
function bindAddress(text: string, line: Directive, report: Report): string[] {
  const bare = text.replace(/^(?:ipv4|ipv6|tcp|tcp4|tcp6)@/, '')
  if (/^(?:unix|abns|abnsz|fd|sockpair|udp|quic4|quic6|rhttp|uxst|mptcp)@/.test(text) || text.startsWith('/')) {
    report.add('changed', line, `bind ${text}`, 'vipd listens on IP addresses only: left out')
    return []
  }
  const match = /^(.*):(\d+)(-\d+)?$/.exec(bare)
  if (match === null) {
    report.add('error', line, `bind ${text}`, 'must end in a port: `bind ADDRESS:PORT`')
    return []
  }
  if (match[3] !== undefined) {
    report.add(
      'changed',
      line,
      `bind ${text}`,
      'a range of ports is not carried over: write one `bind` for each port you need'
    )
    return []
  }
  const host = (match[1] ?? '').replace(/^\[(.*)\]$/, '$1')
  const isWildcard = host === '' || host === '*'
  // A wildcard that says ipv6@ or tcp6@ is IPv6's.
  const full = isWildcard ? (/^(?:ipv6|tcp6)@/.test(text) ? '::' : '0.0.0.0') : host
  const address = formatHostPort({ host: full, port: Number(match[2]) })
  if (parseHostPort(address) !== undefined) return [address]
  const isName = /^[A-Za-z]/.test(host) && !host.includes(':')
  if (isName) report.add('changed', line, `bind ${text}`, 'vipd does not resolve names: left out. Write the address')
  else report.add('error', line, `bind ${text}`, 'is no address and port, like 10.0.0.99:8443')
  return []
}

const SILENT: ReadonlySet<string> = new Set(['transparent', 'tcp-ut'])
const HARMLESS_FLAGS: ReadonlySet<string> = new Set(['v4v6', 'v6only', 'defer-accept', 'tfo', 'expose-fd'])
const HARMLESS: ReadonlySet<string> = new Set(
  'name, id, process, thread, nice, mode, user, group, uid, gid, shards, mss, cc, level, backlog, namespace, proto'.split(
    ', '
  )
)

/** tcp-ut is carried over, transparent is built in, everything else is reported. */
function reviewOptions(line: Directive, report: Report): Node | undefined {
  let userTimeout: Node | undefined
  for (let i = 2; i < line.words.length; i++) {
    const option = line.words[i] ?? ''
    if (option === 'tcp-ut') userTimeout = durationNode(line.words[++i] ?? '', 'ms')
    if (SILENT.has(option)) continue
    const subject = `bind … ${option}`
    if (HARMLESS_FLAGS.has(option)) {
      report.add('warning', line, subject, 'not needed in vipd: left out')
    } else if (HARMLESS.has(option)) {
      i++
      report.add('warning', line, subject, 'not needed in vipd: left out')
    } else if (option === 'interface' || option === 'maxconn') {
      i++
      report.add('changed', line, subject, 'not carried over yet (later work)')
    } else {
      report.add('changed', line, subject, 'not understood: left out')
    }
  }
  return userTimeout
}
