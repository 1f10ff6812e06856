import type { Family } from '../base/ip.js'

/** What an echo carries there and back. */
export interface Token {
  /** 16 bits. */
  readonly id: number
  /** 16 bits. */
  readonly sequence: number
  /** 8 bytes of payload. */
  readonly secret: Buffer
}

const REQUEST = { 4: 8, 6: 128 } as const
const REPLY = { 4: 0, 6: 129 } as const
const HEADER_BYTES = 8
const SECRET_BYTES = 8

/** An echo request (RFC 792, RFC 4443 §4.1). The kernel makes the checksum of ICMPv6, which covers addresses. */
export function echoRequest(family: Family, { id, sequence, secret }: Token): Buffer {
  const message = Buffer.alloc(HEADER_BYTES + SECRET_BYTES)
  message.writeUInt8(REQUEST[family], 0)
  message.writeUInt16BE(id, 4)
  message.writeUInt16BE(sequence, 6)
  secret.copy(message, HEADER_BYTES, 0, SECRET_BYTES)
  if (family === 4) message.writeUInt16BE(checksum(message), 2)
  return message
}

/** What an echo reply brings back; undefined: it is none, or no reply to a request of ours. */
export function echoReply(family: Family, message: Buffer): Token | undefined {
  if (message.length !== HEADER_BYTES + SECRET_BYTES || message[0] !== REPLY[family] || message[1] !== 0)
    return undefined
  // The kernel has looked at that of ICMPv6; a raw socket of IPv4 hears broken ones too.
  if (family === 4 && checksum(message) !== 0) return undefined
  return { id: message.readUInt16BE(4), sequence: message.readUInt16BE(6), secret: message.subarray(HEADER_BYTES) }
}

/** RFC 1071; over a message with its checksum in it: 0. */
function checksum(message: Buffer): number {
  let sum = 0
  for (let at = 0; at < message.length; at += 2) sum += message.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
