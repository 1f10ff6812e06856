import { formatAddressMessage, MessageType, parseAddressMessage, parseLinkMessage } from 'netlink/dist/rt/structs.js'
import { AttrStream, parseAttributes, parseMessages } from 'netlink/dist/structs.js'
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
}

/** An address on an interface. */
export interface KernelAddress {
  readonly index: number
  readonly prefix: Prefix
  /** IFA_PROTO: who put it there; 0 when nobody said, or on kernels before 5.18. */
  readonly protocol: number
  /** Given a lifetime: it is leased, not permanent. */
  readonly isLeased: boolean
}

/** One thing the kernel told. */
export type KernelEvent =
  | { readonly type: 'link'; readonly link: Link; readonly isGone: boolean }
  | { readonly type: 'address'; readonly address: KernelAddress; readonly isGone: boolean }

/** IFA_PROTO of the addresses that vipd adds: by it an orphan is known. Unassigned in rt_addrprotos (keepalived has 18). */
export const VIPD_PROTOCOL = 118

const IFA_PROTO = 11
const AF_INET = 2
const AF_INET6 = 10
const FOREVER = 0xffff_ffff

/** A buffer of rtnetlink messages → what they say. Kinds that are not about links and addresses are left out. */
export function decodeEvents(messages: Buffer): KernelEvent[] {
  return parseMessages(messages).flatMap((message) => {
    const data = Buffer.isBuffer(message.data) ? message.data : Buffer.concat([message.data].flat())
    return decodeEvent(message.type, data)
  })
}

/** One rtnetlink message → what it says; none when it is of another kind. */
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

function decodeLink(data: Buffer, isGone: boolean): KernelEvent[] {
  const { data: head, attrs } = parseLinkMessage(data)
  // Bridge ports speak in AF_BRIDGE messages of their own: those are not about the link itself.
  if ((head.family ?? 0) !== 0 || head.index === undefined || attrs.ifname === undefined) return []
  const flags = head.flags ?? {}
  const link: Link = {
    index: head.index,
    name: attrs.ifname,
    isUp: flags.up === true,
    isRunning: flags.running === true,
    isLoopback: flags.loopback === true,
    mac: Uint8Array.from(attrs.address ?? []),
    mtu: attrs.mtu ?? 0
  }
  return [{ type: 'link', link, isGone }]
}

function decodeAddress(data: Buffer, isGone: boolean): KernelEvent[] {
  const { data: head, attrs } = parseAddressMessage(data)
  // IPv4 has the local address in IFA_LOCAL, IPv6 in IFA_ADDRESS.
  const bytes = attrs.local ?? attrs.address
  if (head.index === undefined || bytes === undefined || (bytes.length !== 4 && bytes.length !== 16)) return []
  const valid = attrs.cacheInfo?.ifaValid ?? FOREVER
  const address: KernelAddress = {
    index: head.index,
    prefix: {
      address: formatAddress(bytes),
      family: bytes.length === 4 ? 4 : 6,
      length: head.prefixlen ?? 0
    },
    protocol: protocolOf(data),
    isLeased: valid !== FOREVER
  }
  return [{ type: 'address', address, isGone }]
}

/** IFA_PROTO, which the codec does not know, read from behind the 8 bytes of struct ifaddrmsg. */
function protocolOf(data: Buffer): number {
  let protocol = 0
  parseAttributes(data.subarray(8), (attribute) => {
    if (attribute.type === IFA_PROTO) protocol = Buffer.concat([attribute.data].flat())[0] ?? 0
  })
  return protocol
}

/** The payload of RTM_NEWADDR. `leaseS`: seconds until the kernel drops the address by itself. */
export function encodeNewAddress(index: number, prefix: Prefix, leaseS: number): Uint8Array[] {
  const stream = addressMessage(index, prefix, {
    // preferred 0: deprecated from the start, so that nothing picks the VIP as its source address.
    cacheInfo: { ifaValid: leaseS, ifaPrefered: 0 },
    flags: { nodad: true, ...(prefix.family === 6 ? { noprefixroute: true } : {}) }
  })
  stream.push(IFA_PROTO, Buffer.from([VIPD_PROTOCOL]))
  return stream.bufs
}

/** The payload of RTM_DELADDR. */
export const encodeDelAddress = (index: number, prefix: Prefix): Uint8Array[] => addressMessage(index, prefix, {}).bufs

function addressMessage(
  index: number,
  prefix: Prefix,
  attrs: Parameters<typeof formatAddressMessage>[0]['attrs']
): AttrStream {
  const bytes = Buffer.from(addressBytes(prefix.address) ?? [])
  const stream = new AttrStream()
  const data = { family: prefix.family === 4 ? AF_INET : AF_INET6, prefixlen: prefix.length, index, scope: 0 }
  formatAddressMessage({ kind: 'address', data, attrs: { local: bytes, address: bytes, ...attrs } }, stream)
  return stream
}
