import { parseDuration } from '../../base/duration.js'
import { canonicalAddress, parseHostPort } from '../../base/ip.js'
import type { Server } from './haproxy-server.js'
import { durationNode, type Entry, entry, map, type Node, numberOr, type Place, scalar } from './yaml-tree.js'

/** What the servers' checks have in common, and what each has for itself. */
export interface Checks {
  /** For `default_server`. */
  readonly common: Entry | undefined
  readonly own: ReadonlyMap<Server, Entry>
}

/** Sorts the servers' check settings into common ones and own ones. haproxy's defaults are written out: rise 2, fall 3, inter 2s. */
export function importChecks(servers: readonly Server[], spread: string | undefined, file: string): Checks {
  const checked = servers.filter((one) => one.isChecked)
  const own = new Map<Server, Entry>()
  const first = checked[0]
  if (first === undefined) return { common: entry('check', scalar(false)), own }
  const shared = new Map(KEYS.map((key) => [key, commonest(key, checked)]))
  for (const server of servers) {
    const place = { file, line: server.line.line }
    const rest = KEYS.filter((key) => !isShared(key, server, shared.get(key)))
    const entries = rest.flatMap((key) => settingEntry(key, server, place))
    if (!server.isChecked) own.set(server, entry('check', scalar(false)))
    else if (entries.length > 0) own.set(server, entry('check', map(entries, true), { place }))
  }
  const place = { file, line: first.line.line }
  const entries = [entry('type', scalar('tcp')), ...KEYS.flatMap((key) => sharedEntry(key, shared.get(key), place))]
  if (spread !== undefined && spread !== '0') entries.push(entry('spread', scalar(`${spread}%`)))
  return { common: entry('check', map(entries, true), { place }), own }
}

const KEYS = ['inter', 'rise', 'fall', 'port', 'addr'] as const
type Key = (typeof KEYS)[number]

const DEFAULTS: ReadonlyMap<string, string> = new Map([
  ['inter', '2s'],
  ['rise', '2'],
  ['fall', '3']
])

/** A setting as its owner wrote it, haproxy's default where there is none, undefined where nothing is to be said. */
function settingValue(key: Key, server: Server): string | undefined {
  const value = server.values.get(key) ?? DEFAULTS.get(key)
  const address = parseHostPort(server.address)
  if (key === 'port' && (value === '0' || value === String(address?.port))) return undefined
  if (key === 'addr' && value !== undefined && canonicalAddress(value) === address?.host) return undefined
  return value
}

const isShared = (key: Key, server: Server, common: Server | undefined): boolean =>
  common !== undefined && sameValue(key, server) === sameValue(key, common)

const sharedEntry = (key: Key, server: Server | undefined, place: Place): Entry[] =>
  server === undefined ? [] : settingEntry(key, server, place)

/** A server with the value that most have; for port and addr, which nothing undoes, only when all agree. */
function commonest(key: Key, servers: readonly Server[]): Server | undefined {
  const groups = new Map<string | number | undefined, Server[]>()
  for (const server of servers) {
    const value = sameValue(key, server)
    const group = groups.get(value) ?? []
    group.push(server)
    groups.set(value, group)
  }
  const largest = [...groups.values()].sort((a, b) => b.length - a.length)[0]
  return groups.size > 1 && (key === 'port' || key === 'addr') ? undefined : largest?.[0]
}

/** `5000` and `5s` are one value. */
function sameValue(key: Key, server: Server): string | number | undefined {
  const value = settingValue(key, server)
  return key === 'inter' && value !== undefined ? (parseDuration(value, 'ms') ?? value) : value
}

function settingEntry(key: Key, server: Server, place: Place): Entry[] {
  const value = settingValue(key, server)
  if (value === undefined) return []
  const node: Node = key === 'inter' ? durationNode(value, 'ms') : key === 'addr' ? scalar(value) : numberOr(value)
  return [entry(key, node, { place })]
}
