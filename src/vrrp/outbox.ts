import type { VrrpConfig } from '../config/schema.js'
import { type Advert, encodeAdvert } from './advert.js'

/** One datagram of protocol 112, ready to leave. */
export interface Datagram {
  readonly payload: Uint8Array
  readonly destination: string
  readonly source: string
  /** TTL or hop limit. */
  readonly ttl: number
}

/** Signs what is sent (auth_hmac). Each call is newer than the one before. */
export interface Signing {
  /** @param inMs when it will leave, from now */
  sign(payload: Uint8Array, source: string, inMs: number): Uint8Array
}

type Transport = Pick<VrrpConfig, 'unicast' | 'group'>

/** RFC 9568 §5.1.1.3: shows that no router was in between. */
const MULTICAST_TTL = 255

/** Where adverts go: to the group, or to each peer. */
export const destinationsOf = ({ unicast, group }: Transport): readonly string[] =>
  unicast === null ? [group] : unicast.peers.map((peer) => peer.address)

/** An advert as the datagrams that carry it: the checksum of version 3 differs for each destination. */
export function datagrams(
  transport: Transport,
  advert: Advert,
  source: string,
  signing: Signing | null = null,
  inMs = 0
): Datagram[] {
  const ttl = transport.unicast?.ttl ?? MULTICAST_TTL
  return destinationsOf(transport).map((destination) => {
    const payload = encodeAdvert(advert, { source, destination })
    return { payload: signing?.sign(payload, source, inMs) ?? payload, destination, source, ttl }
  })
}
