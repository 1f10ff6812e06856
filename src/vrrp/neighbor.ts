import { internetChecksum } from '../base/checksum.js'
import { addressBytes } from '../base/ip.js'

const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]
const NOBODY = [0, 0, 0, 0, 0, 0]
/** ff02::1 and where it lies on Ethernet (RFC 2464 §7). */
const ALL_NODES = [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
const ALL_NODES_MAC = [0x33, 0x33, 0, 0, 0, 1]
const ICMPV6 = 58
const NA_BYTES = 32

/**
 * A gratuitous ARP as a whole Ethernet frame: a request that asks for its own address, target hardware address all
 * ones, 42 bytes, as keepalived and FRR send it (RFC 5227 §3 announces by request, not by reply).
 * @param mac six bytes
 */
export function gratuitousArp(mac: Uint8Array, address: string): Uint8Array {
  return arpRequest(mac, address, BROADCAST, address)
}

/**
 * An ARP request for `address` as a whole Ethernet frame.
 * @param mac six bytes
 * @param from an address of our own; without one it is a probe that changes nobody's cache (RFC 5227 §1.1)
 */
export function arpProbe(mac: Uint8Array, address: string, from = '0.0.0.0'): Uint8Array {
  return arpRequest(mac, from, NOBODY, address)
}

function arpRequest(mac: Uint8Array, from: string, targetMac: readonly number[], target: string): Uint8Array {
  const [sender, asked] = [addressBytes(from), addressBytes(target)]
  if (sender?.length !== 4 || asked?.length !== 4 || mac.length !== 6)
    throw new Error('ARP needs a MAC and IPv4 addresses')
  return Uint8Array.from([
    ...BROADCAST,
    ...mac,
    ...[0x08, 0x06], // EtherType ARP
    ...[0x00, 0x01, 0x08, 0x00, 6, 4], // Ethernet, IPv4, their lengths
    ...[0x00, 0x01], // request
    ...mac,
    ...sender,
    ...targetMac,
    ...asked
  ])
}

/**
 * An unsolicited neighbour advertisement as a whole Ethernet frame, 86 bytes: to all nodes, from the address itself,
 * override flag and target link-layer address (RFC 4861 §7.2.6), as keepalived sends it.
 * @param mac six bytes
 * @param isRouter whether the host forwards IPv6: hosts drop their routes over a neighbour that says it does not
 */
export function unsolicitedNa(mac: Uint8Array, address: string, isRouter: boolean): Uint8Array {
  const ip = addressBytes(address)
  if (ip?.length !== 16 || mac.length !== 6)
    throw new Error('a neighbour advertisement needs a MAC and an IPv6 address')
  const message = [
    ...[136, 0, 0, 0], // type, code, checksum
    ...[isRouter ? 0xa0 : 0x20, 0, 0, 0], // override
    ...ip,
    ...[2, 1, ...mac] // target link-layer address, one unit of 8 bytes
  ]
  const pseudoHeader = Uint8Array.from([...ip, ...ALL_NODES, 0, 0, 0, NA_BYTES, 0, 0, 0, ICMPV6])
  const sum = internetChecksum(pseudoHeader, Uint8Array.from(message))
  message.splice(2, 2, sum >> 8, sum & 0xff)
  return Uint8Array.from([
    ...ALL_NODES_MAC,
    ...mac,
    ...[0x86, 0xdd], // EtherType IPv6
    ...[0x60, 0, 0, 0, 0, NA_BYTES, ICMPV6, 255],
    ...ip,
    ...ALL_NODES,
    ...message
  ])
}

/** A MAC as people write it: 'aa:bb:cc:dd:ee:ff'. */
export const macText = (mac: Uint8Array): string => [...mac].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
