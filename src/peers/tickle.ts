import { internetChecksum } from '../base/checksum.js'
import { addressBytes } from '../base/ip.js'
import { type Clients, endpointBytes } from './message.js'

/**
 * A bare ACK from a listener to a client, sequence and acknowledgement 0, as a whole IP packet. A client that still
 * believes in the connection answers it with an ACK of its own (RFC 5961 §5: challenge ACK); the node that has the
 * listener's address now knows no such connection, and its kernel answers with RST. Samba's CTDB calls it a tickle.
 */
export function tickle(from: { readonly host: string; readonly port: number }, to: Uint8Array): Uint8Array {
  const source = addressBytes(from.host) ?? new Uint8Array(4)
  const isV4 = source.length === 4
  const target = to.subarray(0, source.length)
  const packet = new Uint8Array((isV4 ? V4_BYTES : V6_BYTES) + TCP_BYTES)
  const view = new DataView(packet.buffer)
  if (isV4) {
    packet[0] = 0x45
    view.setUint16(2, packet.length)
    packet[8] = HOPS
    packet[9] = TCP
    packet.set(source, 12)
    packet.set(target, 16)
    view.setUint16(10, internetChecksum(packet.subarray(0, V4_BYTES), NOTHING))
  } else {
    packet[0] = 0x60
    view.setUint16(4, TCP_BYTES)
    packet[6] = TCP
    packet[7] = HOPS
    packet.set(source, 8)
    packet.set(target, 24)
  }
  const tcp = packet.subarray(isV4 ? V4_BYTES : V6_BYTES)
  const words = new DataView(tcp.buffer, tcp.byteOffset)
  words.setUint16(0, from.port)
  tcp.set(to.subarray(source.length, source.length + 2), 2)
  tcp[12] = (TCP_BYTES / 4) << 4
  tcp[13] = ACK
  words.setUint16(16, internetChecksum(pseudo(source, target), tcp))
  return packet
}

const V4_BYTES = 20
const V6_BYTES = 40
const TCP_BYTES = 20
const TCP = 6
const HOPS = 64
const ACK = 0x10
const NOTHING = new Uint8Array(0)

/** RFC 9293 §3.1: what the checksum covers besides the segment; in IPv6's order too, where the sum is the same. */
function pseudo(source: Uint8Array, target: Uint8Array): Uint8Array {
  return Uint8Array.of(...source, ...target, 0, TCP, 0, TCP_BYTES)
}

/** The endpoints of a listener's clients, one after the other. */
export function* endpointsOf({ listener, endpoints }: Clients): Generator<Uint8Array> {
  const size = endpointBytes(listener)
  for (let at = 0; at + size <= endpoints.length; at += size) yield endpoints.subarray(at, at + size)
}
