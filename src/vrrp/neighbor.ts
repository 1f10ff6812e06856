import { addressBytes } from '../base/ip.js'

const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]

/**
 * A gratuitous ARP as a whole Ethernet frame: a request that asks for its own address, target hardware address all
 * ones, 42 bytes, as keepalived and FRR send it (RFC 5227 §3 announces by request, not by reply).
 * @param mac six bytes
 */
export function gratuitousArp(mac: Uint8Array, address: string): Uint8Array {
  const ip = addressBytes(address)
  if (ip?.length !== 4 || mac.length !== 6) throw new Error('gratuitous ARP needs a MAC and an IPv4 address')
  return Uint8Array.from([
    ...BROADCAST,
    ...mac,
    ...[0x08, 0x06], // EtherType ARP
    ...[0x00, 0x01, 0x08, 0x00, 6, 4], // Ethernet, IPv4, their lengths
    ...[0x00, 0x01], // request
    ...mac,
    ...ip,
    ...BROADCAST,
    ...ip
  ])
}
