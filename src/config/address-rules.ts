import { formatPrefix } from '../base/ip.js'
import { familyName, isLinkLocal6, isNoHost } from './address-kinds.js'
import { duplicates, errorAt, type Path, type Problem, warningAt } from './problem.js'
import type { Config, VrrpConfig } from './schema.js'
import type { VirtualAddress } from './vip-schema.js'

/** The count in an advert is one byte. */
const MOST_ADDRESSES = 255
/** An advert is never fragmented, and this is what every link carries. */
const MTU = 1500
/** IP header, VRRP header (RFC 9568 §5.2), and of version 2 the password (RFC 2338 §5.3.10), which counts always. */
const OVERHEAD = { 4: 20 + 8 + 8, 6: 40 + 8 } as const
/** keepalived's auth_hmac: a trailer behind the message. */
const HMAC_BYTES = 28

/** The virtual addresses of one instance, one by one and together. */
export function addressProblems(one: VrrpConfig, index: number): Problem[] {
  const at = (...rest: Path): Path => ['vrrp', index, ...rest]
  return [
    ...advertProblems(one, at),
    ...one.virtualIpaddress.flatMap((address, i) => singleProblems(one, address, at('virtual_ipaddress', i))),
    ...one.virtualIpaddressExcluded.flatMap((address, i) =>
      singleProblems(one, address, at('virtual_ipaddress_excluded', i))
    )
  ]
}

/** Two instances that hold one address, on whatever interface and with whatever length; and one that names it twice. */
export function sharedAddresses(config: Config): Problem[] {
  const all = config.vrrp.flatMap((one, i) =>
    heldBy(one).map(({ address, key, index }) => ({ one, address, path: ['vrrp', i, key, index] as const }))
  )
  return duplicates(
    all,
    // The same link-local address on two links is two addresses.
    ({ one, address }) =>
      isLinkLocal6(address.address) ? `${address.address}%${address.dev ?? one.interface}` : address.address,
    (i) => all[i]?.path ?? [],
    (entry, first) =>
      first.one === entry.one
        ? `${formatPrefix(entry.address)} stands twice in ${entry.one.name}: once is enough`
        : `${formatPrefix(entry.address)} already belongs to ${first.one.name}: an address has one instance`
  )
}

/** Every address that an instance holds, with its place. */
const heldBy = (one: VrrpConfig) => [
  ...one.virtualIpaddress.map((address, index) => ({ address, key: 'virtual_ipaddress', index })),
  ...one.virtualIpaddressExcluded.map((address, index) => ({ address, key: 'virtual_ipaddress_excluded', index }))
]

function advertProblems(one: VrrpConfig, at: (...rest: Path) => Path): Problem[] {
  const problems: Problem[] = []
  const [first] = one.virtualIpaddress
  const bytes = one.family === 4 ? 4 : 16
  const room = MTU - OVERHEAD[one.family] - (one.authHmac === null ? 0 : HMAC_BYTES)
  const most = Math.min(MOST_ADDRESSES, Math.floor(room / bytes))
  if (one.virtualIpaddress.length > most) {
    problems.push(
      errorAt(
        at('virtual_ipaddress'),
        `an advert of ${MTU} bytes names at most ${most} ${familyName(one.family)} addresses and these are ${one.virtualIpaddress.length}: move the others to \`virtual_ipaddress_excluded\``
      )
    )
  }
  if (first?.family === 6 && !isLinkLocal6(first.address)) {
    problems.push(
      errorAt(
        at('virtual_ipaddress', 0),
        `the first IPv6 address must be a link-local one (fe80::/10, RFC 9568 §5.2.9): put one before ${first.address}, like fe80::${one.virtualRouterId}:1`
      )
    )
  }
  for (const [i, address] of one.virtualIpaddress.entries()) {
    if (address.family !== one.family) {
      problems.push(
        errorAt(
          at('virtual_ipaddress', i),
          `${address.address} is ${familyName(address.family)} and the adverts of ${one.name} are ${familyName(one.family)}, as its first address is: move it to \`virtual_ipaddress_excluded\`, or give it an instance of its own`
        )
      )
    }
  }
  return problems
}

function singleProblems(one: VrrpConfig, address: VirtualAddress, path: Path): Problem[] {
  const problems: Problem[] = []
  if (isNoHost(address.address) || address.length === 0) {
    problems.push(
      errorAt(path, `${formatPrefix(address)} is no address that a host can have: use a free address of the link`)
    )
  }
  if (address.family === 6) return [...problems, ...ipv4Words(address, path)]
  if (address.broadcast?.includes(':') === true) {
    problems.push(
      errorAt([...path, 'brd'], `${address.broadcast} is IPv6, and the broadcast address of ${address.address} is IPv4`)
    )
  }
  const dev = address.dev ?? one.interface
  if (address.label !== null && address.label !== dev && !address.label.startsWith(`${dev}:`)) {
    problems.push(
      warningAt(
        [...path, 'label'],
        `\`ip\` and ifconfig expect a label to begin with the interface's name: use ${`${dev}:vip`.slice(0, 15)} or the like`
      )
    )
  }
  return problems
}

/** What the kernel knows of IPv4 addresses alone. */
function ipv4Words(address: VirtualAddress, path: Path): Problem[] {
  const problems: Problem[] = []
  const given = [
    ['label', address.label],
    ['brd', address.broadcast]
  ] as const
  for (const [key, value] of given) {
    if (value === null) continue
    problems.push(errorAt([...path, key], `IPv6 addresses have no \`${key}\`: remove it from ${address.address}`))
  }
  if (address.scope !== 0) {
    problems.push(
      warningAt(
        [...path, 'scope'],
        `the kernel takes the scope of an IPv6 address from the address itself: remove it from ${address.address}`
      )
    )
  }
  return problems
}
