import { formatHostPort, parseHostPort } from '../../base/ip.js'
import { argumentOf, asComment, type Directive, keywordOf } from './directive.js'
import { SERVER_WORDS } from './haproxy-server-words.js'
import { takeSource } from './haproxy-source.js'
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
      base = over(base, parseWords(line, 1, report))
      report.carry(line)
      defaults.push(line)
    } else if (keywordOf(line) === 'server') {
      const address = serverAddress(line, bindPorts, report)
      if (address === undefined) {
        behind = [...behind, ...line.above, asComment(line)]
        continue
      }
      const own = parseWords(line, 3, report)
      const values = over(base, own)
      if (values.get('ssl') === 'yes') {
        const text = '`ssl`: vipd speaks no TLS to servers, the bytes pass as they are: left out'
        report.add('changed', line, `server ${argumentOf(line)}`, text)
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

/** Words without a value: the one that they set, and to what. */
const FLAGS: ReadonlyMap<string, readonly [word: string, value: string]> = new Map([
  ['no-check', ['check', 'no']],
  ['no-backup', ['backup', 'no']],
  ['enabled', ['disabled', 'no']],
  ['no-ssl', ['ssl', 'no']],
  ['no-check-ssl', ['check-ssl', 'no']],
  ['no-agent-check', ['agent-check', 'no']],
  ['no-check-send-proxy', ['check-send-proxy', 'no']],
  ['send-proxy', ['send-proxy', 'v1']],
  ['send-proxy-v2', ['send-proxy', 'v2']],
  ['send-proxy-v2-ssl', ['send-proxy', 'v2']],
  ['send-proxy-v2-ssl-cn', ['send-proxy', 'v2']],
  ['no-send-proxy', ['send-proxy', 'no']],
  ['no-send-proxy-v2', ['send-proxy', 'no']]
])

/** A line's own words over those of default-server. */
const over = (base: ReadonlyMap<string, string>, own: ReadonlyMap<string, string>): ReadonlyMap<string, string> =>
  new Map([...base, ...own])

/** The words of a line that are carried over; those without a value are 'yes' or 'no'. Everything else is reported. */
function parseWords(line: Directive, from: number, report: Report): Map<string, string> {
  const values = new Map<string, string>()
  for (let i = from; i < line.words.length; i++) {
    const word = line.words[i] ?? ''
    const known = SERVER_WORDS.get(word)
    if (known === undefined) {
      report.add('changed', line, word, 'not understood: left out. Is it spelled right?')
      continue
    }
    if (word === 'source') {
      const { origin, taken } = takeSource(line, i + 1, report)
      values.set('source', origin.address)
      values.set('usesrc', origin.isTransparent ? 'yes' : 'no')
      i += taken
      continue
    }
    const value = known.hasValue ? line.words[++i] : 'yes'
    if (value === undefined) report.add('error', line, word, 'its value is missing')
    else if (known.leftover !== undefined) report.add(known.leftover.level, line, word, known.leftover.text)
    else {
      const [key, set] = FLAGS.get(word) ?? [word, value]
      values.set(key, set)
    }
  }
  return values
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
