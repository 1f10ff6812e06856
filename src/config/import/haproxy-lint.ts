import { formatDuration, parseDuration } from '../../base/duration.js'
import { parseHostPort } from '../../base/ip.js'
import { argumentOf, type Directive } from './directive.js'
import type { CheckPlan } from './haproxy-check-plan.js'
import { isNegated, linesOf, type Section, settingOf } from './haproxy-section.js'
import type { Server } from './haproxy-server.js'
import type { Report } from './report.js'

/** A service as its lines describe it. */
export interface LintScope {
  readonly front: Section
  readonly back: Section
  readonly binds: readonly Directive[]
  readonly servers: readonly Server[]
  readonly checks: CheckPlan
  readonly isRouted: boolean
}

const HOUR_MS = 3_600_000
/** client-go gives up a TLS handshake after this long. */
const HANDSHAKE_MS = 10_000
/** A dead server that gets connections for longer than this is noticed by people. */
const SLOW_MS = 15_000
const APISERVER_PORT = 6443
const HTTPS_CHECK = '`check: { type: https, ca_file: /etc/kubernetes/pki/ca.crt, servername: kubernetes }`'

/** What people suffer from who copied their haproxy.cfg: told where it stands, carried over as it is. */
export function lintService(scope: LintScope, report: Report): void {
  lintTimeouts(scope, report)
  lintRetries(scope, report)
  lintSpeed(scope, report)
  if (isApiserver(scope.front, scope.back, scope.servers)) lintApiserver(scope, report)
}

/** Servers on the apiserver's port, or names that say so. */
export function isApiserver(
  front: Section,
  back: Section,
  servers: readonly Pick<Server, 'name' | 'address'>[]
): boolean {
  const names = [front.name, back.name, ...servers.map(({ name }) => name)]
  return (
    servers.some(({ address }) => parseHostPort(address)?.port === APISERVER_PORT) ||
    names.some((name) => /api-?server|kube|k8s/i.test(name))
  )
}

const msOf = (word: string | undefined): number | undefined =>
  word === undefined ? undefined : parseDuration(word, 'ms')

function lintTimeouts({ front, back, isRouted }: LintScope, report: Report): void {
  for (const [proxy, name] of [
    [back, 'connect'],
    ...(isRouted ? [] : ([[front, 'client']] as const)),
    [back, 'server'],
    [back, 'check'],
    [back, 'queue']
  ] as const) {
    const line = settingOf(proxy, `timeout ${name}`)
    const word = line?.words[2] ?? ''
    if (line === undefined || !/^[1-9]\d{0,2}$/.test(word)) continue
    const text = `without a unit these are milliseconds, ${word} of them: was \`${word}s\` meant?`
    report.add('trap', line, `timeout ${name} ${word}`, text)
  }
}

function lintRetries({ back }: LintScope, report: Report): void {
  const retries = settingOf(back, 'retries')
  if (retries !== undefined && /^[01]$/.test(argumentOf(retries))) {
    const text = 'a client may get an error while other servers could serve it: 3 is the default, and costs nothing'
    report.add('trap', retries, `retries ${argumentOf(retries)}`, text)
  }
  const redispatch = settingOf(back, 'option redispatch')
  if (redispatch === undefined || isNegated(redispatch)) {
    const text =
      'there is none, so a client whose server is gone tries that same server again and then gives up: `redispatch: true` takes it to another one'
    report.add('trap', redispatch ?? back.head, 'option redispatch', text)
  }
}

/** How long a server that is gone still gets connections. */
function lintSpeed({ servers, checks }: LintScope, report: Report): void {
  for (const { line, values } of servers.filter((one) => one.isChecked)) {
    const inter = msOf(values.get('inter') ?? '2s') ?? 0
    const fast = msOf(values.get('fastinter'))
    const fall = Number(values.get('fall') ?? 3)
    const ms = fast === undefined ? inter * fall : inter + fast * (fall - 1)
    if (ms < SLOW_MS) continue
    const text = `a server that is gone gets connections for ${formatDuration(ms)} more, and one that hangs too: \`inter: 2s\` with \`fall: 3\` are 6s, or add \`fastinter: 500ms\``
    report.add('trap', line, `inter ${values.get('inter') ?? '2s'} fall ${fall}`, text)
  }
  for (const { line, values } of servers.filter((one) => one.isChecked && one.values.get('rise') === '1')) {
    if (checks.http === undefined || values.has('slowstart')) continue
    const text =
      'a server that has just come back gets its full share after one success: `rise: 3`, or `slowstart: 60s`'
    report.add('trap', line, 'rise 1', text)
  }
}

