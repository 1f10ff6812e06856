import { parseDuration } from '../../base/duration.js'
import type { Server } from './haproxy-server.js'
import { type Entry, entry, map, type Node, type Place, plain } from './yaml-tree.js'

/** What is to be written about a server: keys, those below `check` as 'check.KEY'. */
export type Facts = ReadonlyMap<string, Node>

/** The keys of `default_server`, and what is left for each server. */
export interface Factored {
  readonly common: readonly Entry[]
  readonly own: ReadonlyMap<Server, readonly Entry[]>
}

/** In the order in which they are written. */
const KEYS = [
  ...['weight', 'maxconn', 'slowstart', 'backup', 'disabled', 'check'],
  ...['check.type', 'check.inter', 'check.fastinter', 'check.downinter', 'check.rise', 'check.fall', 'check.spread'],
  ...['check.port', 'check.addr', 'check.send_proxy', 'check.method', 'check.uri', 'check.host', 'check.expect'],
  ...['check.verify', 'check.ca_file', 'check.servername', 'check.crt'],
  ...['agent_check', 'observe', 'error_limit', 'on_error', 'on_marked_down', 'on_marked_up', 'send_proxy', 'source']
]

/** What every checked server has: another value undoes it, so the commonest one is shared. */
const UNDONE: ReadonlySet<string> = new Set(['check.type', 'check.inter', 'check.rise', 'check.fall'])

/** What counts for checked servers alone. */
const isOfChecks = (key: string): boolean => /^(?:check\.|observe|error_limit|on_error)/.test(key)

/** Puts what servers have in common in one place. */
export function factor(facts: ReadonlyMap<Server, Facts>, file: string): Factored {
  const servers = [...facts.keys()]
  const common = new Map<string, Node>()
  const sources = new Map<string, Server>()
  for (const key of KEYS) {
    const of = isOfChecks(key) ? servers.filter((one) => one.isChecked) : servers
    const shared = sharedBy(key, of, facts)
    const node = shared === undefined ? undefined : facts.get(shared)?.get(key)
    if (shared === undefined || node === undefined) continue
    common.set(key, node)
    sources.set(key, shared)
  }
  const placeOf = (server: Server | undefined): Place | undefined =>
    server === undefined ? undefined : { file, line: server.line.line }
  const own = new Map<Server, readonly Entry[]>()
  for (const server of servers) {
    const rest = new Map(
      [...(facts.get(server) ?? [])].filter(
        ([key, node]) => !common.has(key) || !isSame(node, common.get(key)) || (isOfChecks(key) && !server.isChecked)
      )
    )
    own.set(
      server,
      entriesOf(rest, () => placeOf(server))
    )
  }
  return { common: entriesOf(common, (key) => placeOf(sources.get(key))), own }
}

/** A server whose value all share, or most; undefined: it is each one’s own. */
function sharedBy(key: string, servers: readonly Server[], facts: ReadonlyMap<Server, Facts>): Server | undefined {
  const groups = new Map<string, Server[]>()
  for (const server of servers) {
    const value = text(facts.get(server)?.get(key))
    const group = groups.get(value) ?? []
    group.push(server)
    groups.set(value, group)
  }
  if (UNDONE.has(key)) return [...groups.values()].sort((a, b) => b.length - a.length)[0]?.[0]
  const [first] = servers
  if (groups.size !== 1 || first === undefined) return undefined
  // What one server alone says stays with it, unless `default-server` said it.
  return servers.length > 1 || key.startsWith('check') || !first.own.has(wordOf(key)) ? first : undefined
}

const wordOf = (key: string): string => (key === 'agent_check' ? 'agent-check' : key.replaceAll('_', '-'))

const isSame = (one: Node, other: Node | undefined): boolean => text(one) === text(other)

/** `5000` and `5s` are one value. */
function text(node: Node | undefined): string {
  if (node === undefined) return ''
  const value = plain(node)
  const ms = typeof value === 'string' ? parseDuration(value, 'ms') : undefined
  return ms === undefined ? JSON.stringify(value) : `${ms}ms`
}

/** 'check.KEY' keys come together under `check`. */
function entriesOf(facts: Facts, placeOf: (key: string) => Place | undefined): Entry[] {
  const inside: Entry[] = []
  const entries: Entry[] = []
  let at = -1
  for (const key of KEYS) {
    const node = facts.get(key)
    if (node === undefined) continue
    if (!key.startsWith('check.')) {
      entries.push(entry(key, node, { place: placeOf(key) }))
      continue
    }
    if (at < 0) at = entries.length
    inside.push(entry(key.slice('check.'.length), node, { place: placeOf(key) }))
  }
  if (inside.length > 0) entries.splice(at, 0, entry('check', map(inside, true), { place: inside[0]?.place }))
  return entries
}
