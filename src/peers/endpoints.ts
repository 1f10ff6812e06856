import { formatAddress, formatHostPort } from '../base/ip.js'
import type { Clients } from './message.js'

/** One session among the data plane's endpoints: client, listener, each as 16 bytes of address and 2 of port. */
const RECORD_BYTES = 36
const HALF = 18
/** Where IPv4 begins in ::ffff:0:0/96. */
const V4_AT = 12

/**
 * The data plane's endpoints → clients by listener, of listeners at these addresses. Clients with a proxy before them
 * (PROXY header) are given as they say they are: a word to them does no harm.
 */
export function clientsAt(endpoints: Uint8Array, addresses: ReadonlySet<string>): Clients[] {
  const groups = new Map<string, { readonly isWanted: boolean; readonly listener: string; readonly of: Uint8Array[] }>()
  for (let at = 0; at + RECORD_BYTES <= endpoints.length; at += RECORD_BYTES) {
    const listener = endpoints.subarray(at + HALF, at + RECORD_BYTES)
    const key = Buffer.from(listener.buffer, listener.byteOffset, HALF).toString('latin1')
    let group = groups.get(key)
    if (group === undefined) {
      const host = formatAddress(isV4(listener) ? listener.subarray(V4_AT, 16) : listener.subarray(0, 16))
      const port = ((listener[16] ?? 0) << 8) | (listener[17] ?? 0)
      group = { isWanted: addresses.has(host), listener: formatHostPort({ host, port }), of: [] }
      groups.set(key, group)
    }
    const client = endpoints.subarray(at, at + HALF)
    // Of another family than the listener: it came through a proxy, and cannot be told anything.
    if (group.isWanted && isV4(client) === isV4(listener)) group.of.push(isV4(client) ? client.subarray(V4_AT) : client)
  }
  return [...groups.values()]
    .filter(({ of }) => of.length > 0)
    .map(({ listener, of }) => ({ listener, endpoints: Uint8Array.from(Buffer.concat(of)) }))
}

const isV4 = (bytes: Uint8Array): boolean =>
  bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((byte) => byte === 0)