function lintBinds({ binds, servers }: LintScope, report: Report): void {
  const ports = new Set(servers.map(({ address }) => parseHostPort(address)?.port))
  for (const line of binds) {
    for (const text of argumentOf(line).split(',')) {
      const match = /^(.*):(\d{1,5})$/.exec(text.replace(/^(?:ipv4|ipv6|tcp|tcp4|tcp6)@/, ''))
      if (match === null) continue
      const [, host = '', port = ''] = match
      const isWildcard = ['', '*', '0.0.0.0', '::', '[::]'].includes(host)
      if (ports.has(Number(port))) {
        const why = isWildcard
          ? 'takes the port on every address of this host: where a server of its own runs beside it, one of the two does not start'
          : 'is the port that the servers have: on a host where one of them listens on every address, as an apiserver does, this does not start'
        report.add('trap', line, `bind ${text}`, `${why}. Use another port, like 8443`)
      } else if (isWildcard) {
        const why =
          'listens on every address of this host, not on the virtual one alone: `bind: [ VIP:PORT ]` works before the VIP is there'
        report.add('trap', line, `bind ${text}`, why)
      }
    }
  }
}

function lintApiserver(scope: LintScope, report: Report): void {
  const { front, back, servers, checks, isRouted } = scope
  if (!isRouted) lintBinds(scope, report)
  for (const server of servers.filter((one) => one.isChecked)) lintCheck(server, checks, report)
  for (const [proxy, name] of [
    ...(isRouted ? [] : ([[front, 'client']] as const)),
    [back, 'server'],
    [back, 'tunnel']
  ] as const) {
    const line = settingOf(proxy, `timeout ${name}`)
    const ms = msOf(line?.words[2])
    const isOverridden = name !== 'tunnel' && settingOf(back, 'timeout tunnel') !== undefined
    if (line === undefined || ms === undefined || ms === 0 || ms >= HOUR_MS || isOverridden) continue
    const text = `cuts \`kubectl logs -f\`, \`exec\`, \`port-forward\` and watches after ${formatDuration(ms)} of silence: leave it out, dead peers are found by \`tcpka\` and \`tcp_ut\``
    report.add('trap', line, `timeout ${name}`, text)
  }
  const connect = settingOf(back, 'timeout connect')
  if (connect !== undefined && (msOf(connect.words[2]) ?? 0) >= HANDSHAKE_MS) {
    const text =
      'kubectl and kubelet give up a handshake after 10s, so a server that does not answer costs the client its connection: 2s to 5s leave time for another one'
    report.add('trap', connect, 'timeout connect', text)
  }
  const balance = linesOf(back, 'balance').at(-1)
  if (balance !== undefined && argumentOf(balance) === 'source') {
    const text =
      'clients behind one address all get one apiserver, and konnectivity agents never reach the others: use leastconn or roundrobin'
    report.add('trap', balance, 'balance source', text)
  }
}

function lintCheck({ line, values }: Server, { http, lines }: CheckPlan, report: Report): void {
  if (http === undefined) {
    const text = `a TCP check finds that the host answers on the port, not that the apiserver is ready or alive: ${HTTPS_CHECK}`
    report.add('trap', line, 'check', text)
  } else {
    const uri = http.keys.get('uri')
    const path = uri?.kind === 'scalar' ? String(uri.value) : ''
    if (!path.startsWith('/readyz')) {
      const what = path.startsWith('/healthz') || path.startsWith('/livez') ? 'that it lives' : 'little'
      const text = `${path} tells ${what}, and stays good while an apiserver shuts down: \`uri: /readyz\` tells that it takes requests`
      report.add('trap', lines[0] ?? line, 'option httpchk', text)
    }
  }
  if (values.get('verify') === 'none' && http !== undefined) {
    const text =
      'whoever answers at that address is taken for the server: `verify: required` with `ca_file: /etc/kubernetes/pki/ca.crt` and `servername: kubernetes`'
    report.add('trap', line, 'verify none', text)
  }
  if (['v1', 'v2'].includes(values.get('send-proxy') ?? '')) {
    report.add('trap', line, 'send-proxy', 'an apiserver knows no PROXY header, and answers nobody who sends one')
  }
}
