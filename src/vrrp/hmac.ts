import { createHmac, timingSafeEqual } from 'node:crypto'
import { addressBytes, type Family } from '../base/ip.js'
import { type Stamp, stampMs } from './stamp.js'

/**
 * keepalived's auth_hmac (2.4 and later): a trailer behind the advert, whatever its version.
 *
 * ```
 *  0 type 1    1 key id    2 zero    4 UTC seconds    8 1/65536 s    10 counter    12 HMAC-SHA256, its first 16 bytes
 * ```
 * Signed are 20 bytes of who says it { 4 or 6, version, VRID, 0, source filled up to 16 bytes }, the advert with its
 * checksum as 0, and the trailer with its digest as 0. The advert's checksum is computed before: over IPv4 it does not
 * cover the trailer; over IPv6 it covers the trailer too, and the kernel writes it (IPV6_CHECKSUM).
 */
export const TRAILER_BYTES = 28

export interface HmacKey {
  readonly id: number
  readonly secret: Uint8Array
}

/** Who says it, as far as it is signed beside the advert. */
export interface Signer {
  readonly family: Family
  readonly version: 2 | 3
  readonly vrid: number
  readonly source: string
}

/** What is accepted now. */
export interface Acceptance {
  readonly keys: readonly HmacKey[]
  /** UTC in milliseconds: wall time, since it is compared with another node's. */
  readonly nowMs: number
  /** How far a stamp may be from it, before or after. */
  readonly windowMs: number
}

export type HmacRefusal = 'auth_missing' | 'auth_key' | 'auth_digest' | 'auth_time'

export type Verified =
  | { readonly ok: true; readonly pdu: Uint8Array; readonly keyId: number; readonly stamp: Stamp }
  | { readonly ok: false; readonly why: HmacRefusal }

const TYPE_HMAC = 1
const HEADER_BYTES = 8
const AUTH_BYTES = 8
const CHECKSUM_AT = 6
const DIGEST_AT = 12
const PSEUDO_HEADER_BYTES = 20

/** An advert → the same with its signature. The source is an address: anything else is a bug and throws. */
export function sign(pdu: Uint8Array, signer: Signer, key: HmacKey, stamp: Stamp): Uint8Array {
  const signed = new Uint8Array(pdu.length + TRAILER_BYTES)
  signed.set(pdu)
  const trailer = signed.subarray(pdu.length)
  const view = new DataView(trailer.buffer, trailer.byteOffset)
  view.setUint8(0, TYPE_HMAC)
  view.setUint8(1, key.id)
  view.setUint32(4, stamp.seconds)
  view.setUint16(8, stamp.fraction)
  view.setUint16(10, stamp.counter)
  const digest = digestOf(pdu, trailer, signer, key.secret)
  if (digest === undefined) throw new Error(`an advert cannot be signed: ${signer.source} is no address`)
  trailer.set(digest, DIGEST_AT)
  return signed
}

/**
 * The advert and what follows it, where exactly a trailer follows: by the advert's own count. Total: never throws.
 * undefined: nothing follows, or the length fits neither; `decodeAdvert` tells which.
 */
export function splitTrailer(
  payload: Uint8Array,
  family: Family
): { readonly pdu: Uint8Array; readonly trailer: Uint8Array } | undefined {
  const end = pduBytes(payload, family)
  if (end === undefined || payload.length !== end + TRAILER_BYTES) return undefined
  return { pdu: payload.subarray(0, end), trailer: payload.subarray(end) }
}

/**
 * Whether a packet's payload is signed by one who has a key of ours, now. Total: never throws, whatever the bytes.
 * A signature that was seen before is `Replay`'s to find.
 */
export function verify(
  payload: Uint8Array,
  from: Pick<Signer, 'family' | 'source'>,
  { keys, nowMs, windowMs }: Acceptance
): Verified {
  const split = splitTrailer(payload, from.family)
  if (split === undefined || split.trailer[0] !== TYPE_HMAC) return { ok: false, why: 'auth_missing' }
  const { pdu, trailer } = split
  const keyId = trailer[1] ?? 0
  const key = keys.find(({ id }) => id === keyId)
  if (key === undefined) return { ok: false, why: 'auth_key' }
  const version = (pdu[0] ?? 0) >> 4 === 2 ? 2 : 3
  const digest = digestOf(pdu, trailer, { ...from, version, vrid: pdu[1] ?? 0 }, key.secret)
  if (digest === undefined || !timingSafeEqual(digest, trailer.subarray(DIGEST_AT))) {
    return { ok: false, why: 'auth_digest' }
  }
  const view = new DataView(trailer.buffer, trailer.byteOffset)
  const stamp = { seconds: view.getUint32(4), fraction: view.getUint16(8), counter: view.getUint16(10) }
  if (Math.abs(stampMs(stamp) - nowMs) > windowMs) return { ok: false, why: 'auth_time' }
  return { ok: true, pdu, keyId, stamp }
}

/** keepalived's own window where none is configured: 3 × advert_int, at least 5 s. */
export const defaultWindowMs = (advertIntMs: number): number => Math.max(3 * advertIntMs, 5000)

/** How long an advert says it is; undefined where it is too short to say, or of no version that we know. */
function pduBytes(payload: Uint8Array, family: Family): number | undefined {
  if (payload.length < HEADER_BYTES) return undefined
  const [first = 0, , , count = 0] = payload
  switch (first >> 4) {
    case 2:
      return family === 4 ? HEADER_BYTES + count * 4 + AUTH_BYTES : undefined
    case 3:
      return HEADER_BYTES + count * (family === 4 ? 4 : 16)
    default:
      return undefined
  }
}

function digestOf(pdu: Uint8Array, trailer: Uint8Array, signer: Signer, secret: Uint8Array): Uint8Array | undefined {
  const source = addressBytes(signer.source)
  if (source === undefined) return undefined
  const input = new Uint8Array(PSEUDO_HEADER_BYTES + pdu.length + TRAILER_BYTES)
  input.set([signer.family, signer.version, signer.vrid, 0])
  input.set(source, 4)
  input.set(pdu, PSEUDO_HEADER_BYTES)
  input.fill(0, PSEUDO_HEADER_BYTES + CHECKSUM_AT, PSEUDO_HEADER_BYTES + CHECKSUM_AT + 2)
  input.set(trailer.subarray(0, DIGEST_AT), PSEUDO_HEADER_BYTES + pdu.length)
  return createHmac('sha256', secret)
    .update(input)
    .digest()
    .subarray(0, TRAILER_BYTES - DIGEST_AT)
}
