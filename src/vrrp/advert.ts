import { internetChecksum } from '../base/checksum.js'
import { addressBytes, type Family, formatAddress } from '../base/ip.js'

/**
 * The advertisement on the wire, VRRP version 2 (RFC 2338, RFC 3768) and 3 (RFC 9568).
 * Seconds (v2) and centiseconds (v3) live and die here; elsewhere it is milliseconds.
 *
 * ```
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-------+-------+---------------+---------------+---------------+
 * |version| type 1|     VRID      |   priority    |     count     |
 * +-------+-------+---------------+---------------+---------------+
 * | v2: auth type | v2: seconds   |           checksum            |
 * | v3: 4 bit 0, 12 bit centisec. |                               |
 * +---------------+---------------+-------------------------------+
 * | count addresses of 4 or 16 bytes ... | v2: 8 bytes of password |
 * ```
 */
export interface Advert {
  readonly version: 2 | 3
  readonly vrid: number
  readonly priority: number
  readonly advertIntMs: number
  readonly addresses: readonly string[]
  /** Version 2 alone: the type (0 none, 1 PASS, 2 AH) and the eight bytes, which are there whatever the type. */
  readonly auth?: { readonly type: number; readonly data: Uint8Array }
  /**
   * What the checksum covers. Version 3 over IPv4 has two dialects: the message alone (RFC 9568, Cisco, Juniper)
   * or a pseudo-header before it (keepalived, FRR).
   */
  readonly checksum: ChecksumForm
}

export type ChecksumForm = 'message' | 'pseudo-header'

/** Why a packet is no acceptable advert: the first that applies. */
export type BadPacket =
  | 'length'
  | 'version'
  | 'type'
  | 'checksum'
  | 'vrid'
  | 'ttl'
  | 'count'
  | 'auth'
  | 'interval'
  | 'address'
  /** Unicast where multicast is configured, or the reverse. */
  | 'transport'
  /** From nobody in unicast_peer. */
  | 'peer'
  /** auth_hmac: no signature, an unknown key, a wrong signature, a time too far from ours, older than the last. */
  | 'auth_missing'
  | 'auth_key'
  | 'auth_digest'
  | 'auth_time'
  | 'auth_replay'

export type Decoded = { readonly ok: true; readonly advert: Advert } | { readonly ok: false; readonly why: BadPacket }

/** The IP header's part of it. */
export interface Envelope {
  readonly source: string
  readonly destination: string
}

const HEADER_BYTES = 8
const AUTH_BYTES = 8
const TYPE_ADVERTISEMENT = 1
const IP_PROTOCOL_VRRP = 112

/**
 * The payload of an IP packet → an advert, or the reason why not. Total: never throws, whatever the bytes.
 * @param trailerBytes bytes of a signature behind the advert (auth_hmac)
 */
export function decodeAdvert(payload: Uint8Array, envelope: Envelope, trailerBytes = 0): Decoded {
  if (payload.length < HEADER_BYTES) return bad('length')
  const [first = 0, vrid = 0, priority = 0, count = 0, fourth = 0, fifth = 0] = payload
  const version = first >> 4
  if (version !== 2 && version !== 3) return bad('version')
  if ((first & 0xf) !== TYPE_ADVERTISEMENT) return bad('type')
  const family: Family = envelope.source.includes(':') ? 6 : 4
  if (version === 2 && family === 6) return bad('version')
  if (count === 0) return bad('count')
  const addressLength = family === 4 ? 4 : 16
  const addressesEnd = HEADER_BYTES + count * addressLength
  const end = addressesEnd + (version === 2 ? AUTH_BYTES : 0)
  if (payload.length !== end + trailerBytes) return bad('length')
  // Over IPv6 the kernel's checksum covers a signature too, over IPv4 ours does not.
  const covered = family === 6 ? payload : payload.subarray(0, end)
  const checksum = checksumForm(covered, version, family, envelope)
  if (checksum === undefined) return bad('checksum')
  // v3: four reserved bits, ignored on receipt (RFC 9568 §5.2.6).
  const advertIntMs = version === 2 ? fifth * 1000 : (((fourth & 0xf) << 8) | fifth) * 10
  if (advertIntMs === 0) return bad('interval')
  const addresses: string[] = []
  for (let at = HEADER_BYTES; at < addressesEnd; at += addressLength) {
    addresses.push(formatAddress(payload.subarray(at, at + addressLength)))
  }
  // RFC 9568 §5.2.9: over IPv6 the first address is the link-local one (fe80::/10).
  if (family === 6 && !(payload[8] === 0xfe && ((payload[9] ?? 0) & 0xc0) === 0x80)) return bad('address')
  const common = { vrid, priority, advertIntMs, addresses, checksum }
  if (version === 3) return { ok: true, advert: { version, ...common } }
  // A copy: the payload's buffer may be used again for the next packet.
  return {
    ok: true,
    advert: { version, ...common, auth: { type: fourth, data: Uint8Array.from(payload.subarray(addressesEnd, end)) } }
  }
}

