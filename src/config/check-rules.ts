import type { CheckType } from './check-schema.js'
import { property } from './issues.js'
import { errorAt, type Path, type Problem, unique, warningAt } from './problem.js'
import type { CheckConfig, ServiceConfig } from './schema.js'
import { type Written, writtenFor } from './written.js'

const HTTP: readonly CheckType[] = ['http', 'https']
const HTTPS: readonly CheckType[] = ['https']
const CONNECTED: readonly CheckType[] = ['tcp', 'http', 'https']

/** The kinds of check that a key is for, where that is not all of them. */
const KINDS: ReadonlyMap<string, readonly CheckType[]> = new Map([
  ['port', ['tcp', 'http', 'https', 'exec', 'agent']],
  ['send_proxy', CONNECTED],
  ['method', HTTP],
  ['uri', HTTP],
  ['host', HTTP],
  ['expect', HTTP],
  ['token_file', HTTP],
  ['verify', HTTPS],
  ['ca_file', HTTPS],
  ['servername', HTTPS],
  ['crt', HTTPS],
  ['key', HTTPS],
  ['command', ['exec']],
  ['user', ['exec']],
  ['send', ['agent']]
])

/** An apiserver's port: it speaks TLS there, whatever else is said. */
const APISERVER_PORT = 6443

/** The checks of a service: keys that belong to another kind, what a kind needs, and what gives secrets away. */
export function checkProblems(one: ServiceConfig, index: number, written: Written): Problem[] {
  const at: Path = ['proxy', index]
  return [
    ...strayProblems(one, at, written),
    ...unique(
      one.servers.flatMap(({ check }, i) => (check === null ? [] : oneProblems(check, placesIn(at, i, written))))
    )
  ]
}

/** Where the keys of a server's check stand. */
interface Places {
  readonly has: (key: string) => boolean
  /** What is missing stands at the server's own check, or at the type that it has. */
  readonly pathOf: (key: string) => Path
}

function placesIn(at: Path, index: number, written: Written): Places {
  const pathFor = (key: string): Path => writtenFor(written, at, index, 'check', key)
  const has = (key: string): boolean => written.value(pathFor(key)) !== undefined
  const hasOwn = written.value([...at, 'servers', index, 'check']) !== undefined
  return { has, pathOf: (key) => pathFor(has(key) || hasOwn ? key : 'type') }
}

/** Keys of default_server are for servers of several kinds: wrong is what fits none of them. */
function strayProblems(one: ServiceConfig, at: Path, written: Written): Problem[] {
  const uses = new Map<string, { readonly path: Path; readonly key: string; readonly types: CheckType[] }>()
  for (const [i, { check }] of one.servers.entries()) {
    if (check === null) continue
    for (const from of [
      [...at, 'default_server', 'check'],
      [...at, 'servers', i, 'check']
    ]) {
      const map = written.value(from)
      for (const key of KINDS.keys()) {
        if (property(map, key) === undefined) continue
        const path = [...from, key]
        const use = uses.get(path.join('.')) ?? { path, key, types: [] }
        use.types.push(check.type)
        uses.set(path.join('.'), use)
      }
    }
  }
  return [...uses.values()].flatMap(({ path, key, types }) => {
    const kinds = KINDS.get(key) ?? []
    const [type] = types
    if (type === undefined || types.some((one) => kinds.includes(one))) return []
    const mend = type === 'icmp' ? 'a ping has no port, leave it out' : `add \`type: ${kinds.at(-1)}\`, or leave it out`
    return [
      {
        ...errorAt(path, `\`${key}\` is for checks of type ${kinds.join(', ')}, and this is ${type}: ${mend}`),
        atKey: true
      }
    ]
  })
}

function oneProblems(check: CheckConfig, places: Places): Problem[] {
  const { has, pathOf } = places
  const problems: Problem[] = []
  if (check.type === 'exec' && !has('command')) {
    problems.push(errorAt(pathOf('type'), 'a check of type exec needs a program: add `command: /PATH`'))
  }
  if (check.type === 'agent' && !has('port')) {
    const message = 'an agent listens on a port of its own: add `port`'
    problems.push(errorAt(pathOf('type'), message))
  }
  if (has('timeout') && check.timeoutMs > check.interMs) {
    const message = 'a check that hangs for longer than `inter` holds the next one up: use at most `inter`'
    problems.push(warningAt(pathOf('timeout'), message))
  }
  return check.http === null ? problems : [...problems, ...httpProblems(check, check.http, places)]
}

function httpProblems(check: CheckConfig, http: NonNullable<CheckConfig['http']>, { pathOf }: Places): Problem[] {
  const problems: Problem[] = []
  const warn = (key: string, message: string): number => problems.push(warningAt(pathOf(key), message))
  if (http.keyFile !== null && http.crtFile === null) {
    problems.push(errorAt(pathOf('key'), '`key` belongs to a certificate: add `crt`'))
  }
  if (http.method === 'HEAD' && (http.body !== null || http.bodyRegex !== null)) {
    problems.push(
      errorAt(pathOf('expect'), 'an answer to HEAD has no body: use `method: GET`, or expect a status alone')
    )
  }
  if (!http.isTls && check.port === APISERVER_PORT) {
    warn('type', 'an apiserver answers on 6443 by TLS alone: use `type: https`')
  }
  if (http.isTls && http.verify && http.caFile === null) {
    warn(
      'ca_file',
      'without `ca_file` an authority of this system must have signed the certificate, and an apiserver’s is signed by its cluster: add `ca_file: /etc/kubernetes/pki/ca.crt`'
    )
  }
  if (http.isTls && !http.verify && http.caFile !== null) {
    warn('ca_file', '`verify: none` looks at no certificate: leave one of them out')
  }
  if (http.tokenFile !== null && !http.isTls) {
    warn('token_file', 'the token goes out for everybody on the way to read: use `type: https`')
  } else if (http.tokenFile !== null && !http.verify) {
    warn('token_file', 'with `verify: none` the token goes to whoever answers at that address: use `ca_file`')
  }
  return problems
}
