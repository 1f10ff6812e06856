import { type Advert, type BadPacket, decodeAdvert, equalInConstantTime } from './advert.js'

/** What a receiver is configured to accept. */
export interface Local {
  readonly version: 2 | 3
  readonly vrid: number
  readonly advertIntMs: number
  /** The eight bytes of a PASS password; null is no authentication. */
  readonly password: Uint8Array | null
  /** Whom adverts may come from, and with which TTL; null or absent is multicast. */
  readonly unicast?: Unicast | null
  /** Checks signatures (auth_hmac); null or absent: a signed advert has a wrong length. */
  readonly signature?: SignatureCheck | null
}

export interface Unicast {
  readonly peers: readonly { readonly address: string; readonly minTtl: number; readonly maxTtl: number }[]
  readonly checkSource: boolean
}

/** Finds out whether a payload is signed, by whom, and whether it may be believed. */
export interface SignatureCheck {
  /** @returns bytes of the trailer: 0 where an unsigned advert is taken too; or why the packet is refused */
  check(
    packet: Packet
  ): { readonly ok: true; readonly trailerBytes: number } | { readonly ok: false; readonly why: BadPacket }
}

/** A datagram of IP protocol 112 as it came in. */
export interface Packet {
  readonly payload: Uint8Array
  readonly source: string
  readonly destination: string
  readonly ttl: number
}

export type Received = { readonly ok: true; readonly advert: Advert } | { readonly ok: false; readonly why: BadPacket }

/**
 * The ladder that every packet climbs before it may move a timer (RFC 3768 §7.1, RFC 9568 §7.1, RFC 2338 §5.3.6 for
 * the password). `find` gives the instance of a VRID on the wire that the packet came in by.
 * An address list that differs from ours is no reason to refuse (keepalived 2.3.3 and later; RFC 9568 logs it):
 * during a roll-out of a new list it would make two masters.
 */
export function receive(packet: Packet, find: (vrid: number) => Local | undefined): Received {
  const local = find(packet.payload[1] ?? 0)
  const foreign = wrongEnvelope(packet, local?.unicast ?? null)
  if (foreign !== undefined) return { ok: false, why: foreign }
  const signature = local?.signature?.check(packet) ?? { ok: true, trailerBytes: 0 }
  if (!signature.ok) return signature
  const decoded = decodeAdvert(packet.payload, packet, signature.trailerBytes)
  if (!decoded.ok) return decoded
  if (local === undefined) return { ok: false, why: 'vrid' }
  const why = refusal(decoded.advert, local)
  return why === undefined ? decoded : { ok: false, why }
}

/** 224.0.0.0/4 and ff00::/8. */
const isMulticast = (address: string): boolean =>
  address.includes(':') ? address.startsWith('ff') : Number(address.slice(0, address.indexOf('.'))) >> 4 === 14

/** Where a packet came from and how: TTL 255 shows that no router was in between. */
function wrongEnvelope({ source, destination, ttl }: Packet, unicast: Unicast | null): BadPacket | undefined {
  if (unicast === null) {
    if (ttl !== 255) return 'ttl'
    return isMulticast(destination) ? undefined : 'transport'
  }
  if (isMulticast(destination)) return 'transport'
  if (!unicast.checkSource) return undefined
  const peer = unicast.peers.find((one) => one.address === source)
  if (peer === undefined) return 'peer'
  return ttl < peer.minTtl || ttl > peer.maxTtl ? 'ttl' : undefined
}

function refusal(advert: Advert, local: Local): BadPacket | undefined {
  if (advert.version !== local.version) return 'version'
  if (advert.version === 3) return undefined
  const type = local.password === null ? 0 : 1
  if (advert.auth?.type !== type) return 'auth'
  if (local.password !== null && !equalInConstantTime(advert.auth.data, local.password)) return 'auth'
  // Version 3 adopts the master's interval; version 2 discards what differs (RFC 3768 §7.1).
  return advert.advertIntMs === local.advertIntMs ? undefined : 'interval'
}
