import { formatHostPort, formatPrefix } from '../base/ip.js'
import { errorAt, type Path, type Problem, warningAt } from './problem.js'
import type { Config, VrrpConfig } from './schema.js'

/** The count in an advert is one byte. */
const MOST_ADDRESSES = 255

/** What keepalived keeps of a password (RFC 2338 §5.3.10: eight octets). */
export const AUTH_PASS_BYTES = 8

/** Rules that look at more than one value. Every problem, in the order of the file. */
export function crossCheck(config: Config): Problem[] {
  if (config.vrrp.length === 0 && config.proxy.length === 0) {
    return [errorAt([], 'there is nothing to do: it needs at least one entry in `vrrp:` or `proxy:`')]
  }
  return [
    ...config.vrrp.flatMap(instanceProblems),
    ...duplicates(
      config.vrrp,
      (one) => one.name,
      (i) => ['vrrp', i, 'name'],
      (one) => `another instance is already called ${one.name}: names must differ`
    ),
    ...duplicates(
      config.vrrp,
      (one) => `${one.interface} ${one.virtualRouterId}`,
      (i) => ['vrrp', i, 'virtual_router_id'],
      (one, first) =>
        `VRID ${one.virtualRouterId} is already used on ${one.interface} by ${first.name}: give each group on a link its own, 1 to 255`
    ),
    ...sharedAddresses(config),
    ...config.proxy.flatMap(serviceProblems),
    ...duplicates(
      config.proxy,
      (one) => one.name,
      (i) => ['proxy', i, 'name'],
      (one) => `another service is already called ${one.name}: names must differ`
    ),
    ...sharedListeners(config)
  ]
}

function instanceProblems(one: VrrpConfig, index: number): Problem[] {
  const at = (...rest: Path): Path => ['vrrp', index, ...rest]
  const problems: Problem[] = []
  if (one.version === 2 && (one.advertIntMs % 1000 !== 0 || one.advertIntMs > 255_000)) {
    problems.push(
      errorAt(
        at('advert_int'),
        'VRRP version 2 counts whole seconds, 1s to 255s: use one of these, or `version: 3` on every node'
      )
    )
  }
  if (one.version === 3 && (one.advertIntMs % 10 !== 0 || one.advertIntMs > 40_950)) {
    problems.push(errorAt(at('advert_int'), 'VRRP version 3 counts steps of 10ms, 10ms to 40950ms'))
  }
  if (one.version === 3 && one.authentication !== null) {
    problems.push(
      errorAt(at('authentication'), 'VRRP version 3 has no passwords: remove `authentication`, or use `version: 2`')
    )
  }
  const bytes = Buffer.byteLength(one.authentication?.pass ?? '')
  if (bytes > AUTH_PASS_BYTES) {
    problems.push(
      warningAt(
        at('authentication', 'auth_pass'),
        `the password has ${bytes} bytes and only the first 8 count, as in keepalived: write those 8`
      )
    )
  }
  if (one.virtualIpaddress.length > MOST_ADDRESSES) {
    problems.push(
      errorAt(
        at('virtual_ipaddress'),
        `an advert names at most ${MOST_ADDRESSES} addresses: split them over two instances`
      )
    )
  }
  for (const [i, address] of one.virtualIpaddress.entries()) {
    if (isNoHost(address.address) || address.length === 0) {
      problems.push(
        errorAt(
          at('virtual_ipaddress', i),
          `${formatPrefix(address)} is no address that a host can have: use a free address of the link`
        )
      )
    }
    if (address.family === 6) {
      problems.push(
        errorAt(
          at('virtual_ipaddress', i),
          `${address.address} is IPv6, which this version cannot hold yet: use an IPv4 address`
        )
      )
    }
  }
  return problems
}

function serviceProblems(one: Config['proxy'][number], index: number): Problem[] {
  const problems = duplicates(
    one.servers,
    (server) => server.name,
    (i) => ['proxy', index, 'servers', i, 'name'],
    (server) => `another server of ${one.name} is already called ${server.name}: names must differ`
  )
  for (const [i, server] of one.servers.entries()) {
    if (isWildcard(server.address.host)) {
      problems.push(
        errorAt(
          ['proxy', index, 'servers', i, 'address'],
          `${server.address.host} is no server: name the address that it listens on`
        )
      )
    }
    if (one.bind.some((bind) => formatHostPort(bind) === formatHostPort(server.address))) {
      problems.push(
        errorAt(
          ['proxy', index, 'servers', i, 'address'],
          `${formatHostPort(server.address)} is where ${one.name} itself listens: the proxy would call itself`
        )
      )
    }
  }
  return problems
}

function sharedAddresses(config: Config): Problem[] {
  const all = config.vrrp.flatMap((one, i) =>
    one.virtualIpaddress.map((address, j) => ({ one, address, path: ['vrrp', i, 'virtual_ipaddress', j] as const }))
  )
  return duplicates(
    all,
    (entry) => entry.address.address,
    (i) => all[i]?.path ?? [],
    (entry, first) =>
      first.one === entry.one
        ? `${formatPrefix(entry.address)} stands twice in ${entry.one.name}: once is enough`
        : `${formatPrefix(entry.address)} already belongs to ${first.one.name}: an address has one instance`
  )
}

/** Two services on one port: the same address, or one of them a wildcard of that family. */
function sharedListeners(config: Config): Problem[] {
  const all = config.proxy.flatMap((service, i) =>
    service.bind.map((bind, j) => ({ service, bind, path: ['proxy', i, 'bind', j] as const }))
  )
  const problems: Problem[] = []
  for (const [i, later] of all.entries()) {
    const clash = all.slice(0, i).find(({ bind }) => {
      const isSame = bind.host === later.bind.host || isWildcard(bind.host) || isWildcard(later.bind.host)
      return bind.port === later.bind.port && bind.family === later.bind.family && isSame
    })
    if (clash !== undefined) {
      problems.push(
        errorAt(
          later.path,
          `${formatHostPort(later.bind)} clashes with ${formatHostPort(clash.bind)} of ${clash.service.name}: give each listener its own address and port`
        )
      )
    }
  }
  return problems
}

/** Unspecified, loopback, multicast, reserved and broadcast. */
const isNoHost = (address: string): boolean => /^(0|127|22[4-9]|23\d|24\d|25[0-5])\./.test(address)

const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::'

function duplicates<Item>(
  items: readonly Item[],
  key: (item: Item) => string,
  path: (index: number) => Path,
  message: (item: Item, first: Item) => string
): Problem[] {
  const firsts = new Map<string, Item>()
  return items.flatMap((item, index) => {
    const first = firsts.get(key(item))
    if (first === undefined) {
      firsts.set(key(item), item)
      return []
    }
    return [errorAt(path(index), message(item, first))]
  })
}
