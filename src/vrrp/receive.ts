import { type Advert, type BadPacket, decodeAdvert, equalInConstantTime } from './advert.js'

/** What a receiver is configured to accept. */
export interface Local {
  readonly version: 2 | 3
  readonly vrid: number
  readonly advertIntMs: number
  /** The eight bytes of a PASS password; null is no authentication. */
  readonly password: Uint8Array | null
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
  if (packet.ttl !== 255) return { ok: false, why: 'ttl' }
  const decoded = decodeAdvert(packet.payload, packet)
  if (!decoded.ok) return decoded
  const { advert } = decoded
  const local = find(advert.vrid)
  const why = local === undefined ? 'vrid' : refusal(advert, local)
  return why === undefined ? decoded : { ok: false, why }
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
