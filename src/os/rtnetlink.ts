import { formatAddressMessage, MessageType } from 'netlink/dist/rt/structs.js'
import { AttrStream, parseAttributes, parseMessage } from 'netlink/dist/structs.js'
import { addressBytes, formatAddress, type Prefix } from '../base/ip.js'

/** A network interface as the kernel has it. */
export interface Link {
  readonly index: number
  readonly name: string
  /** Set up by the administrator (IFF_UP) and able to pass packets (IFF_RUNNING). */
  readonly isUp: boolean
  readonly isRunning: boolean
  readonly isLoopback: boolean
  /** Six bytes on Ethernet. */
  readonly mac: Uint8Array
  readonly mtu: number
  /** Packets heard since it was made, as the kernel last told; 0 where it did not say. Grows unnoticed: `readLink` asks. */
  readonly rxPackets: number
}

/** An address on an interface. */
export interface KernelAddress {
  readonly index: number
  readonly prefix: Prefix
  /** IFA_PROTO: who put it there; 0 when nobody said, or on kernels before 5.18. */
  readonly protocol: number
  /** Given a lifetime: it is leased, not permanent. */
  readonly isLeased: boolean
  /** rtnetlink's scope: 0 global, 200 site, 253 link, 254 host. */
  readonly scope: number
  readonly isLinkLocal: boolean
  /** IPv4: not the first of its subnet on the interface; the kernel drops it together with the first. */
  readonly isSecondary: boolean
  /** IPv6: still being asked for (duplicate address detection), not in use yet. */
  readonly isTentative: boolean
  /** IPv6: somebody else has it. */
  readonly isDadFailed: boolean
}

/** An address that is to be held: its prefix, and how it shall look. */
export interface AddressRequest extends Prefix {
  /** IPv4 alone; null: the interface's name. */
  readonly label: string | null
  /** IPv4 alone: IPv6 addresses have that of their prefix. */
  readonly scope: number
  /** IPv4 alone; null: none. */
  readonly broadcast: string | null
  /** Nobody is asked whether it is free. */
  readonly noDad: boolean
}

/** One thing the kernel told. */
export type KernelEvent =
  | { readonly type: 'link'; readonly link: Link; readonly isGone: boolean }
  | { readonly type: 'address'; readonly address: KernelAddress; readonly isGone: boolean }

/** IFA_PROTO of the addresses that vipd adds: by it an orphan is known. Unassigned in rt_addrprotos (keepalived has 18). */
export const VIPD_PROTOCOL = 118

/** Attributes of a link (if_link.h) and of an address (if_addr.h): those that are read, and no others. */
const IFLA = { ADDRESS: 1, IFNAME: 3, MTU: 4, STATS64: 23, AF_SPEC: 26 } as const
const IFA = { ADDRESS: 1, LOCAL: 2, CACHEINFO: 6, FLAGS: 8, PROTO: 11 } as const
const IFA_F = { SECONDARY: 0x01, DADFAILED: 0x08, TENTATIVE: 0x40 } as const
/** In IFLA_AF_SPEC of AF_INET, and in that (linux/ip.h's numbering). */
const IFLA_INET_CONF = 1
const IPV4_DEVCONF_PROMOTE_SECONDARIES = 20
const IFF = { UP: 0x1, LOOPBACK: 0x8, RUNNING: 0x40 } as const
/** struct ifinfomsg, struct ifaddrmsg and struct nlmsghdr. */
const LINK_BYTES = 16
const ADDRESS_BYTES = 8
const HEADER_BYTES = 16
const AF_INET = 2
const AF_INET6 = 10
const SCOPE_LINK = 253
const FOREVER = 0xffff_ffff

/** A buffer of rtnetlink messages → what they say. Kinds that are not about links and addresses are left out. Never throws. */
export function decodeEvents(messages: Buffer): KernelEvent[] {
  const events: KernelEvent[] = []
  let rest = messages
  while (rest.length >= HEADER_BYTES) {
    const length = rest.readUInt32LE(0)
    if (length < HEADER_BYTES || length > rest.length) break
    const { type, data } = parseMessage(rest).x
    events.push(...decodeEvent(type, Buffer.concat([data].flat())))
    rest = rest.subarray((length + 3) & ~3)
  }
  return events
}

/** One rtnetlink message → what it says; none when it is of another kind, or is none. Never throws. */
export function decodeEvent(type: number, data: Buffer): KernelEvent[] {
  switch (type) {
    case MessageType.NEWLINK:
    case MessageType.DELLINK:
      return decodeLink(data, type === MessageType.DELLINK)
    case MessageType.NEWADDR:
    case MessageType.DELADDR:
      return decodeAddress(data, type === MessageType.DELADDR)
    default:
      return []
  }
}

/**
 * The attributes behind a message's head, as bytes. netlink's own readers of whole links are not used: they refuse a
 * message for any attribute, of whatever device, that a later kernel has made longer.
 */
function attributesOf(data: Buffer, head: number): Map<number, Buffer> | undefined {
  const attributes = new Map<number, Buffer>()
  try {
    parseAttributes(data.subarray(head), ({ type, data: value }) => {
      attributes.set(type, Buffer.concat([value].flat()))
    })
  } catch {
    return undefined
  }
  return attributes
}

