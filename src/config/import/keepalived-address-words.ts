import { addressBytes, type Family, formatAddress, parsePrefix } from '../../base/ip.js'
import { type Directive, keywordOf } from './directive.js'
import type { Report } from './report.js'
import { type Entry, entry, scalar } from './yaml-tree.js'

/** Parameters of an address that carry a word with them. */
const WITH_VALUE: ReadonlySet<string> = new Set([
  'brd',
  'broadcast',
  'dev',
  'scope',
  'label',
  'peer',
  'preferred_lft',
  'track_group'
])
const OWN_WAY = 'vipd adds the address in its own way: left out'
const WITHOUT_VALUE: ReadonlyMap<string, string> = new Map([
  ['-nodad', ''],
  ['home', OWN_WAY],
  ['mngtmpaddr', OWN_WAY],
  ['noprefixroute', 'with /32 or /128 no route comes with the address: with another length give it one of these'],
  ['autojoin', OWN_WAY],
  ['no_track', 'when somebody takes the address away, vipd puts it back'],
  ['use_vmac', 'the address is on the interface itself, with its own MAC']
])
const SCOPES: ReadonlyMap<string, string> = new Map([
  ['0', 'global'],
  ['200', 'site'],
  ['253', 'link'],
  ['254', 'host']
])

/** What follows an address on its line: as keys of vipd's map, or in the report. */
export function addressParameters(line: Directive, interfaceName: string, report: Report): Entry[] {
  const family = parsePrefix(keywordOf(line))?.family ?? 4
  const entries: Entry[] = []
  for (let i = 1; i < line.words.length; i++) {
    const name = line.words[i] ?? ''
    const alone = WITHOUT_VALUE.get(name)
    if (WITH_VALUE.has(name)) entries.push(...withValue(line, name, line.words[++i] ?? '', interfaceName, report))
    else if (name === '-nodad' && family === 6) entries.push(entry('nodad', scalar(false)))
    else if (name === '-nodad') report.add('warning', line, `${keywordOf(line)} -nodad`, 'is for IPv6: left out')
    else if (alone !== undefined)
      report.add(alone === OWN_WAY ? 'warning' : 'changed', line, `${keywordOf(line)} ${name}`, alone)
    else if (parsePrefix(name) !== undefined) {
      const text = 'a second address on one line: give each its own line, keepalived ignores this one'
      report.add('error', line, name, text)
    } else {
      const known = [...WITH_VALUE, ...WITHOUT_VALUE.keys()].join(', ')
      report.add('error', line, name, `not understood: an address may be followed by ${known}`)
    }
  }
  return unique(entries)
}

/** The last of a kind counts. */
const unique = (entries: readonly Entry[]): Entry[] => [...new Map(entries.map((one) => [one.key, one])).values()]

function withValue(line: Directive, name: string, value: string, interfaceName: string, report: Report): Entry[] {
  const address = keywordOf(line)
  const family: Family = parsePrefix(address)?.family ?? 4
  const subject = `${address} ${name}`
  const leaveOut = (level: 'warning' | 'changed' | 'error', text: string): Entry[] => {
    report.add(level, line, subject, text)
    return []
  }
  if (value === '') return leaveOut('error', 'its value is missing')
  switch (name) {
    case 'dev':
      return value === interfaceName ? [] : [entry('dev', scalar(value))]
    case 'label':
      return family === 6
        ? leaveOut('warning', 'IPv6 addresses have no label: left out')
        : [entry('label', scalar(value))]
    case 'brd':
    case 'broadcast': {
      if (family === 6) return leaveOut('warning', 'IPv6 addresses have no broadcast address: left out')
      const broadcast = value === '+' || value === '-' ? broadcastOf(address, value) : value
      return broadcast === undefined ? [] : [entry('brd', scalar(broadcast))]
    }
    case 'scope': {
      const scope = SCOPES.get(value) ?? value
      if (scope === 'global') return []
      if (family === 6)
        return leaveOut('warning', 'the kernel takes the scope of an IPv6 address from the address: left out')
      if ([...SCOPES.values()].includes(scope)) return [entry('scope', scalar(scope))]
      return leaveOut('changed', `vipd knows ${[...SCOPES.values()].join(', ')}: the address gets scope global`)
    }
    case 'peer':
      return leaveOut('changed', 'the address is added without a peer')
    default:
      return leaveOut('warning', OWN_WAY)
  }
}

/** An address with its host bits all set, or none: keepalived's `brd +` and `brd -`. */
function broadcastOf(prefix: string, sign: '+' | '-'): string | undefined {
  const parsed = parsePrefix(prefix)
  const bytes = parsed?.family === 4 ? addressBytes(parsed.address) : undefined
  if (parsed === undefined || bytes === undefined) return undefined
  const net = (i: number): number => (0xff << (8 - Math.min(8, Math.max(0, parsed.length - i * 8)))) & 0xff
  return formatAddress(bytes.map((byte, i) => (sign === '+' ? byte | (~net(i) & 0xff) : byte & net(i))))
}
