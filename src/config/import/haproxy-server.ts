import { formatHostPort, parseHostPort } from '../../base/ip.js'
import { argumentOf, asComment, type Directive, keywordOf } from './directive.js'
import { SERVER_WORDS } from './haproxy-server-words.js'
import type { Report } from './report.js'

/** One `server` line with what its default-server gave it. */
export interface Server {
  readonly line: Directive
  readonly name: string
  readonly address: string
  /** Values of the line itself over those of default-server. */
  readonly values: ReadonlyMap<string, string>
  readonly own: ReadonlyMap<string, string>
  readonly isChecked: boolean
}

/** The servers of a section in their order; those that cannot be carried over are comments of what follows. */
export interface Servers {
  readonly servers: readonly Server[]
  readonly above: ReadonlyMap<Server, readonly string[]>
  readonly tail: readonly string[]
  /** The default-server lines that count, for their comments. */
  readonly defaults: readonly Directive[]
}

const MAX_SERVERS = 256

/** `server` lines, each over the `default-server` lines that stand before it. */
export function importServers(lines: readonly Directive[], bindPorts: readonly number[], report: Report): Servers {
  let base: ReadonlyMap<string, string> = new Map()
  let behind: readonly string[] = []
  const servers: Server[] = []
  const above = new Map<Server, readonly string[]>()
  const defaults: Directive[] = []
  for (const line of lines) {
    if (servers.length > MAX_SERVERS) break
    if (keywordOf(line) === 'default-server') {
      base = new Map([...base, ...parseWords(line, 1, report)])
      report.carry(line)
      defaults.push(line)
    } else if (keywordOf(line) === 'server') {
      const address = serverAddress(line, bindPorts, report)
      if (address === undefined) {
        behind = [...behind, ...line.above, asComment(line)]
        continue
      }
      const own = parseWords(line, 3, report)
      const values = new Map([...base, ...own])
      const why = LEFT_OUT.find(([word, off]) => values.has(word) && !own.has(off))
      if (why !== undefined) {
        report.add('changed', line, `server ${argumentOf(line)}`, `${why[2]}: left out`)
        behind = [...behind, ...line.above, asComment(line)]
        continue
      }
      const server = { line, name: argumentOf(line), address, values, own, isChecked: values.get('check') === 'yes' }
      report.carry(line)
      servers.push(server)
      above.set(server, [...behind, ...line.above])
      behind = []
    }
  }
  if (servers.length > MAX_SERVERS) {
    report.add(
      'error',
      servers[MAX_SERVERS]?.line ?? { line: 1 },
      'server',
      `more than ${MAX_SERVERS} in one section: this is no job for vipd`
    )
  }
  return { servers: servers.slice(0, MAX_SERVERS), above, tail: behind, defaults }
}

/** Words with which a server would get connections that haproxy does not give it, those that undo them, and why. */
const LEFT_OUT = [
  [
    'disabled',
    'enabled',
    '`disabled` is not carried over yet (later work), and it must not come into service by itself'
  ],
  [
    'backup',
    'no-backup',
    '`backup` is not carried over yet (later work), and it must not take its turn like the others'
  ],
  ['ssl', 'no-ssl', '`ssl`: vipd speaks no TLS to servers, the bytes pass as they are']
] as const

/** The words of a line that are carried over; `check` is 'yes' or 'no'. Everything else is reported. */
function parseWords(line: Directive, from: number, report: Report): Map<string, string> {
  const values = new Map<string, string>()
  for (let i = from; i < line.words.length; i++) {
    const word = line.words[i] ?? ''
    const known = SERVER_WORDS.get(word)
    if (known === undefined) {
      report.add('changed', line, word, 'not understood: left out. Is it spelled right?')
      continue
    }
    const value = known.hasValue ? line.words[++i] : 'yes'
    if (value === undefined) report.add('error', line, word, 'its value is missing')
    else if (known.leftover !== undefined) report.add(known.leftover.level, line, word, known.leftover.text)
    else if (word === 'on-marked-down') reviewMarkedDown(line, value, report)
    else if (word === 'check' || word === 'no-check') values.set('check', word === 'check' ? 'yes' : 'no')
    if (value !== undefined && known.leftover === undefined && word !== 'check') values.set(word, value)
  }
  return values
}

function reviewMarkedDown(line: Directive, value: string, report: Report): void {
  if (value !== 'shutdown-sessions')
    report.add('error', line, 'on-marked-down', `must be shutdown-sessions, not \`${value}\``)
}

/** ADDRESS:PORT of a server, or undefined when vipd cannot reach it that way (the report says why). */
function serverAddress(line: Directive, bindPorts: readonly number[], report: Report): string | undefined {
  const given = line.words[2]
  const subject = `server ${argumentOf(line)}`
  if (given === undefined) {
    report.add('error', line, subject, 'needs a name and an address: `server NAME ADDRESS:PORT`')
    return undefined
  }
  const text = given.replace(/^(?:ipv4|ipv6|tcp|tcp4|tcp6)@/, '')
  const match = /^(.*?)(?::([+-]?\d*))?$/.exec(
    /:.*:/.test(text) && !text.includes(']:') && !/:\d{4,5}$/.test(text) ? `${text}:` : text
  )
  const host = (match?.[1] ?? '').replace(/^\[(.*)\]$/, '$1')
  const port = match?.[2] ?? ''
  if (/@|^\//.test(text) || /^[+-]/.test(port)) {
    report.add('changed', line, subject, `\`${given}\` is no address and port that vipd can reach: left out`)
    return undefined
  }
  const sole = bindPorts.length === 1 ? bindPorts[0] : undefined
  const address = formatHostPort({ host, port: port === '' ? (sole ?? 0) : Number(port) })
  if (parseHostPort(address) !== undefined) {
    if (port === '')
      report.add('warning', line, subject, `no port given, so it is the one that clients connect to: ${sole}`)
    return address
  }
  if (/[A-Za-z]/.test(host) && !host.includes(':')) {
    report.add('changed', line, subject, `vipd does not resolve names: left out. Write the address of ${host}`)
  } else if (port === '' && sole === undefined) {
    report.add('changed', line, subject, 'no port given and several are bound: left out. Write ADDRESS:PORT')
  } else {
    report.add('error', line, subject, `\`${given}\` is no address and port, like 10.0.0.1:6443`)
  }
  return undefined
}