function decodeLink(data: Buffer, isGone: boolean): KernelEvent[] {
  const attributes = data.length < LINK_BYTES ? undefined : attributesOf(data, LINK_BYTES)
  const name = attributes?.get(IFLA.IFNAME)
  // Bridge ports speak in AF_BRIDGE messages of their own: those are not about the link itself.
  if (attributes === undefined || name === undefined || data[0] !== 0) return []
  const flags = data.readUInt32LE(8)
  const mtu = attributes.get(IFLA.MTU)
  const stats = attributes.get(IFLA.STATS64)
  const link: Link = {
    index: data.readInt32LE(4),
    name: name.toString('utf8').split('\0')[0] ?? '',
    isUp: (flags & IFF.UP) !== 0,
    isRunning: (flags & IFF.RUNNING) !== 0,
    isLoopback: (flags & IFF.LOOPBACK) !== 0,
    mac: Uint8Array.from(attributes.get(IFLA.ADDRESS) ?? []),
    mtu: mtu?.length === 4 ? mtu.readUInt32LE(0) : 0,
    // struct rtnl_link_stats64 begins with rx_packets.
    rxPackets: stats !== undefined && stats.length >= 8 ? Number(stats.readBigUInt64LE(0)) : 0
  }
  return [{ type: 'link', link, isGone }]
}

function decodeAddress(data: Buffer, isGone: boolean): KernelEvent[] {
  const attributes = data.length < ADDRESS_BYTES ? undefined : attributesOf(data, ADDRESS_BYTES)
  // IPv4 has the local address in IFA_LOCAL, IPv6 in IFA_ADDRESS.
  const bytes = attributes?.get(IFA.LOCAL) ?? attributes?.get(IFA.ADDRESS)
  if (attributes === undefined || (bytes?.length !== 4 && bytes?.length !== 16)) return []
  const cacheInfo = attributes.get(IFA.CACHEINFO)
  const valid = cacheInfo !== undefined && cacheInfo.length >= 8 ? cacheInfo.readUInt32LE(4) : FOREVER
  const wide = attributes.get(IFA.FLAGS)
  const flags = wide?.length === 4 ? wide.readUInt32LE(0) : (data[2] ?? 0)
  const scope = data[3] ?? 0
  const family = bytes.length === 4 ? 4 : 6
  const address: KernelAddress = {
    index: data.readUInt32LE(4),
    prefix: { address: formatAddress(bytes), family, length: data[1] ?? 0 },
    protocol: attributes.get(IFA.PROTO)?.[0] ?? 0,
    isLeased: valid !== FOREVER,
    scope,
    isLinkLocal: scope === SCOPE_LINK,
    // In IPv6 the same bit marks a temporary address.
    isSecondary: family === 4 && (flags & IFA_F.SECONDARY) !== 0,
    isTentative: family === 6 && (flags & IFA_F.TENTATIVE) !== 0,
    isDadFailed: family === 6 && (flags & IFA_F.DADFAILED) !== 0
  }
  return [{ type: 'address', address, isGone }]
}

/** The payload of RTM_NEWADDR. `leaseS`: seconds until the kernel drops the address by itself. */
export function encodeNewAddress(index: number, address: AddressRequest, leaseS: number): Uint8Array[] {
  const isIpv4 = address.family === 4
  const broadcast = address.broadcast === null ? undefined : addressBytes(address.broadcast)
  const stream = addressMessage(index, address, isIpv4 ? address.scope : 0, {
    ...(isIpv4 && address.label !== null ? { label: address.label } : {}),
    ...(isIpv4 && broadcast?.length === 4 ? { broadcast: Buffer.from(broadcast) } : {}),
    // preferred 0: deprecated from the start, so that nothing picks the VIP as its source address.
    cacheInfo: { ifaValid: leaseS, ifaPrefered: 0 },
    flags: { ...(isIpv4 || address.noDad ? { nodad: true } : {}), ...(isIpv4 ? {} : { noprefixroute: true }) }
  })
  stream.push(IFA.PROTO, Buffer.from([VIPD_PROTOCOL]))
  return stream.bufs
}

/** The payload of RTM_DELADDR. */
export const encodeDelAddress = (index: number, prefix: Prefix): Uint8Array[] =>
  addressMessage(index, prefix, 0, {}).bufs

/** The payload of RTM_GETLINK for one interface. */
export function encodeGetLink(index: number): Buffer {
  const head = Buffer.alloc(LINK_BYTES)
  head.writeInt32LE(index, 4)
  return head
}

/**
 * The payload of RTM_SETLINK that switches promote_secondaries on for one interface: what `sysctl` would do, without
 * write access to /proc/sys.
 */
export function encodePromoteSecondaries(index: number): Uint8Array[] {
  const on = Buffer.alloc(4)
  on.writeUInt32LE(1)
  const conf = new AttrStream()
  conf.push(IPV4_DEVCONF_PROMOTE_SECONDARIES, on)
  const inet = new AttrStream()
  inet.push(IFLA_INET_CONF, Buffer.concat(conf.bufs))
  const spec = new AttrStream()
  spec.push(AF_INET, Buffer.concat(inet.bufs))
  const stream = new AttrStream()
  stream.emit(encodeGetLink(index))
  stream.push(IFLA.AF_SPEC, Buffer.concat(spec.bufs))
  return stream.bufs
}

function addressMessage(
  index: number,
  prefix: Prefix,
  scope: number,
  attrs: Parameters<typeof formatAddressMessage>[0]['attrs']
): AttrStream {
  const bytes = Buffer.from(addressBytes(prefix.address) ?? [])
  const stream = new AttrStream()
  const data = { family: prefix.family === 4 ? AF_INET : AF_INET6, prefixlen: prefix.length, index, scope }
  formatAddressMessage({ kind: 'address', data, attrs: { local: bytes, address: bytes, ...attrs } }, stream)
  return stream
}
