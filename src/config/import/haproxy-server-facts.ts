import { canonicalAddress, parseHostPort } from '../../base/ip.js'
import type { CheckPlan } from './haproxy-check-plan.js'
import type { Facts } from './haproxy-facts.js'
import type { Server } from './haproxy-server.js'
import type { Report } from './report.js'
import { durationNode, entry, map, type Node, numberOr, scalar } from './yaml-tree.js'

/** What servers take from `global`. */
export interface TlsDefaults {
  /** `ssl-server-verify none` */
  readonly isUnverified: boolean
  /** Folders that relative paths begin at; '' where there is none. */
  readonly caBase: string
  readonly crtBase: string
}

/** Everything that is to be written about a server. haproxy's defaults of a check are written out: rise 2, fall 3, inter 2s. */
export function factsOf(
  server: Server,
  plan: CheckPlan,
  spread: string | undefined,
  tls: TlsDefaults,
  report: Report
): Facts {
  const facts = new Map<string, Node>()
  const set = (key: string, node: Node | undefined): void => {
    if (node !== undefined) facts.set(key, node)
  }
  for (const [key, word, nodeOf] of OWN) set(key, nodeFrom(server, word, nodeOf))
  for (const key of ['backup', 'disabled']) if (server.values.get(key) === 'yes') set(key, scalar(true))
  const sendProxy = server.values.get('send-proxy') ?? 'no'
  if (sendProxy !== 'no') set('send_proxy', scalar(sendProxy))
  if (server.values.get('agent-check') === 'yes') set('agent_check', agentOf(server, report))
  if (!server.isChecked) {
    facts.set('check', scalar(false))
    return facts
  }
  for (const [key, word, nodeOf] of OBSERVED) set(key, nodeFrom(server, word, nodeOf))
  for (const [key, node] of checkFacts(server, plan, tls, report)) facts.set(`check.${key}`, node)
  if (spread !== undefined && spread !== '0') facts.set('check.spread', scalar(`${spread}%`))
  return facts
}

type NodeOf = (word: string) => Node
const ms: NodeOf = (word) => durationNode(word, 'ms')

const nodeFrom = (server: Server, word: string, nodeOf: NodeOf): Node | undefined => {
  const value = server.values.get(word)
  return value === undefined || value === '' ? undefined : nodeOf(value)
}

/** Keys of a server that are one word of haproxy’s. */
const OWN: readonly (readonly [key: string, word: string, nodeOf: NodeOf])[] = [
  ['weight', 'weight', numberOr],
  ['maxconn', 'maxconn', numberOr],
  ['slowstart', 'slowstart', ms],
  ['on_marked_down', 'on-marked-down', scalar],
  ['on_marked_up', 'on-marked-up', scalar],
  ['source', 'source', scalar]
]

/** Those that count for checked servers alone. */
const OBSERVED: readonly (readonly [key: string, word: string, nodeOf: NodeOf])[] = [
  ['observe', 'observe', scalar],
  ['error_limit', 'error-limit', numberOr],
  ['on_error', 'on-error', scalar]
]