/**
 * An advert → the payload of an IP packet. The envelope counts where the checksum has a pseudo-header: the
 * destination is the real one, also for unicast.
 */
export function encodeAdvert(advert: Advert, envelope: Envelope): Uint8Array {
  const addresses = advert.addresses.map((address) => addressBytes(address) ?? new Uint8Array())
  const body = addresses.reduce((sum, bytes) => sum + bytes.length, 0)
  const payload = new Uint8Array(HEADER_BYTES + body + (advert.version === 2 ? AUTH_BYTES : 0))
  payload[0] = (advert.version << 4) | TYPE_ADVERTISEMENT
  payload[1] = advert.vrid
  payload[2] = advert.priority
  payload[3] = advert.addresses.length
  if (advert.version === 2) {
    payload[4] = advert.auth?.type ?? 0
    payload[5] = advert.advertIntMs / 1000
    payload.set(advert.auth?.data.subarray(0, AUTH_BYTES) ?? [], HEADER_BYTES + body)
  } else {
    const centiseconds = advert.advertIntMs / 10
    payload[4] = centiseconds >> 8
    payload[5] = centiseconds & 0xff
  }
  let at = HEADER_BYTES
  for (const bytes of addresses) {
    payload.set(bytes, at)
    at += bytes.length
  }
  const seed = advert.checksum === 'pseudo-header' ? pseudoHeader(envelope, payload.length) : new Uint8Array()
  const sum = internetChecksum(seed, payload)
  payload[6] = sum >> 8
  payload[7] = sum & 0xff
  return payload
}

/** A password as the eight bytes that go over the wire: cut, or filled up with zeros (RFC 2338 §5.3.10). */
export function passwordBytes(password: string): Uint8Array {
  const data = new Uint8Array(AUTH_BYTES)
  data.set(new TextEncoder().encode(password).subarray(0, AUTH_BYTES))
  return data
}

/** Equal or not, in a time that does not tell where they differ. */
export function equalInConstantTime(left: Uint8Array, right: Uint8Array): boolean {
  let difference = left.length ^ right.length
  for (let i = 0; i < AUTH_BYTES; i++) difference |= (left[i] ?? 0) ^ (right[i] ?? 0)
  return difference === 0
}

const bad = (why: BadPacket): Decoded => ({ ok: false, why })

/** Which dialect a packet's checksum is right in; undefined when in none. Version 3 over IPv4 may have either. */
function checksumForm(
  payload: Uint8Array,
  version: 2 | 3,
  family: Family,
  envelope: Envelope
): ChecksumForm | undefined {
  const isMessage = internetChecksum(new Uint8Array(), payload) === 0
  if (version === 2) return isMessage ? 'message' : undefined
  if (internetChecksum(pseudoHeader(envelope, payload.length), payload) === 0) return 'pseudo-header'
  return family === 4 && isMessage ? 'message' : undefined
}

function pseudoHeader(envelope: Envelope, length: number): Uint8Array {
  const source = addressBytes(envelope.source) ?? new Uint8Array()
  const destination = addressBytes(envelope.destination) ?? new Uint8Array()
  const tail =
    source.length === 4
      ? [0, IP_PROTOCOL_VRRP, length >> 8, length & 0xff]
      : [0, 0, length >> 8, length & 0xff, 0, 0, 0, IP_PROTOCOL_VRRP]
  return Uint8Array.from([...source, ...destination, ...tail])
}
