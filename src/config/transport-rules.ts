import { familyOf } from '../base/ip.js'
import { familyName, isLinkLocal6, isMulticast, isNoHost } from './address-kinds.js'
import { duplicates, errorAt, type Path, type Problem } from './problem.js'
import type { Config, VrrpConfig } from './schema.js'
import type { Written } from './written.js'

type At = (...rest: Path) => Path

/** Keys that say something about unicast adverts, and nothing without peers. */
const UNICAST_WORDS = ['unicast_src_ip', 'unicast_ttl', 'check_unicast_src'] as const

/** Virtual address → the instance that holds it: nothing that a node can send from, or be reached at. */
export const holders = (config: Config): ReadonlyMap<string, string> =>
  new Map(
    config.vrrp.flatMap((one) =>
      [...one.virtualIpaddress, ...one.virtualIpaddressExcluded].map(({ address }) => [address, one.name] as const)
    )
  )

/** How adverts travel: source, group, peers. */
export function transportProblems(
  one: VrrpConfig,
  index: number,
  virtual: ReadonlyMap<string, string>,
  written: Written
): Problem[] {
  const at: At = (...rest) => ['vrrp', index, ...rest]
  return [
    ...sourceProblems(one, at, virtual),
    ...(one.unicast === null ? multicastProblems(one, at, (key) => written.has(index, key)) : []),
    ...(one.unicast === null ? [] : unicastProblems(one, one.unicast, at, virtual))
  ]
}

function sourceProblems(one: VrrpConfig, at: At, virtual: ReadonlyMap<string, string>): Problem[] {
  if (one.given.unicastSrcIp && one.given.mcastSrcIp) {
    return [
      errorAt(
        at('mcast_src_ip'),
        'adverts have one source, and `unicast_src_ip` names one already: keep the one that fits `unicast_peer`'
      )
    ]
  }
  if (one.source === null) return []
  const path = at(one.given.unicastSrcIp ? 'unicast_src_ip' : 'mcast_src_ip')
  const holder = virtual.get(one.source)
  if (familyOf(one.source) !== one.family) {
    return [
      errorAt(
        path,
        `the adverts of ${one.name} are ${familyName(one.family)}, as its first virtual address is: use an ${familyName(one.family)} address of ${one.interface}`
      )
    ]
  }
  if (holder !== undefined) {
    return [
      errorAt(
        path,
        `${one.source} is a virtual address of ${holder} and moves between the nodes: use an address that this node keeps`
      )
    ]
  }
  if (isNoHost(one.source)) {
    return [errorAt(path, `${one.source} is no address that a host can have: use an address of ${one.interface}`)]
  }
  if (one.family === 6 && one.unicast === null && !isLinkLocal6(one.source)) {
    return [
      errorAt(
        path,
        `IPv6 multicast adverts come from a link-local address (RFC 9568 §5.1.2.1): use the fe80:: one of ${one.interface}, or leave it out`
      )
    ]
  }
  return []
}

function multicastProblems(one: VrrpConfig, at: At, isGiven: (key: string) => boolean): Problem[] {
  const problems: Problem[] = UNICAST_WORDS.filter(isGiven).map((key) =>
    errorAt(
      at(key),
      `\`${key}\` is for unicast and there is no \`unicast_peer\`: name the other nodes there, or remove it (keepalived would send multicast and call it unicast)`
    )
  )
  if (one.given.mcastDstIp && !(isMulticast(one.group) && familyOf(one.group) === one.family)) {
    const like = one.family === 4 ? '224.0.0.18' : 'ff02::12'
    problems.push(
      errorAt(
        at('mcast_dst_ip'),
        `${one.group} is no ${familyName(one.family)} multicast group: use one, like ${like}, or leave it out`
      )
    )
  }
  return problems
}

function unicastProblems(
  one: VrrpConfig,
  unicast: NonNullable<VrrpConfig['unicast']>,
  at: At,
  virtual: ReadonlyMap<string, string>
): Problem[] {
  const problems: Problem[] = []
  if (one.given.mcastDstIp) {
    problems.push(
      errorAt(at('mcast_dst_ip'), 'with `unicast_peer` adverts go to the peers alone: remove one of the two')
    )
  }
  for (const [i, peer] of unicast.peers.entries()) {
    const path = at('unicast_peer', i)
    const wrong = peerFault(one, peer.address, virtual)
    if (wrong !== undefined) problems.push(errorAt(path, wrong))
    if (peer.minTtl > peer.maxTtl) {
      problems.push(
        errorAt(
          [...path, 'min_ttl'],
          `no advert of ${peer.address} has a TTL from ${peer.minTtl} to ${peer.maxTtl}: \`min_ttl\` (255 unless given) must not be above \`max_ttl\``
        )
      )
    }
  }
  return [
    ...problems,
    ...duplicates(
      unicast.peers,
      (peer) => peer.address,
      (i) => at('unicast_peer', i),
      (peer) => `${peer.address} stands twice in \`unicast_peer\`: once is enough`
    )
  ]
}

/** Why an address can be no peer. */
function peerFault(one: VrrpConfig, peer: string, virtual: ReadonlyMap<string, string>): string | undefined {
  const holder = virtual.get(peer)
  if (familyOf(peer) !== one.family) {
    return `${peer} is no ${familyName(one.family)} address and the adverts of ${one.name} are ${familyName(one.family)}, as its first virtual address is: name the peer by such an address`
  }
  if (isMulticast(peer)) return `${peer} is a multicast group: name each peer, or leave \`unicast_peer\` out`
  if (holder !== undefined) {
    return `${peer} is a virtual address of ${holder} and moves between the nodes: name the peer by an address that it keeps`
  }
  if (isNoHost(peer)) return `${peer} is no address that a host can have: name the peer by an address of its link`
  if (peer === one.source) return `${peer} is this node itself: name the other nodes alone`
  return undefined
}
