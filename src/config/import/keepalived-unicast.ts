import { addressBytes, canonicalAddress, type Family, familyOf } from '../../base/ip.js'
import { argumentOf, type Directive, keywordOf } from './directive.js'
import { isLinkLocal6 } from './keepalived-address.js'
import { add, addList, type Draft, gatherItems, leave, leaveOut } from './keepalived-draft.js'
import { entry, list, map, type Node, numberOr, scalar } from './yaml-tree.js'

/** What the peers of an instance have to be judged by. */
export interface UnicastScope {
  readonly family: Family
  /** unicast_src_ip or mcast_src_ip; '' is none. */
  readonly source: string
  /** unicast_ttl, the same on every node; '' is keepalived's default: 255, over IPv6 64. */
  readonly ttl: string
  /** check_unicast_src stands somewhere. */
  readonly isChecked: boolean
}

/** unicast_peer: the other nodes, with what vipd checks of their adverts and keepalived does not. */
export function takePeers(draft: Draft, block: Directive, scope: UnicastScope): void {
  const seen = new Set<string>()
  const { items, behind } = gatherItems(draft.report, block, (line) => peerNode(draft, line, scope, seen))
  if (items.length === 0) {
    leave(draft, block)
    const text =
      'holds no peer: keepalived would send multicast, and nobody knows which is meant. Name the other nodes, or remove the block'
    draft.report.add('error', block, 'unicast_peer', text)
    return
  }
  addList(draft, 'unicast_peer', list(items, true, [...behind, ...block.tail]), block)
  reviewChecks(draft, block, scope, seen)
}

function peerNode(draft: Draft, line: Directive, scope: UnicastScope, seen: Set<string>): Node | undefined {
  const given = keywordOf(line)
  const address = canonicalAddress(given) ?? given
  const leaveOut = (text: string): undefined => {
    draft.report.add('warning', line, given, `${text}: left out`)
  }
  const limits = new Map<string, string>()
  for (let i = 1; i < line.words.length; i += 2) {
    const word = line.words[i] ?? ''
    const value = line.words[i + 1]
    if ((word === 'min_ttl' || word === 'max_ttl') && value !== undefined) limits.set(word, value)
    else
      draft.report.add(
        'error',
        line,
        given,
        'not understood: a peer may be followed by min_ttl and max_ttl, and has a line of its own'
      )
  }
  const family = familyOf(address)
  if (family !== undefined && family !== scope.family) {
    return leaveOut('is of the other family than the first virtual address, so keepalived skips it too')
  }
  if (address === canonicalAddress(scope.source)) return leaveOut('is this node itself')
  if (seen.has(address)) return leaveOut('stands twice')
  seen.add(address)
  const least = limits.get('min_ttl') ?? (limits.has('max_ttl') ? '1' : String(Math.min(255, expectedTtl(scope))))
  if (least === '255' && !limits.has('max_ttl')) return scalar(address)
  const entries = [entry('address', scalar(address)), entry('min_ttl', numberOr(least === '0' ? '1' : least))]
  const most = limits.get('max_ttl')
  if (most !== undefined) entries.push(entry('max_ttl', numberOr(most)))
  return map(entries, true)
}

/** With what TTL the adverts of keepalived on another node set out. */
function expectedTtl({ ttl, family }: UnicastScope): number {
  const given = /^\d{1,3}$/.test(ttl) ? Number(ttl) : undefined
  return Math.max(1, given ?? (family === 6 ? 64 : 255))
}

function reviewChecks(draft: Draft, block: Directive, scope: UnicastScope, peers: ReadonlySet<string>): void {
  const lines = block.block ?? []
  if (!scope.isChecked && lines.every((line) => line.words.length === 1)) {
    const text = 'is off in keepalived unless said; vipd always refuses adverts that come from none of these nodes'
    draft.report.add('warning', block, 'check_unicast_src', text)
  }
  if (lines.every((line) => line.words.length > 1)) return
  const ttl = expectedTtl(scope)
  const isNear = scope.source !== '' && [...peers].every((peer) => sharesNetwork(peer, scope.source))
  const limit =
    ttl === 255
      ? 'TTL 255'
      : scope.ttl === ''
        ? 'hop limit 64, which keepalived sends, or more'
        : `TTL ${ttl}, which unicast_ttl says, or more`
  const text = `vipd takes adverts of these nodes only with ${limit}, so with no router on the way; keepalived takes any. Behind routers a node needs \`min_ttl\`: ${ttl} less one for each`
  draft.report.add(isNear ? 'warning' : 'changed', block, 'unicast_peer', text)
}

/** Likely on one link: the first 24 or 64 bits are the same. */
function sharesNetwork(left: string, right: string): boolean {
  const a = addressBytes(left)
  const b = addressBytes(right)
  if (a === undefined || b === undefined || a.length !== b.length) return false
  return a.subarray(0, a.length === 4 ? 3 : 8).every((byte, i) => byte === b[i])
}

/** unicast_src_ip and mcast_src_ip are one setting in keepalived; in vipd each belongs to its kind of adverts. */
export function takeSource(draft: Draft, line: Directive, family: Family, isUnicast: boolean): void {
  const key = isUnicast ? 'unicast_src_ip' : 'mcast_src_ip'
  if (!isUnicast && familyOf(argumentOf(line)) === 6 && family === 6 && !isLinkLocal6(argumentOf(line))) {
    const text = 'IPv6 adverts by multicast come from a link-local address (RFC 9568), here from the interface’s own'
    leaveOut(draft, line, 'changed', keywordOf(line), text)
    return
  }
  add(draft, key, scalar(argumentOf(line)), line)
  if (keywordOf(line) === key) return
  const why = isUnicast ? 'there is a `unicast_peer`' : 'there is no `unicast_peer`, so keepalived sends multicast'
  draft.report.add('warning', line, keywordOf(line), `${why}: it is ${key} now`)
}