function checkFacts(server: Server, plan: CheckPlan, tls: TlsDefaults, report: Report): [string, Node][] {
  const { values } = server
  const address = parseHostPort(server.address)
  const hasTarget = values.has('port') || values.has('addr')
  const wantsTls = values.get('check-ssl') === 'yes' || plan.http?.isTls === true
  const type = plan.http === undefined ? 'tcp' : wantsTls ? 'https' : 'http'
  if (type === 'tcp' && wantsTls) {
    report.add(
      'changed',
      server.line,
      'check-ssl',
      'haproxy made a TLS handshake; the check is TCP, it proves that the port answers. For an apiserver: `check: { type: https, ca_file: /etc/kubernetes/pki/ca.crt, servername: kubernetes }`'
    )
  }
  if (type !== 'https') reviewTls(server, report)
  const port = plan.http?.port || plan.port || values.get('port')
  const addr = values.get('addr')
  // A check elsewhere does not begin with a PROXY header, unless that is asked for.
  const sendsProxy =
    values.get('check-send-proxy') === 'yes' || (!hasTarget && ['v1', 'v2'].includes(values.get('send-proxy') ?? ''))
  const facts: [string, Node | undefined][] = [
    ['type', scalar(type)],
    ['inter', ms(values.get('inter') ?? '2s')],
    ['fastinter', nodeFrom(server, 'fastinter', ms)],
    ['downinter', nodeFrom(server, 'downinter', ms)],
    ['rise', numberOr(values.get('rise') ?? '2')],
    ['fall', numberOr(values.get('fall') ?? '3')],
    ['port', port === undefined || port === '0' || port === String(address?.port) ? undefined : numberOr(port)],
    ['addr', addr === undefined || canonicalAddress(addr) === address?.host ? undefined : scalar(addr)],
    ['send_proxy', sendsProxy ? scalar(true) : undefined],
    ...(plan.http?.keys ?? []),
    ...(type === 'https' ? tlsFacts(server, plan, tls, report) : [])
  ]
  return facts.flatMap(([key, node]) => (node === undefined ? [] : [[key, node] as [string, Node]]))
}

/** Words of TLS that nothing comes of. */
function reviewTls({ own, line }: Server, report: Report): void {
  for (const word of ['verify', 'ca-file', 'crt', 'check-sni', 'verifyhost']) {
    if (own.has(word)) report.add('warning', line, word, 'belongs to TLS, which this check does not speak: left out')
  }
}

function tlsFacts(server: Server, plan: CheckPlan, tls: TlsDefaults, report: Report): [string, Node | undefined][] {
  const { values, line } = server
  const isUnverified = (values.get('verify') ?? (tls.isUnverified ? 'none' : 'required')) === 'none'
  const name = values.get('check-sni') ?? plan.http?.servername ?? ''
  const verified = values.get('verifyhost') ?? ''
  if (verified !== '' && name !== '' && verified !== name) {
    report.add('changed', line, 'verifyhost', `vipd asks for the name that it verifies: ${verified}`)
  }
  const servername = verified || name
  if (!isUnverified && verified === '') {
    report.add(
      'changed',
      line,
      'verify required',
      `haproxy compares no name; vipd does: ${servername === '' ? 'the certificate must have the server’s address' : `it must have ${servername}`}. An apiserver’s has \`kubernetes\`: \`servername: kubernetes\``
    )
  }
  const caFile = values.get('ca-file') ?? ''
  const crt = values.get('crt') ?? ''
  return [
    ['verify', isUnverified ? scalar('none') : undefined],
    [
      'ca_file',
      caFile === '' || caFile.startsWith('@') || isUnverified ? undefined : scalar(below(tls.caBase, caFile))
    ],
    ['servername', servername === '' ? undefined : scalar(servername)],
    ['crt', crt === '' ? undefined : scalar(below(tls.crtBase, crt))]
  ]
}

const below = (base: string, path: string): string =>
  path.startsWith('/') || base === '' ? path : `${base.replace(/\/$/, '')}/${path}`

function agentOf(server: Server, report: Report): Node | undefined {
  const { values, line } = server
  const port = values.get('agent-port')
  const addr = values.get('agent-addr')
  if (port === undefined) {
    report.add('error', line, 'agent-check', 'needs `agent-port`: an agent listens on a port of its own')
    return undefined
  }
  if (addr !== undefined && canonicalAddress(addr) === undefined) {
    report.add('changed', line, 'agent-addr', 'vipd does not resolve names: the agent is not asked. Write its address')
    return undefined
  }
  const inter = nodeFrom(server, 'agent-inter', ms)
  // vipd ends the line by itself.
  const send = values.get('agent-send')?.replace(/(?:\n|\\n)$/, '')
  return map(
    [
      entry('port', numberOr(port)),
      ...(addr === undefined ? [] : [entry('addr', scalar(addr))]),
      ...(inter === undefined ? [] : [entry('inter', inter)]),
      ...(send === undefined ? [] : [entry('send', scalar(send))])
    ],
    true
  )
}
