import { property } from './issues.js'

/** Lists that cannot be left out, or whose absence would say something of its own. */
const NEEDED: ReadonlySet<unknown> = new Set(['bind', 'virtual_ipaddress', 'unicast_peer', 'notification_email'])

/**
 * Stands for a value that is wrong, so that the rest can be cross-checked: unlike any other value, and nothing that a
 * rule would object to. Undefined: there is none.
 * @param root the file
 * @param path where the wrong value stands
 * @param serial a number that no other placeholder has
 */
export function placeholder(root: unknown, path: readonly PropertyKey[], serial: number): unknown {
  const last = path.at(-1)
  if (typeof last === 'number') return single(root, path, path.at(-2), serial) ?? named(path.at(-2), serial)
  const one = single(root, path, last, serial)
  if (!NEEDED.has(last)) return last === 'virtual_ipaddress_excluded' ? undefined : one
  return [one]
}

/** A value of its own, or an item of a list. */
function single(root: unknown, path: readonly PropertyKey[], key: unknown, serial: number): unknown {
  switch (key) {
    case 'virtual_ipaddress':
    case 'virtual_ipaddress_excluded':
    case 'unicast_peer':
      return address(root, path, serial)
    case 'address':
      return path[0] === 'proxy' ? `${address4(serial)}:1` : address(root, path, serial)
    case 'bind':
      return `${address4(serial)}:1`
    case 'name':
      return `unnamed-${serial}`
    case 'interface':
      return isOfInstance(path) ? `none-${serial}` : undefined
    case 'virtual_router_id':
      return isOfInstance(path) ? freeVrid(root) : undefined
    case 'notification_email':
      return `unnamed-${serial}@localhost`
    case 'file':
    case 'credential':
      return path.includes('auth_hmac') ? `${key === 'file' ? '/' : ''}unnamed-${serial}` : undefined
    case 'smtp_server':
      return '127.0.0.1'
    default:
      return undefined
  }
}

const isOfInstance = (path: readonly PropertyKey[]): boolean => path[0] === 'vrrp' && path.length === 3

/** One that no instance has, not even as a placeholder. */
function freeVrid(root: unknown): number | undefined {
  const instances = property(root, 'vrrp')
  const taken = new Set(Array.isArray(instances) ? instances.map((one) => property(one, 'virtual_router_id')) : [])
  return Array.from({ length: 255 }, (_, i) => 255 - i).find((vrid) => !taken.has(vrid))
}

/** An item of a list of names. */
const named = (list: unknown, serial: number): unknown =>
  list === 'group' || String(list).startsWith('track_') ? `unnamed-${serial}` : undefined

/** An address of the family that the instance seems to have: another one would be a fault of its own. */
function address(root: unknown, path: readonly PropertyKey[], serial: number): string {
  const instance = path.slice(0, 2).reduce<unknown>((here, part) => property(here, part), root)
  const all = property(instance, 'virtual_ipaddress')
  const texts = Array.isArray(all) ? all.map(addressText) : []
  // The first that looks like an address at all, as for the instance itself.
  const isIpv6 = texts.find((text) => /[.:]/.test(text))?.includes(':') === true
  return isIpv6 ? `fe80::ffff:${(serial & 0xffff).toString(16)}` : address4(serial)
}

/** What an item says of its address; anything may stand there, also what cannot be made a text. */
function addressText(item: unknown): string {
  const text = property(item, 'address') ?? item
  return typeof text === 'string' ? text : ''
}

/** Of the block for benchmarks (RFC 2544): in no configuration. */
const address4 = (serial: number): string => `198.18.${(serial >> 8) & 255}.${serial & 255}`
