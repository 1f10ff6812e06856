import type { VrrpConfig } from '../config/schema.js'
import type { Advert } from './advert.js'

/** The advert that an instance sends: the eight password bytes are there in version 2 whatever the type of authentication. */
export function ownAdvert(config: VrrpConfig, password: Uint8Array | null, priority: number): Advert {
  const { version, virtualRouterId: vrid, advertIntMs } = config
  const addresses = config.virtualIpaddress.map((prefix) => prefix.address)
  const common = { vrid, priority, advertIntMs, addresses }
  // Over IPv6 the kernel computes it, always with a pseudo-header (RFC 8200 §8.1).
  if (version === 3) return { version, ...common, checksum: config.family === 6 ? 'pseudo-header' : config.checksum }
  const auth = { type: password === null ? 0 : 1, data: password ?? new Uint8Array(8) }
  return { version, ...common, auth, checksum: 'message' }
}
